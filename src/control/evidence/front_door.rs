//! Asks for a service as a client would: through the front door's own routing, inside the process (step 7 of a swap). A service
//! whose health path no client can reach is probed at its instances instead.

use std::sync::Arc;

use super::instance::Instance;
use super::{answer, prober};
use crate::config::{Service, Tls};
use crate::control::ports::Plane;
use crate::model::api::Check;
use crate::model::routes::Lookup;
use crate::model::slot::Address;
use crate::model::switch::Seen;
use crate::proxy::{Ask, Destination, Live, Snapshot};

/// Where a client finds a service's health path: host and path; `None` when no client can.
#[must_use]
pub(in crate::control) fn reach<'s>(service: &'s Service, snapshot: &Snapshot) -> Option<(&'s str, String)> {
    let exact = service.hosts.iter().find(|host| !host.starts_with("*."));
    let host = match exact {
        Some(host) => host.as_ref(),
        None => {
            let named = service.health.host.as_str();
            service.hosts.iter().any(|host| covers(host, named)).then_some(named)?
        }
    };
    let asked = service
        .health
        .path
        .at(serving(service, snapshot)?.activation.addresses.first()?);
    let path = service.outer_path(asked);
    // Another service may have a longer prefix, or the very host that our wildcard stands for.
    let bare = path.split_once('?').map_or(path.as_str(), |(bare, _)| bare);
    let Lookup::Found(Destination::Service(index)) = snapshot.table().find(host, bare.as_bytes()) else {
        return None;
    };
    let found = &snapshot.services().get(*index)?.service;
    let own = found.name == service.name && found.environment == service.environment;
    // The app may see another path than this one.
    let policy = found.parts.find(bare.as_bytes())?;
    let rewrite = found.policy(policy).rewrite.as_ref();
    let is_seen = rewrite.is_none_or(|to| to.of(path.as_bytes()) == asked.as_bytes());
    (own && is_seen).then_some((host, path))
}

/// Asks for one service through the front door, or at these addresses when no client can reach its health path.
pub(in crate::control) async fn check(
    plane: &dyn Plane,
    snapshot: &Snapshot,
    service: &Arc<Service>,
    addresses: &[Address],
) -> Vec<Seen> {
    let Some((host, path)) = reach(service, snapshot) else {
        let mut seen = Vec::new();
        for address in addresses {
            let folder = serving(service, snapshot).and_then(|live| live.activation.folder().cloned());
            let instance = Instance {
                service: service.clone(),
                address: address.clone(),
                folder,
            };
            let report = prober::probe(&instance).await;
            seen.push(Seen {
                check: Check {
                    service: service.name.to_string(),
                    target: address.to_string(),
                    status: report.status,
                    version: report.version,
                },
                problem: report.reason,
            });
        }
        return seen;
    };
    let secure = service.tls != Tls::Off;
    let mut check = Check {
        service: service.name.to_string(),
        target: format!("{}://{host}{path}", if secure { "https" } else { "http" }),
        status: None,
        version: None,
    };
    let ask = Ask {
        host: host.into(),
        target: path,
        secure,
        timeout: service.health.timeout,
    };
    let problem = match plane.ask(ask).await {
        Err(error) => Some(error),
        Ok(came) => {
            let headers = answer::fields(&came);
            check.status = Some(came.status);
            check.version = answer::version(&service.health, &headers, &came.body);
            answer::objection(service, host, came.status, &headers, &came.body)
        }
    };
    vec![Seen { check, problem }]
}

/// What serves a service.
fn serving<'s>(service: &Service, snapshot: &'s Snapshot) -> Option<&'s Live> {
    let own = |live: &&Live| live.service.name == service.name && live.service.environment == service.environment;
    snapshot.services().iter().find(own)
}

/// Whether a wildcard host covers another one, which has exactly one label more.
fn covers(wildcard: &str, host: &str) -> bool {
    wildcard.strip_prefix("*").is_some_and(|rest| {
        host.strip_suffix(rest)
            .is_some_and(|label| !label.is_empty() && !label.contains(['.', '*']))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;
    use crate::model::slot::{Generation, Slot};
    use crate::proxy::Activation;
    use crate::telemetry::Totals;

    /// Where a client finds the service `it`.
    fn found(services: &str) -> Option<String> {
        let text = format!("[defaults]\ntls = \"internal\"\n{services}");
        let (config, _) = Config::parse(Path::new("proxy.toml"), &text).unwrap();
        let snapshot = Snapshot::new(&config, |service| {
            let (environment, name) = (service.environment.clone(), service.name.clone());
            let addresses = service.slots.get(Slot::Upstream).unwrap().to_vec();
            Activation::new(
                environment,
                name,
                Slot::Upstream,
                Generation(1),
                addresses,
                &Totals::new(1),
            )
        });
        let services = snapshot.services().iter().map(|live| &live.service);
        let service = services.clone().find(|service| &*service.name == "it").unwrap();
        reach(service, &snapshot).map(|(host, path)| format!("{host}{path}"))
    }

    #[test]
    fn a_client_finds_health_under_host_and_path() {
        for (service, place) in [
            ("host = \"a.example\"", Some("a.example/health")),
            ("host = [\"*.a.example\", \"b.example\"]", Some("b.example/health")),
            (
                "host = \"a.example\"\npath = \"/api\"\nstrip_prefix = true",
                Some("a.example/api/health"),
            ),
            ("host = \"a.example\"\npath = \"/api\"", None),
            (
                "host = \"a.example\"\npath = \"/api\"\nhealth.path = \"/api/health?deep=1\"",
                Some("a.example/api/health?deep=1"),
            ),
            (
                "host = \"*.a.example\"\nhealth.host = \"x.a.example\"",
                Some("x.a.example/health"),
            ),
            ("host = \"*.a.example\"\nhealth.host = \"a.example\"", None),
        ] {
            let text = format!("[env.prod.service.it]\nupstream = 4000\n{service}\n");
            assert_eq!(found(&text).as_deref(), place, "{service}");
        }
    }

    #[test]
    fn a_folder_is_asked_for_its_first_page() {
        for (service, place) in [
            ("host = \"a.example\"", "a.example/"),
            ("host = \"a.example\"\npath = \"/docs\"", "a.example/docs/"),
            (
                "host = \"a.example\"\npath = \"/docs\"\nstrip_prefix = true",
                "a.example/docs/",
            ),
            (
                "host = \"a.example\"\nhealth.path = \"/version.json\"",
                "a.example/version.json",
            ),
        ] {
            let text = format!("[env.prod.service.it]\nupstream = \"files:/srv/site\"\n{service}\n");
            assert_eq!(found(&text).as_deref(), Some(place), "{service}");
        }
    }

    #[test]
    fn a_path_that_leads_to_another_service_is_not_its_own() {
        let text = "[env.prod.service.it]\nhost = \"a.example\"\nupstream = 4000\n\
                    [env.prod.service.other]\nhost = \"a.example\"\npath = \"/health\"\nupstream = 4001\n";
        assert_eq!(found(text), None);
        let text = "[env.prod.service.it]\nhost = \"*.a.example\"\nhealth.host = \"x.a.example\"\nupstream = 4000\n\
                    [env.prod.service.other]\nhost = \"x.a.example\"\nupstream = 4001\n";
        assert_eq!(found(text), None);
    }
}
