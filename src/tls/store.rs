//! Which host gets which certificate, and what an operator should know about it.
//!
//! Handshakes read only the [`Resolver`]'s table. Everything else here belongs to the control thread and may take its time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, ProducesTickets};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, server::ResolvesServerCert};

use super::certificate::{Certificate, bare};
use super::files::{self, Pair};
use super::local_ca::{self, CaError, LocalCa};
use super::resolver::{Resolver, Table};
use super::tickets::Tickets;
use crate::config::Tls;
use crate::model::api::CertificateStatus;

const ACME_NOTE: &str = "the local CA stands in until an ACME certificate is there";

/// A host that is served over TLS.
#[derive(Debug, Clone)]
pub struct Host {
    /// A name, `*.example.com` for exactly one label, or an address.
    pub name: Arc<str>,
    /// Where its certificate comes from.
    pub tls: Tls,
}

/// Why there can be no TLS at all. What concerns one host alone is a warning (N27).
#[derive(Debug)]
pub enum StoreError {
    /// Hosts need the local CA, and it cannot be used.
    LocalCa(CaError),
    /// The system has no randomness to give.
    Randomness,
    /// rustls refuses the configuration.
    Tls(rustls::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LocalCa(error) => error.fmt(f),
            Self::Randomness => f.write_str("the system has no randomness to give"),
            Self::Tls(error) => write!(f, "TLS cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::LocalCa(error) => Some(error),
            Self::Randomness => None,
            Self::Tls(error) => Some(error),
        }
    }
}

/// Every certificate of this process, and the keys of its session tickets.
#[derive(Debug)]
pub struct Store {
    place: Place,
    resolver: Arc<Resolver>,
    tickets: Arc<Tickets>,
    /// Never locked by a handshake.
    state: Mutex<State>,
}

/// What certificates are made with.
#[derive(Debug)]
struct Place {
    ca: PathBuf,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug, Default)]
struct State {
    /// Opened when the first host needs it.
    ca: Option<Arc<LocalCa>>,
    /// Files by chain and key: hosts that share them share what was read.
    pairs: BTreeMap<(PathBuf, PathBuf), Pair>,
    /// By name: lower case, without a trailing dot.
    hosts: BTreeMap<Box<str>, Served>,
}

#[derive(Debug)]
struct Served {
    source: Source,
    /// A leaf of the local CA, where nothing else is there to be shown.
    local: Option<Arc<Certificate>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    Local,
    Acme,
    /// Key of [`State::pairs`].
    Files((PathBuf, PathBuf)),
}

impl Store {
    /// Gets a certificate for every host, and makes the local CA in `state_dir` if one needs it. Also returns what an
    /// operator should be told.
    ///
    /// # Errors
    /// When hosts that are meant for the local CA cannot have it, or the system has no randomness. A certificate from files
    /// that cannot be read is a warning, and the local CA stands in for it.
    pub fn open(hosts: Vec<Host>, state_dir: &Path) -> Result<(Arc<Self>, Vec<String>), StoreError> {
        Self::open_at(hosts, state_dir, clock())
    }

    fn open_at(hosts: Vec<Host>, state_dir: &Path, now: SystemTime) -> Result<(Arc<Self>, Vec<String>), StoreError> {
        let store = Self {
            place: Place {
                ca: local_ca::folder(state_dir),
                provider: Arc::new(aws_lc_rs::default_provider()),
            },
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
        self.replace_hosts_at(hosts, clock())
    }

    fn replace_hosts_at(&self, hosts: Vec<Host>, now: SystemTime) -> Result<Vec<String>, StoreError> {
        let mut state = self.state();
        let (next, warnings) = State::build(&state, hosts, &self.place, now)?;
        self.resolver.publish(next.table());
        *state = next;
        Ok(warnings)
    }

    /// A configuration for every listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN, tickets, no 0-RTT (E31).
    ///
    /// # Errors
    /// When rustls refuses it, which its provider would have to give a reason for.
    pub fn server_config(self: &Arc<Self>) -> Result<Arc<ServerConfig>, StoreError> {
        // The provider's key exchange groups stay as they are, with the post-quantum X25519MLKEM768 among them: rustls lets
        // the client's own order decide, so that only clients that ask for the hybrid pay for it.
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.place.provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(StoreError::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.resolver) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
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

    /// What clients of a host are shown.
    #[must_use]
    pub fn certificates(&self, host: &str) -> CertificateStatus {
        self.status_at(host, clock())
    }

    fn status_at(&self, host: &str, now: SystemTime) -> CertificateStatus {
        let state = self.state();
        let name = normal(host);
        let served = state.hosts.get(&name).or_else(|| {
            let (_, parent) = name.split_once('.')?;
            state.hosts.get(format!("*.{parent}").as_str())
        });
        let host = host.to_owned();
        let none = |note: String| CertificateStatus {
            host: host.clone(),
            issuer: "none".to_owned(),
            not_after: String::new(),
            note: Some(note),
        };
        let Some(served) = served else {
            return none("not served over TLS".to_owned());
        };
        let mut notes = state.note(served);
        let Some(shown) = state.shown(served) else {
            return none(notes.join("; "));
        };
        if let Some(untimely) = shown.untimely(now) {
            notes.push(untimely.to_owned());
        }
        if !shown.covers(&name) {
            notes.push("does not cover this host".to_owned());
        }
        let issuer = if served.local.is_some() {
            "local CA"
        } else {
            shown.issuer()
        };
        CertificateStatus {
            issuer: issuer.to_owned(),
            not_after: shown.not_after(),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
            host,
        }
    }

    /// Reads changed files again, renews leaves of the local CA, rotates ticket keys. Keeps the last good certificate on any
    /// error. Returns what the log should say, and says nothing twice; meant to be called every few seconds.
    pub fn refresh(&self) -> Vec<String> {
        self.refresh_at(clock())
    }

    fn refresh_at(&self, now: SystemTime) -> Vec<String> {
        let mut state = self.state();
        let mut messages = Vec::new();
        if state.refresh(&self.place, now, &mut messages) {
            self.resolver.publish(state.table());
        }
        if self.tickets.rotate(now).is_err() {
            messages.push("ticket keys stay as they are: the system has no randomness to give".to_owned());
        }
        messages
    }

    /// Where the local CA's root certificate is, once a host needed it: what clients have to trust.
    #[must_use]
    pub fn local_root_pem_path(&self) -> PathBuf {
        local_ca::root_path(&self.place.ca)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with the lock left a state that is whole: it is replaced in one piece, or host by host.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The state for these hosts, with what the old one has that still fits.
    fn build(old: &Self, hosts: Vec<Host>, place: &Place, now: SystemTime) -> Result<(Self, Vec<String>), StoreError> {
        let mut next = Self {
            ca: old.ca.clone(),
            ..Self::default()
        };
        let mut warnings = Vec::new();
        for host in hosts {
            let name = normal(&host.name);
            let Some(source) = Source::of(&name, host.tls) else {
                continue;
            };
            let vacant = match next.hosts.entry(name) {
                Entry::Vacant(vacant) => vacant,
                Entry::Occupied(first) => {
                    if first.get().source != source {
                        let name = first.key();
                        warnings.push(format!(
                            "`{name}` is given two sources of certificates; the first one is used"
                        ));
                    }
                    continue;
                }
            };
            let name = vacant.key().clone();
            let mut served = Served { source, local: None };
            if let Source::Files(paths) = &served.source
                && !next.pairs.contains_key(paths)
            {
                let pair = match old.pairs.get(paths) {
                    Some(pair) => pair.clone(),
                    None => {
                        let (pair, messages) = Pair::open(&paths.0, &paths.1, &place.provider, now);
                        warnings.extend(messages);
                        pair
                    }
                };
                next.pairs.insert(paths.clone(), pair);
            }
            match served.on_disk(&next.pairs) {
                Some(shown) if !shown.covers(&name) => {
                    warnings.push(format!("the certificate for `{name}` does not cover it"));
                }
                Some(_) => {}
                None => {
                    let kept = old.hosts.get(&name).and_then(|served| served.local.clone());
                    served.local = match kept {
                        Some(kept) => Some(kept),
                        None => local_leaf(&mut next.ca, &name, &served.source, place, now, &mut warnings)?,
                    };
                }
            }
            vacant.insert(served);
        }
        Ok((next, warnings))
    }

    /// Returns whether anything is shown that was not shown before.
    fn refresh(&mut self, place: &Place, now: SystemTime, messages: &mut Vec<String>) -> bool {
        let mut changed = false;
        for pair in self.pairs.values_mut() {
            let before = pair.current().map(Arc::as_ptr);
            messages.extend(pair.refresh(&place.provider, now));
            changed |= pair.current().map(Arc::as_ptr) != before;
        }
        let mut renewed = 0_usize;
        for (name, served) in &mut self.hosts {
            if let Some(shown) = served.on_disk(&self.pairs) {
                if served.local.take().is_some() && !shown.covers(name) {
                    messages.push(format!("the certificate for `{name}` does not cover it"));
                }
                continue;
            }
            let (Some(ca), Some(local)) = (&self.ca, &served.local) else {
                continue;
            };
            if !local.is_due(now) {
                continue;
            }
            match ca.leaf(name, now) {
                Ok(leaf) => {
                    served.local = Some(Arc::new(leaf));
                    renewed += 1;
                    changed = true;
                }
                // It was made before, and will be tried again; a clock before 1970 is the one known reason.
                Err(reason) => messages.push(format!("`{name}`: the local certificate cannot be renewed: {reason}")),
            }
        }
        if renewed > 0 {
            messages.push(format!("renewed {renewed} of the local CA's certificates"));
        }
        changed
    }

    fn table(&self) -> Table {
        Table::build(self.hosts.iter().map(|(name, served)| (&**name, self.shown(served))))
    }

    fn shown<'a>(&'a self, served: &'a Served) -> Option<&'a Arc<Certificate>> {
        served.on_disk(&self.pairs).or(served.local.as_ref())
    }

    /// Why something else is shown than was asked for.
    fn note(&self, served: &Served) -> Vec<String> {
        let none = if served.local.is_none() {
            "handshakes are refused"
        } else {
            files::STAND_IN
        };
        match &served.source {
            Source::Local if served.local.is_none() => vec![none.to_owned()],
            Source::Local => Vec::new(),
            Source::Acme if served.local.is_none() => vec![none.to_owned()],
            Source::Acme => vec![ACME_NOTE.to_owned()],
            Source::Files(paths) => match self.pairs.get(paths).and_then(|pair| Some((pair, pair.problem()?))) {
                Some((pair, problem)) => {
                    let instead = if pair.current().is_some() {
                        files::LAST_GOOD
                    } else {
                        none
                    };
                    vec![format!("{problem}; {instead}")]
                }
                None => Vec::new(),
            },
        }
    }
}

impl Served {
    fn on_disk<'a>(&self, pairs: &'a BTreeMap<(PathBuf, PathBuf), Pair>) -> Option<&'a Arc<Certificate>> {
        match &self.source {
            Source::Files(paths) => pairs.get(paths)?.current(),
            Source::Local | Source::Acme => None,
        }
    }
}

impl Source {
    /// `None` for hosts without TLS.
    fn of(name: &str, tls: Tls) -> Option<Self> {
        match tls {
            Tls::Off => None,
            Tls::Files { cert, key } => Some(Self::Files((cert, key))),
            Tls::Internal => Some(Self::Local),
            // No public CA signs names that every machine has for itself (RFC 6761 §6.3).
            Tls::Acme if name == "localhost" || name.ends_with(".localhost") => Some(Self::Local),
            Tls::Acme => Some(Self::Acme),
        }
    }
}

/// A leaf for one host. A host that cannot have one is a warning; a CA that cannot be used is an error for hosts that were
/// meant for it, and a warning for those that it would stand in for.
fn local_leaf(
    ca: &mut Option<Arc<LocalCa>>,
    name: &str,
    source: &Source,
    place: &Place,
    now: SystemTime,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<Certificate>>, StoreError> {
    let signer = match ca {
        Some(ca) => Arc::clone(ca),
        None => match LocalCa::open(&place.ca, &place.provider, now) {
            Ok((opened, messages)) => {
                warnings.extend(messages);
                Arc::clone(ca.insert(Arc::new(opened)))
            }
            Err(error) => match source {
                Source::Local | Source::Acme => return Err(StoreError::LocalCa(error)),
                Source::Files(_) => {
                    warnings.push(format!(
                        "`{name}`: handshakes are refused, nothing can stand in: {error}"
                    ));
                    return Ok(None);
                }
            },
        },
    };
    match signer.leaf(name, now) {
        Ok(leaf) => Ok(Some(Arc::new(leaf))),
        Err(reason) => {
            warnings.push(format!(
                "`{name}`: handshakes are refused, no certificate can be made: {reason}"
            ));
            Ok(None)
        }
    }
}

/// Lower case, no trailing dot; addresses in the one way that Rust writes them.
fn normal(host: &str) -> Box<str> {
    let host = bare(host);
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_string().into(),
        Err(_) => host.to_ascii_lowercase().into(),
    }
}

/// The one place in this room where the time comes from.
fn clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn host(name: &str, tls: Tls) -> Host {
        Host { name: name.into(), tls }
    }

    fn shown(store: &Store, name: &str) -> Arc<Certificate> {
        let state = store.state();
        Arc::clone(state.shown(state.hosts.get(name).unwrap()).unwrap())
    }

    #[test]
    fn a_local_leaf_is_renewed_when_a_third_of_its_life_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let start = clock();
        let hosts = vec![host("app.localhost", Tls::Internal), host("example.com", Tls::Acme)];
        let (store, warnings) = Store::open_at(hosts, folder.path(), start).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        let first = shown(&store, "example.com");

        assert_eq!(store.refresh_at(start + DAY * 59), Vec::<String>::new());
        assert!(Arc::ptr_eq(&first, &shown(&store, "example.com")));
        assert_eq!(
            store.refresh_at(start + DAY * 60),
            ["renewed 2 of the local CA's certificates"]
        );
        let second = shown(&store, "example.com");
        assert_ne!(first.not_after(), second.not_after());
        assert!(store.refresh_at(start + DAY * 61).is_empty());
        assert_eq!(
            store.status_at("example.com", start + DAY * 61).note.as_deref(),
            Some(ACME_NOTE)
        );
    }

    #[test]
    fn a_leaf_that_was_made_under_a_wrong_clock_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let now = clock();
        let (store, _) =
            Store::open_at(vec![host("a.localhost", Tls::Internal)], folder.path(), now + DAY * 30).unwrap();
        assert!(
            store
                .status_at("a.localhost", now)
                .note
                .unwrap()
                .contains("not valid yet")
        );
        assert_eq!(store.refresh_at(now).len(), 1);
        assert_eq!(store.status_at("a.localhost", now).note, None);
    }

    #[test]
    fn hosts_that_stay_keep_their_certificates_when_others_change() {
        let folder = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(vec![host("a.localhost", Tls::Internal)], folder.path()).unwrap();
        let before = shown(&store, "a.localhost");
        let hosts = vec![host("A.localhost.", Tls::Internal), host("b.localhost", Tls::Acme)];
        assert!(store.replace_hosts(hosts).unwrap().is_empty());
        assert!(Arc::ptr_eq(&before, &shown(&store, "a.localhost")));
        assert!(store.covers("b.localhost", "b.localhost"));
        assert!(
            store
                .replace_hosts(vec![host("b.localhost", Tls::Acme)])
                .unwrap()
                .is_empty()
        );
        assert!(!store.covers("a.localhost", "a.localhost"));
    }

    #[test]
    fn a_host_with_two_sources_is_told_about_and_the_first_counts() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = vec![host("example.com", Tls::Internal), host("example.com", Tls::Acme)];
        let (store, warnings) = Store::open(hosts, folder.path()).unwrap();
        assert_eq!(warnings.len(), 1);
        assert_eq!(store.certificates("example.com").note, None);
    }

    #[test]
    fn a_name_that_no_certificate_can_have_takes_down_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = vec![
            host("münchen.example", Tls::Internal),
            host("example.com", Tls::Internal),
        ];
        let (store, warnings) = Store::open(hosts, folder.path()).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(store.covers("example.com", "example.com"));
        assert_eq!(
            store.certificates("münchen.example").note.as_deref(),
            Some("handshakes are refused")
        );
        assert_eq!(
            store.certificates("other.example").note.as_deref(),
            Some("not served over TLS")
        );
    }
}
