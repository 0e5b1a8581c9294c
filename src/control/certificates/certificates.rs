//! The certificates of the daemon's hosts: which hosts there are, what the data plane needs of them, how they stand, and what is
//! imported. Obtaining them is the [`Renewer`]'s.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::renewer::{Renewals, Renewer};
use crate::config::{self, Config, Service, Tls};
use crate::control::fault::Fault;
use crate::control::{clock, ports};
use crate::model::api::{
    self, CertificateReport, CertificateStatus, ImportRequest, Imported, Problem, RenewRequest, exit,
};
use crate::model::notify::{CertificateReading, Nearing};
use crate::proxy::{Front, TlsChallenges};
use crate::tls::{AcmeHost, Bundle, Challenges, Host, Meta, Secret, Store};

/// Between two looks at certificate files and ticket keys.
const REFRESH: Duration = Duration::from_secs(2);
/// Between two warnings about a certificate that ends soon.
const REMIND: Duration = Duration::from_secs(24 * 60 * 60);
/// What `check --online` asks for, to know this daemon again; no CA makes such a short token.
const PROBE: &str = "greengate";

/// The certificates of this daemon's services.
#[derive(Debug, Clone)]
pub(in crate::control) struct Certificates {
    config: Rc<RefCell<Arc<Config>>>,
    store: Arc<Store>,
    challenges: Arc<Challenges>,
    renewer: Rc<Renewer>,
    probe: Arc<str>,
}

impl Certificates {
    /// Has a certificate for every host: the one that was obtained before, or one of the local CA. Also returns what an operator
    /// should be told.
    ///
    /// # Errors
    /// When no TLS is possible at all; what is wrong with one host is only told (N27).
    pub(in crate::control) fn open(config: &Arc<Config>, state_dir: &Path) -> Result<(Self, Vec<String>), Fault> {
        let opened = Store::open(hosts(config), state_dir);
        let (store, mut told) = opened.map_err(|error| Fault::new(error.to_string()))?;
        let challenges = Arc::new(Challenges::default());
        let certificates = Self {
            renewer: Renewer::new(&config.acme, &store, &challenges, state_dir, &mut told),
            config: Rc::new(RefCell::new(config.clone())),
            store,
            challenges,
            probe: format!("greengate {:016x}", fastrand::u64(..)).into(),
        };
        Ok((certificates, told))
    }

    /// What the data plane needs of it.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(in crate::control) fn front(&self) -> Result<Front, Fault> {
        let tls = self
            .store
            .server_config()
            .map_err(|error| Fault::new(error.to_string()))?;
        let store = self.store.clone();
        let (http, by_tls) = (self.challenges.clone(), self.challenges.clone());
        let probe = self.probe.clone();
        Ok(Front {
            tls,
            covers: Arc::new(move |shown, host| store.covers(shown, host)),
            acme: Arc::new(move |token| match token {
                PROBE => Some(probe.to_string()),
                token => http.http(token),
            }),
            challenge: TlsChallenges {
                pending: self.challenges.pending(),
                lookup: Arc::new(move |name| by_tls.tls(name)),
            },
            users: Arc::default(),
            assets: Arc::default(),
        })
    }

    /// Obtains and renews what is due. Never ends.
    pub(in crate::control) async fn renew_what_is_due(self) {
        self.renewer.run().await;
    }

    /// Learns what the process before this one, which renews nothing any more, has obtained since this one began. Blocks.
    pub(in crate::control) fn take_up(&self) {
        self.renewer.take_up();
    }

    /// Whether nothing is renewed by itself from now on: another process is about to do that.
    pub(in crate::control) fn hold_renewals(&self, held: bool) {
        self.renewer.hold(held);
    }

    /// Ends every renewal: another process goes on with them.
    ///
    /// # Errors
    /// Why it could not.
    pub(in crate::control) async fn stop_renewals(&self, patience: Duration) -> Result<(), String> {
        self.renewer.stop(patience).await?;
        self.in_memory_alone().map_or(Ok(()), Err)
    }

    /// Why another process could not serve what this one does.
    pub(in crate::control) fn in_memory_alone(&self) -> Option<String> {
        self.renewer.in_memory_alone()
    }

    /// The keys of session tickets, which are secret, for the process that comes after this one (N28).
    pub(in crate::control) fn ticket_keys(&self) -> String {
        self.store.ticket_keys()
    }

    /// Goes on with the ticket keys of the process before this one (N28).
    ///
    /// # Errors
    /// When they cannot be read.
    pub(in crate::control) fn take_ticket_keys(&self, written: &str) -> Result<(), Fault> {
        let taken = self.store.take_ticket_keys(written);
        taken.map_err(|error| Fault::new(error.to_string()))
    }

    /// How every certificate stands, by host.
    pub(in crate::control) fn report(&self) -> api::Certificates {
        let mut reports: BTreeMap<String, CertificateReport> = BTreeMap::new();
        for report in self.renewer.reports() {
            reports.insert(report.host.clone(), self.with_what_is_shown(report));
        }
        for host in hosts(&self.config.borrow()) {
            let why = match &host.tls {
                Tls::Off => continue,
                Tls::Acme | Tls::Internal => "the local CA renews it by itself",
                Tls::Files { .. } => "its files are read again when they change",
            };
            let name = host.name.trim_matches(['[', ']']).to_owned();
            let report = || CertificateReport {
                host: name.clone(),
                issuer: String::new(),
                not_after: String::new(),
                note: None,
                obtained: false,
                challenge: None,
                imported: false,
                running: false,
                next: None,
                why: why.to_owned(),
                failures: 0,
                error: None,
                unsaved: None,
            };
            reports
                .entry(name.clone())
                .or_insert_with(|| self.with_what_is_shown(report()));
        }
        api::Certificates {
            certificates: reports.into_values().collect(),
            probe: self.probe.to_string(),
        }
    }

    /// By host, what became of attempts to obtain a certificate.
    pub(in crate::control) fn renewals(&self) -> BTreeMap<String, Renewals> {
        self.renewer.renewals()
    }

    /// How every certificate stands, for who is told of it when there is trouble. Those of the local CA make none.
    pub(in crate::control) fn readings(&self, now: i64) -> Vec<CertificateReading> {
        let (lives, config) = (self.store.lives(), self.config.borrow().clone());
        let environments = |host: &str| -> Vec<String> {
            let serves = |of: &&config::Environment| {
                let mut hosts = of.services.iter().flat_map(|service| &service.hosts);
                hosts.any(|own| own.trim_matches(['[', ']']) == host)
            };
            config
                .environments
                .iter()
                .filter(serves)
                .map(|of| of.name.to_string())
                .collect()
        };
        let reports = self.report().certificates.into_iter();
        let reading = |report: CertificateReport| {
            let life = lives.get(&report.host).copied();
            CertificateReading {
                environments: environments(&report.host),
                until: life.map(|life| life.until),
                nearing: life.and_then(|life| Nearing::of(life, now)),
                not_after: report.not_after,
                renewed: report.obtained || report.failures > 0,
                failures: report.failures,
                error: report.error,
                next: report.next,
                host: report.host,
            }
        };
        reports.map(reading).collect()
    }

    /// Gets a new certificate for a host now, and waits for it.
    ///
    /// # Errors
    /// Why there is none.
    pub(in crate::control) async fn renew(&self, request: &RenewRequest) -> Result<CertificateReport, Problem> {
        let report = self.renewer.clone().renew(&request.host).await?;
        Ok(self.with_what_is_shown(report))
    }

    fn with_what_is_shown(&self, report: CertificateReport) -> CertificateReport {
        let CertificateStatus {
            issuer,
            not_after,
            note,
            ..
        } = self.store.status(&report.host);
        CertificateReport {
            issuer,
            not_after,
            note,
            ..report
        }
    }

    /// Serves what another program obtained, for every host that it covers and that has nothing better.
    ///
    /// # Errors
    /// When chain or key are of no use.
    pub(in crate::control) fn import(&self, request: ImportRequest) -> Result<Imported, Problem> {
        self.renewer.may_change()?;
        let ImportRequest { name, chain, key } = request;
        let bundle = Bundle {
            chain,
            key: Secret(key),
            meta: Meta {
                chance: fastrand::f64(),
                imported: true,
                ..Meta::default()
            },
        };
        let covered = self.store.covered_by(&bundle).map_err(|why| Problem {
            code: exit::FAILED,
            reason: format!("`{}` is of no use: {why}", name.escape_debug()),
            hint: None,
        });
        let (life, covered) = covered?;
        let (mut hosts, mut left) = (Vec::new(), Vec::new());
        for AcmeHost { name: host, current } in covered {
            let imported = if current.is_some_and(|current| current.life.until >= life.until) {
                Err("the host has one that is good for as long".to_owned())
            } else if life.from > clock::unix_now() {
                // Nobody waits for a limit of a CA here, and what is shown may be good.
                Err("it is not valid yet; is this machine's clock right?".to_owned())
            } else {
                self.renewer.import(&host, bundle.clone())
            };
            match imported {
                Ok(()) => {
                    tracing::info!(host, from = name, "imported a certificate");
                    hosts.push(host);
                }
                Err(why) => left.push(format!("`{host}`: {why}")),
            }
        }
        Ok(Imported { name, hosts, left })
    }

    /// What an operator should know of certificates that end soon.
    pub(in crate::control) fn ending(&self) -> Vec<String> {
        let line = |(host, end): (String, String)| format!("the certificate of `{host}` ends {end} and is not renewed");
        self.store.ending().into_iter().map(line).collect()
    }

    /// Reads changed files again, and turns the ticket keys. Never ends.
    pub(in crate::control) async fn keep_fresh(self) {
        let mut told = (BTreeSet::new(), Instant::now());
        loop {
            // A disk that hangs must not hold up the control thread; the next round begins when this one has ended.
            let store = self.store.clone();
            let refreshed = tokio::task::spawn_blocking(move || store.refresh()).await;
            for message in refreshed.unwrap_or_default() {
                tracing::info!("{message}");
            }
            if told.1.elapsed() >= REMIND {
                told = (BTreeSet::new(), Instant::now());
            }
            for message in self.ending() {
                if told.0.insert(message.clone()) {
                    tracing::warn!("{message}");
                }
            }
            tokio::time::sleep(REFRESH).await;
        }
    }

    /// What clients of a service are shown, by host.
    pub(in crate::control) fn of_service(&self, environment: &str, service: &str) -> Vec<CertificateStatus> {
        let services = self.services(environment);
        let mut of_service = services.iter().filter(|of| &*of.name == service);
        of_service.next().map_or_else(Vec::new, |of| self.of(of))
    }

    /// What an operator should know of an environment's certificates, with the hosts that it is true of.
    pub(in crate::control) fn trouble(&self, environment: &str) -> Vec<String> {
        let mut hosts_by_note: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for status in self.services(environment).iter().flat_map(|service| self.of(service)) {
            if let Some(note) = status.note {
                hosts_by_note
                    .entry(note)
                    .or_default()
                    .push(format!("`{}`", status.host));
            }
        }
        let line = |(note, hosts): (String, Vec<String>)| format!("certificate of {}: {note}", hosts.join(", "));
        hosts_by_note.into_iter().map(line).collect()
    }

    fn services(&self, environment: &str) -> Vec<Arc<Service>> {
        let config = self.config.borrow();
        let environments = config.environments.iter().filter(|of| &*of.name == environment);
        environments.flat_map(|of| of.services.iter().cloned()).collect()
    }

    fn of(&self, service: &Service) -> Vec<CertificateStatus> {
        if service.tls == Tls::Off {
            return Vec::new();
        }
        let status = |host: &Arc<str>| {
            let mut status = self.store.status(host);
            // Why another stands in, or why what is shown has ended, is what the last attempt says.
            if let Some(note) = &mut status.note
                && let Some(reason) = self.renewer.trouble(host)
            {
                *note = format!("{note}; {reason}");
            }
            status
        };
        service.hosts.iter().map(status).collect()
    }
}

impl ports::Hosts for Certificates {
    /// Attempts under way go on, and files of hosts that are gone stay where they are (N29).
    fn serve(&self, configurations: &[&Config]) -> Result<Vec<String>, String> {
        let mut all: Vec<Host> = Vec::new();
        for host in configurations.iter().flat_map(|config| hosts(config)) {
            if !all.iter().any(|known| known.name == host.name) {
                all.push(host);
            }
        }
        let names = || -> BTreeSet<String> { self.store.acme_hosts().into_iter().map(|host| host.name).collect() };
        let before = names();
        let told = self.store.replace_hosts(all).map_err(|error| error.to_string())?;
        if let Some(first) = configurations.first() {
            self.renewer.reload(&first.acme, &(&names() - &before));
            *self.config.borrow_mut() = Arc::new((*first).clone());
        }
        Ok(told)
    }
}

/// Every host that is served, with where its certificate comes from.
fn hosts(config: &Config) -> Vec<Host> {
    let host = |(name, tls): (&Arc<str>, &Tls)| Host {
        name: name.clone(),
        tls: tls.clone(),
    };
    config.hosts().map(host).collect()
}

#[cfg(test)]
mod tests;
