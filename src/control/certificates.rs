//! What the daemon does with the TLS room: tells it which hosts there are, lets the data plane use it without knowing it, keeps
//! it fresh, and asks it what clients are shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use crate::config::{Config, Service, Tls};
use crate::model::api::CertificateStatus;
use crate::proxy::data_plane::Front;
use crate::tls::{Host, Store};

/// Between two looks at certificate files and ticket keys.
const REFRESH: Duration = Duration::from_secs(2);

/// The certificates of this daemon's services.
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    config: Arc<Config>,
    store: Arc<Store>,
}

impl Certificates {
    /// Gets a certificate for every host. Also returns what an operator should be told.
    ///
    /// # Errors
    /// When there can be no TLS at all; what concerns one host alone is only told (N27).
    pub(super) fn open(config: &Arc<Config>, state_dir: &std::path::Path) -> Result<(Self, Vec<String>), Fault> {
        let opened = Store::open(hosts(config), state_dir);
        let (store, told) = opened.map_err(|error| Fault::new(error.to_string()))?;
        let config = config.clone();
        Ok((Self { config, store }, told))
    }

    /// What the data plane needs.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn front(&self) -> Result<Front, Fault> {
        let tls = self
            .store
            .server_config()
            .map_err(|error| Fault::new(error.to_string()))?;
        let store = self.store.clone();
        Ok(Front {
            tls,
            covers: Arc::new(move |shown, host| store.covers(shown, host)),
            // Nobody orders certificates yet, so there are no challenges to answer.
            acme: Arc::new(|_| None),
        })
    }

    /// Reads changed files again, and turns the ticket keys. Never ends.
    pub(super) async fn keep_fresh(self) {
        loop {
            tokio::time::sleep(REFRESH).await;
            for message in self.store.refresh() {
                tracing::info!("{message}");
            }
        }
    }

    /// What clients of a service are shown, by host.
    pub(super) fn of_service(&self, environment: &str, service: &str) -> Vec<CertificateStatus> {
        let mut services = self.services(environment);
        services
            .find(|of| &*of.name == service)
            .map_or_else(Vec::new, |of| self.of(of))
    }

    /// What an operator should know of an environment's certificates, with the hosts that it is true of.
    pub(super) fn trouble(&self, environment: &str) -> Vec<String> {
        let mut hosts_by_note: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for status in self.services(environment).flat_map(|service| self.of(service)) {
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

    fn services(&self, environment: &str) -> impl Iterator<Item = &Arc<Service>> {
        let environments = self
            .config
            .environments
            .iter()
            .filter(move |of| &*of.name == environment);
        environments.flat_map(|of| &of.services)
    }

    fn of(&self, service: &Service) -> Vec<CertificateStatus> {
        match service.tls {
            Tls::Off => Vec::new(),
            Tls::Acme | Tls::Internal | Tls::Files { .. } => {
                service.hosts.iter().map(|host| self.store.certificates(host)).collect()
            }
        }
    }
}

/// Every host that is served, with where its certificate comes from.
fn hosts(config: &Config) -> Vec<Host> {
    let services = config.environments.iter().flat_map(|environment| &environment.services);
    let of_services = services.flat_map(|service| service.hosts.iter().map(|host| (host, &service.tls)));
    let of_redirects = config.redirects.iter().map(|redirect| (&redirect.host, &redirect.tls));
    let host = |(name, tls): (&Arc<str>, &Tls)| Host {
        name: name.clone(),
        tls: tls.clone(),
    };
    of_services.chain(of_redirects).map(host).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn certificates(text: &str) -> (tempfile::TempDir, Certificates) {
        let folder = tempfile::tempdir().unwrap();
        let (config, _) = Config::parse(Path::new("/etc/greengate/proxy.toml"), text).unwrap();
        let (certificates, _) = Certificates::open(&Arc::new(config), folder.path()).unwrap();
        (folder, certificates)
    }

    const TEXT: &str = r#"
        [env.prod]
        host = ["example.com", "www.example.com"]
        blue = 3000
        green = 3001
        [env.dev]
        host = "dev.localhost"
        upstream = 4000
        tls = "internal"
        [env.plain]
        host = "plain.example.com"
        upstream = 4001
        tls = "off"
    "#;

    #[test]
    fn trouble_is_told_once_with_the_hosts_that_it_is_true_of() {
        let (_folder, certificates) = certificates(TEXT);
        let trouble = certificates.trouble("prod");
        assert_eq!(trouble.len(), 1, "{trouble:?}");
        assert!(
            trouble[0].starts_with("certificate of `example.com`, `www.example.com`: "),
            "{trouble:?}"
        );
        for quiet in ["dev", "plain", "nowhere"] {
            assert_eq!(certificates.trouble(quiet), Vec::<String>::new(), "{quiet}");
        }
    }

    #[test]
    fn every_host_of_a_service_has_a_certificate_unless_tls_is_off() {
        let (_folder, certificates) = certificates(TEXT);
        let hosts = |environment: &str| -> Vec<String> {
            let shown = certificates.of_service(environment, environment);
            shown.into_iter().map(|status| status.host).collect()
        };
        assert_eq!(hosts("prod"), ["example.com", "www.example.com"]);
        assert_eq!(hosts("dev"), ["dev.localhost"]);
        assert!(hosts("plain").is_empty() && hosts("nowhere").is_empty());
        let front = certificates.front().unwrap();
        assert!((front.covers)("example.com", "example.com") && !(front.covers)("example.com", "dev.localhost"));
    }
}
