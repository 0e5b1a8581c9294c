//! What a reload changes (N29): the differences between two configurations. Knows neither which slot is live nor
//! whether an app is healthy.

use std::sync::Arc;

use super::describe::{Values, error_pages, log_query, of_acme, of_service, tls};
use super::notify::notify;
use super::values::{differing, of_services, value};
use super::{deploy, sleep};
use crate::config::checked::{Acme, Config, Environment, Redirect, Server, Service};
use crate::model::api::{Change, ChangeKind, ValueChange};
use crate::model::switch::Requires;

/// The differences between two configurations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Every difference that a reload publishes.
    pub changes: Vec<Change>,
    /// Environments that were added, changed or removed.
    pub environments: Vec<Arc<str>>,
    /// Keys of `[server]` that take effect at the next restart.
    pub restart: Vec<&'static str>,
    /// Whether certificates have to be looked at again: a host was added or removed, its `tls` changed, or `[acme]`
    /// did.
    pub certificates: bool,
}

/// Compares the configuration that is served with a new one.
#[must_use]
pub fn diff(old: &Config, new: &Config) -> Diff {
    let mut diff = Diff {
        restart: server(&old.server, &new.server),
        certificates: certificates_differ(old, new),
        ..Diff::default()
    };
    for environment in &new.environments {
        let before = find(old, &environment.name);
        diff.note(&environment.name, of_environment(before, Some(environment)));
    }
    for environment in &old.environments {
        if find(new, &environment.name).is_none() {
            diff.note(&environment.name, of_environment(Some(environment), None));
        }
    }
    let acme = acme(&old.acme, &new.acme);
    diff.certificates |= acme.is_some();
    diff.changes.extend(acme);
    diff.changes.extend(notify(&old.notify, &new.notify));
    diff.changes.extend(watching(&old.server, &new.server));
    diff.changes.extend(redirects(&old.redirects, &new.redirects));
    diff.changes.extend(elsewhere(old, new));
    diff
}

/// The new configuration, with the services that are equal taken from the old one. The data plane compares services by
/// pointer, and keeps its connections to those that are the same.
#[must_use]
pub fn adopt(old: &Config, mut new: Config) -> Config {
    for environment in &mut new.environments {
        let Some(before) = find(old, &environment.name) else {
            continue;
        };
        for service in &mut environment.services {
            if let Some(same) = before.services.iter().find(|before| *before == service) {
                *service = Arc::clone(same);
            }
        }
    }
    new
}

impl Diff {
    fn note(&mut self, environment: &Arc<str>, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.environments.push(Arc::clone(environment));
            self.changes.extend(changes);
        }
    }
}

fn find<'c>(config: &'c Config, name: &str) -> Option<&'c Environment> {
    config
        .environments
        .iter()
        .find(|environment| *environment.name == *name)
}

fn of_environment(old: Option<&Environment>, new: Option<&Environment>) -> Vec<Change> {
    let section = old
        .or(new)
        .map_or_else(String::new, |environment| environment.name.to_string());
    let services = |of: Option<&Environment>| of.map_or_else(Vec::new, |environment| environment.services.clone());
    let (before, after) = (services(old), services(new));
    let mut changes = Vec::new();
    let own = |environment: &Environment| {
        let mut values = vec![("protected".into(), environment.protected.to_string())];
        let Requires { healthy, parity } = &environment.requires;
        values.extend(healthy.iter().map(|name| ("require_healthy".into(), name.to_string())));
        values.extend(parity.iter().map(|name| ("require_parity".into(), name.to_string())));
        // What its services say as well is told with them.
        let is_of_service = |service: &Arc<Service>| service.error_pages == environment.error_pages;
        let pages = environment.error_pages.as_deref();
        let pages = pages.filter(|_| !environment.services.iter().any(is_of_service));
        values.extend(pages.map(|pages| ("error_pages".into(), error_pages(pages))));
        values.extend(environment.sleep.iter().flat_map(sleep::of_rules));
        values.extend(environment.deploy.table.iter().flat_map(deploy::of_table));
        values
    };
    if let (Some(old), Some(new)) = (old, new)
        && let values = differing(&own(old), &own(new))
        && !values.is_empty()
    {
        changes.push(Change {
            section: section.clone(),
            name: None,
            kind: ChangeKind::Changed,
            values,
        });
    }
    let change = |service: &Service, kind, values| Change {
        section: section.clone(),
        name: Some(service.name.to_string()),
        kind,
        values,
    };
    for service in &after {
        match before.iter().find(|known| known.name == service.name) {
            None => changes.push(change(service, ChangeKind::Added, all(service))),
            Some(known) => {
                let mut values = deploy::of_services(old, new, &service.name);
                if known != service {
                    values.splice(..0, of_services(known, service));
                }
                if known != service || !values.is_empty() {
                    changes.push(change(service, ChangeKind::Changed, values));
                }
            }
        }
    }
    for service in &before {
        if !after.iter().any(|known| known.name == service.name) {
            changes.push(change(service, ChangeKind::Removed, Vec::new()));
        }
    }
    changes
}

/// The change of `[acme]`, if there is one. It takes effect at the next order; no certificate is ordered again because
/// of it.
fn acme(old: &Acme, new: &Acme) -> Option<Change> {
    let values = differing(&of_acme(old), &of_acme(new));
    (old != new).then(|| Change {
        section: "acme".into(),
        name: None,
        kind: ChangeKind::Changed,
        values,
    })
}

/// The change of what holds for requests that reach no service, if there is one.
fn elsewhere(old: &Config, new: &Config) -> Option<Change> {
    let own = |config: &Config| {
        let mut values = vec![("log_query".into(), log_query(&config.log_query))];
        let pages = config.error_pages.as_deref();
        values.extend(pages.map(|pages| ("error_pages".into(), error_pages(pages))));
        values
    };
    let values = differing(&own(old), &own(new));
    (!values.is_empty()).then(|| Change {
        section: "defaults".into(),
        name: None,
        kind: ChangeKind::Changed,
        values,
    })
}

fn redirects(old: &[Redirect], new: &[Redirect]) -> Vec<Change> {
    let change = |redirect: &Redirect, kind, values| Change {
        section: "redirect".into(),
        name: Some(redirect.name()),
        kind,
        values,
    };
    let same = |one: &Redirect, other: &Redirect| (&one.host, &one.path) == (&other.host, &other.path);
    let mut changes = Vec::new();
    for redirect in new {
        let values = |before: Option<&Redirect>| {
            let mut values = Vec::new();
            if before.is_none_or(|before| before.to != redirect.to) {
                values.push(value(
                    "to",
                    before.map(|it| it.to.to_string()),
                    Some(redirect.to.to_string()),
                ));
            }
            if before.is_some_and(|before| before.tls != redirect.tls) {
                values.push(value("tls", before.map(|it| tls(&it.tls)), Some(tls(&redirect.tls))));
            }
            values
        };
        match old.iter().find(|known| same(known, redirect)) {
            None => changes.push(change(redirect, ChangeKind::Added, values(None))),
            Some(known) if known == redirect => {}
            Some(known) => changes.push(change(redirect, ChangeKind::Changed, values(Some(known)))),
        }
    }
    let gone = old
        .iter()
        .filter(|known| !new.iter().any(|redirect| same(known, redirect)));
    changes.extend(gone.map(|redirect| change(redirect, ChangeKind::Removed, Vec::new())));
    changes
}

/// Whether a host comes or goes, or takes its certificate from elsewhere. The order of the file does not matter.
fn certificates_differ(old: &Config, new: &Config) -> bool {
    let sorted = |config: &Config| {
        let mut hosts: Vec<_> = config
            .hosts()
            .map(|(host, source)| (Arc::clone(host), tls(source)))
            .collect();
        hosts.sort_unstable();
        hosts
    };
    sorted(old) != sorted(new)
}

/// The keys of `[server]` that differ. None of them takes effect while sockets, threads and folders are in use.
fn server(old: &Server, new: &Server) -> Vec<&'static str> {
    let Server {
        http,
        https,
        socket,
        group,
        state_dir,
        workers,
        trusted_proxies,
        // Its networks are among the others.
        trusts_cloudflare: _,
        proxy_protocol,
        max_connections,
        max_connections_per_client,
        access_log,
        access_log_format,
        public_https,
        // A reload opens and closes these.
        metrics: _,
        dashboard: _,
        dashboard_users: _,
    } = old;
    let same: [(&str, bool); 13] = [
        ("server.http", *http == new.http),
        ("server.https", *https == new.https),
        ("server.socket", *socket == new.socket),
        ("server.group", *group == new.group),
        ("server.state_dir", *state_dir == new.state_dir),
        ("server.workers", *workers == new.workers),
        ("server.trusted_proxies", *trusted_proxies == new.trusted_proxies),
        ("server.proxy_protocol", *proxy_protocol == new.proxy_protocol),
        ("server.max_connections", *max_connections == new.max_connections),
        (
            "server.max_connections_per_client",
            *max_connections_per_client == new.max_connections_per_client,
        ),
        ("server.access_log", *access_log == new.access_log),
        ("server.access_log_format", *access_log_format == new.access_log_format),
        ("server.public_https", *public_https == new.public_https),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(key, _)| key).collect()
}

/// What operators look at, which a reload opens and closes.
fn watching(old: &Server, new: &Server) -> Option<Change> {
    let of = |server: &Server| {
        let users = server.dashboard_users.as_ref();
        let values = [
            ("metrics", server.metrics.map(|address| address.to_string())),
            ("dashboard", server.dashboard.map(|address| address.to_string())),
            ("dashboard_users", users.map(|path| path.display().to_string())),
        ];
        let there = values.into_iter().filter_map(|(key, text)| Some((key.into(), text?)));
        there.collect::<Values>()
    };
    let values = differing(&of(old), &of(new));
    (!values.is_empty()).then(|| Change {
        section: "server".into(),
        name: None,
        kind: ChangeKind::Changed,
        values,
    })
}

/// The values that are shown of a new service: where it runs, and what it answers to.
fn all(service: &Service) -> Vec<ValueChange> {
    let told = ["host", "path", "blue", "green", "upstream"];
    let values = of_service(service).into_iter();
    values
        .filter(|(key, text)| told.contains(&&**key) && !(key == "path" && text == "/"))
        .map(|(key, text)| value(&key, None, Some(text)))
        .collect()
}

#[cfg(test)]
mod tests;
