//! Hosts in, a configuration for handshakes out, and what an operator should know.
//!
//! Handshakes read only the [`Resolver`]'s table. Everything else here belongs to the control thread and may take its time.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, server::ResolvesServerCert};

use super::certificate::Certificate;
use super::hosts::{Host, Hosts};
use super::local_ca::{self, CaError};
use super::resolver::Resolver;
use super::shelf::{self, Bundle, Issued, Meta};
use super::stand_in::local_leaf;
use super::supplies::Supplies;
use super::tickets::Tickets;
use super::{clock, files};
use crate::model::api::CertificateStatus;
use crate::model::renewal::Life;

/// Why there can be no TLS at all. What concerns one host alone is a warning (N27).
#[derive(Debug)]
pub enum StoreError {
    /// Hosts need the local CA, and it cannot be used.
    LocalCa(CaError),
    /// The system has no randomness to give.
    Randomness,
    /// What should be ticket keys is none.
    Tickets,
    /// rustls refuses the configuration.
    Tls(rustls::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalCa(error) => error.fmt(f),
            Self::Randomness => f.write_str("the system has no randomness to give"),
            Self::Tickets => f.write_str("the ticket keys of the process before this one cannot be read"),
            Self::Tls(error) => write!(f, "TLS cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::LocalCa(error) => Some(error),
            Self::Randomness | Self::Tickets => None,
            Self::Tls(error) => Some(error),
        }
    }
}

/// A host whose certificate is obtained from a CA.
#[derive(Debug, Clone)]
pub struct AcmeHost {
    /// A name, a wildcard or an address.
    pub name: String,
    /// What there is for it.
    pub current: Option<Current>,
}

/// A certificate that was obtained or imported.
#[derive(Debug, Clone)]
pub struct Current {
    /// From when until when it is good.
    pub life: Life,
    /// What the CA calls it when it is asked about renewal.
    pub id: Option<String>,
    /// Where it is from.
    pub meta: Meta,
}

/// Every certificate of this process, and the keys of its session tickets.
#[derive(Debug)]
pub struct Store {
    supplies: Supplies,
    resolver: Arc<Resolver>,
    tickets: Arc<Tickets>,
    /// Never locked by a handshake.
    state: Mutex<Hosts>,
}

impl Store {
    /// Gets a certificate for every host, and makes the local CA in `state_dir` if one needs it. Also returns what an
    /// operator should be told.
    ///
    /// # Errors
    /// When hosts that are meant for the local CA cannot have it, or the system has no randomness. A certificate from files
    /// that cannot be read is a warning, and the local CA stands in for it.
    pub fn open(hosts: Vec<Host>, state_dir: &Path) -> Result<(Arc<Self>, Vec<String>), StoreError> {
        Self::open_at(hosts, state_dir, clock::now())
    }

    fn open_at(hosts: Vec<Host>, state_dir: &Path, now: SystemTime) -> Result<(Arc<Self>, Vec<String>), StoreError> {
        let store = Self {
            supplies: Supplies::new(state_dir),
            resolver: Arc::new(Resolver::empty()),
            tickets: Arc::new(Tickets::new(now).map_err(|_| StoreError::Randomness)?),
            state: Mutex::default(),
        };
        let warnings = store.replace_hosts_at(hosts, now)?;
        Ok((Arc::new(store), warnings))
    }

    /// Serves these hosts from now on. Hosts that were served before keep their certificates, connections and tickets stay
    /// good, and configurations from [`Store::server_config`] follow. Also returns what an operator should be told.
    ///
    /// # Errors
    /// As [`Store::open`]; then nothing has changed.
    pub fn replace_hosts(&self, hosts: Vec<Host>) -> Result<Vec<String>, StoreError> {
        self.replace_hosts_at(hosts, clock::now())
    }

    fn replace_hosts_at(&self, hosts: Vec<Host>, now: SystemTime) -> Result<Vec<String>, StoreError> {
        // Files are read without the lock. What a refresh finds meanwhile in those that stay, the next one finds again.
        let old = Hosts::clone(&self.state());
        let (next, warnings) = Hosts::build(&old, hosts, &self.supplies, now).map_err(StoreError::LocalCa)?;
        let mut state = self.state();
        *state = next;
        self.resolver.publish(state.table());
        Ok(warnings)
    }

    /// The keys of session tickets, for a next process (N28). They are secret.
    #[must_use]
    pub fn ticket_keys(&self) -> String {
        self.tickets.write()
    }

    /// Goes on with the ticket keys of the process before this one (N28).
    ///
    /// # Errors
    /// When they cannot be read; tickets are made with keys of its own then.
    pub fn take_ticket_keys(&self, written: &str) -> Result<(), StoreError> {
        self.tickets.read(written).map_err(|_| StoreError::Tickets)
    }

    /// A configuration for every listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, tickets, no 0-RTT (E31).
    ///
    /// # Errors
    /// When rustls refuses it, which its provider would have to give a reason for.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, StoreError> {
        // The provider's key exchange groups stay as they are, with the post-quantum X25519MLKEM768 among them: rustls lets
        // the client's own order decide, so that only clients that ask for the hybrid pay for it.
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.supplies.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(StoreError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.resolver) as Arc<dyn ResolvesServerCert>);
        // `http/1.0` is what old tools offer; it goes the way of HTTP/1.1.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec(), b"http/1.0".to_vec()];
        config.ticketer = Arc::clone(&self.tickets) as Arc<dyn ProducesTickets>;
        // A second ticket costs 7 % of a handshake, and browsers come back with one.
        config.send_tls13_tickets = 1;
        // Sessions live in the clients' tickets: no table that cores share, and nothing that grows.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // Early data can be replayed, and a proxy cannot know which requests bear that (RFC 8470).
        config.max_early_data_size = 0;
        config.ignore_client_order = false;
        config.cert_compressors = Vec::new();
        Ok(Arc::new(config))
    }

    /// Whether the certificate shown for `sni` (empty: the client sent none) is good for `host` too (E19). A name is always
    /// covered by what is shown for itself, even if the certificate in the files does not say so.
    #[must_use]
    pub fn covers(&self, sni: &str, host: &str) -> bool {
        self.resolver.covers(sni, host)
    }

    /// Every host whose certificate is obtained from a CA.
    #[must_use]
    pub fn acme_hosts(&self) -> Vec<AcmeHost> {
        let state = self.state();
        let current = |issued: &Issued| Current {
            life: issued.certificate.life(),
            id: issued.certificate.id().map(str::to_owned),
            meta: issued.meta.clone(),
        };
        let hosts = state.acme().map(|(name, issued)| AcmeHost {
            name: name.to_owned(),
            current: issued.map(current),
        });
        hosts.collect()
    }

    /// Shows what was obtained for a host to every client that comes from now on; connections and tickets stay as they are.
    /// It is for the caller to [`Store::save`] it, and to look whether it is valid yet: by a clock that is behind, none that a
    /// CA has just made is.
    ///
    /// # Errors
    /// What is wrong with it, if it is of no use.
    pub fn install(&self, host: &str, bundle: &Bundle) -> Result<Life, String> {
        self.install_at(host, bundle, clock::now())
    }

    fn install_at(&self, host: &str, bundle: &Bundle, now: SystemTime) -> Result<Life, String> {
        let certificate = self.usable(host, bundle, now)?;
        let life = certificate.life();
        let issued = Issued {
            certificate: Arc::new(certificate),
            meta: bundle.meta.clone(),
        };
        let mut state = self.state();
        if state.install(host, issued, now) {
            self.resolver.publish(state.table());
        }
        Ok(life)
    }

    /// Shows what another process has put on the shelf since it was read. What is of no use there changes nothing.
    pub fn read_shelf_again(&self) {
        let Supplies { shelf, provider, .. } = &self.supplies;
        let found = self.acme_hosts().into_iter().filter_map(|host| {
            let issued = shelf::obtained(shelf, provider, &host.name, &mut Vec::new())?;
            Some((host.name, issued))
        });
        let found: Vec<_> = found.collect();
        let mut state = self.state();
        if state.take_up(found, clock::now()) {
            self.resolver.publish(state.table());
        }
    }

    fn usable(&self, host: &str, bundle: &Bundle, now: SystemTime) -> Result<Certificate, String> {
        let certificate = files::parse(&bundle.chain, &bundle.key.0, &self.supplies.provider)?;
        if !certificate.covers(host) {
            return Err(format!("it does not cover `{host}`"));
        }
        if certificate.life().until < clock::unix_seconds(now) {
            return Err("it has expired; is this machine's clock right?".to_owned());
        }
        Ok(certificate)
    }

    /// Keeps a certificate for the next start.
    ///
    /// # Errors
    /// From the disk, in words.
    pub fn save(&self, host: &str, bundle: &Bundle) -> Result<(), String> {
        let saved = shelf::write(&self.supplies.shelf, host, bundle);
        saved.map_err(|error| format!("`{}`: {}", self.supplies.shelf.display(), files::io_reason(&error)))
    }

    /// Which hosts a chain in PEM covers, of those whose certificates are obtained, each with the end of what it has now.
    ///
    /// # Errors
    /// What is wrong with chain or key.
    pub fn covered_by(&self, bundle: &Bundle) -> Result<(Life, Vec<AcmeHost>), String> {
        let certificate = files::parse(&bundle.chain, &bundle.key.0, &self.supplies.provider)?;
        let hosts = self
            .acme_hosts()
            .into_iter()
            .filter(|host| certificate.covers(&host.name));
        Ok((certificate.life(), hosts.collect()))
    }

    /// Hosts whose certificates end soon, each with its end, RFC 3339.
    #[must_use]
    pub fn ending(&self) -> Vec<(String, String)> {
        self.state().ending(clock::now())
    }

    /// From when until when certificates are good that are not of the local CA, by host.
    #[must_use]
    pub fn lives(&self) -> BTreeMap<String, Life> {
        self.state().lives()
    }

    /// What clients of a host are shown.
    #[must_use]
    pub fn status(&self, host: &str) -> CertificateStatus {
        self.status_at(host, clock::now())
    }

    fn status_at(&self, host: &str, now: SystemTime) -> CertificateStatus {
        self.state().status(host, now)
    }

    /// Reads changed files again, renews leaves of the local CA, rotates ticket keys. Keeps the last good certificate on any
    /// error. Returns what the log should say, and says nothing twice; meant to be called every few seconds, by a thread that
    /// may wait for a disk. Nothing else waits for that: files are read, and the local CA is opened, outside of the lock.
    pub fn refresh(&self) -> Vec<String> {
        self.refresh_at(clock::now())
    }

    fn refresh_at(&self, now: SystemTime) -> Vec<String> {
        let mut messages = Vec::new();
        let mut read = self.state().pairs();
        for pair in read.values_mut() {
            messages.extend(pair.refresh(&self.supplies.provider, now));
        }
        let mut state = self.state();
        if state.refresh(read, now, &mut messages) {
            self.resolver.publish(state.table());
        }
        let in_need = state.in_need_of_leaves(now);
        drop(state);
        let made = in_need.into_iter().map(|name| {
            let leaf = local_leaf(&self.supplies, &name, now, &mut messages);
            (name, leaf)
        });
        let made: Vec<_> = made.collect();
        let mut state = self.state();
        if state.take_leaves(made, now, &mut messages) {
            self.resolver.publish(state.table());
        }
        drop(state);
        if self.tickets.rotate(now).is_err() {
            messages.push("ticket keys stay as they are: the system has no randomness to give".to_owned());
        }
        messages
    }

    /// Where the local CA's root certificate is, once a host needed it: what clients have to trust.
    #[must_use]
    pub fn local_root_pem_path(&self) -> PathBuf {
        local_ca::root_path(&self.supplies.ca)
    }

    fn state(&self) -> MutexGuard<'_, Hosts> {
        // After a panic under the lock the state is whole all the same: it is replaced in one piece, or host by host.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
