//! What a reload changes (N29): the differences between two configurations. Knows neither which slot is live nor
//! whether an app is healthy.

use std::sync::Arc;

use super::describe::{Values, log_query, of_acme, of_service, tls};
use crate::config::checked::{Acme, Config, Environment, Redirect, Server, Service};
use crate::model::api::{Change, ChangeKind, ValueChange};

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
    if let (Some(old), Some(new)) = (old, new)
        && old.protected != new.protected
    {
        let values = vec![value(
            "protected",
            Some(old.protected.to_string()),
            Some(new.protected.to_string()),
        )];
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
            Some(known) if known == service => {}
            Some(known) => changes.push(change(
                service,
                ChangeKind::Changed,
                differing(&of_service(known), &of_service(service)),
            )),
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
    let values = |config: &Config| vec![("log_query".into(), log_query(&config.log_query))];
    (old.log_query != new.log_query).then(|| Change {
        section: "defaults".into(),
        name: None,
        kind: ChangeKind::Changed,
        values: differing(&values(old), &values(new)),
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
        proxy_protocol,
        max_connections,
        max_connections_per_client,
        access_log,
        access_log_format,
        public_https,
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

fn value(key: &str, from: Option<String>, to: Option<String>) -> ValueChange {
    ValueChange {
        key: key.into(),
        from,
        to,
    }
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

fn differing(before: &Values, after: &Values) -> Vec<ValueChange> {
    let of = |values: &Values, key: &str| {
        let found = values.iter().find(|(known, _)| known == key);
        found.map(|(_, text)| text.clone())
    };
    let mut values = Vec::new();
    for (key, text) in after {
        let from = of(before, key);
        if from.as_ref() != Some(text) {
            values.push(value(key, from, Some(text.clone())));
        }
    }
    for (key, text) in before {
        if of(after, key).is_none() {
            values.push(value(key, Some(text.clone()), None));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const BASE: &str = r#"
        [redirect]
        "www.example.com" = "https://example.com"
        [env.prod]
        host = "example.com"
        blue = 3000
        green = 3001
        [env.dev.service.web]
        host = "dev.example.com"
        upstream = 4000
        [env.dev.service.api]
        host = "api.dev.example.com"
        upstream = 4001
    "#;

    fn config(text: &str) -> Config {
        Config::parse(Path::new("/etc/greengate/proxy.toml"), text).unwrap().0
    }

    fn changed(from: &str, to: &str) -> Diff {
        assert!(BASE.contains(from), "{from}");
        diff(&config(BASE), &config(&BASE.replace(from, to)))
    }

    fn shown(diff: &Diff) -> Vec<String> {
        let one = |change: &Change| {
            let values: Vec<_> = change
                .values
                .iter()
                .map(|it| {
                    format!(
                        "{} {} → {}",
                        it.key,
                        it.from.as_deref().unwrap_or("-"),
                        it.to.as_deref().unwrap_or("-")
                    )
                })
                .collect();
            let name = change.name.as_deref().unwrap_or("*");
            format!("{:?} {}/{name} {}", change.kind, change.section, values.join("; "))
                .trim_end()
                .to_owned()
        };
        diff.changes.iter().map(one).collect()
    }

    #[test]
    fn n29_a_file_that_says_the_same_changes_nothing() {
        let commented = format!("# a word\n{BASE}");
        assert_eq!(diff(&config(BASE), &config(&commented)), Diff::default());
        // Written otherwise, it means the same.
        assert_eq!(changed("blue = 3000", "blue = \"127.0.0.1:3000\""), Diff::default());
    }

    #[test]
    fn n29_only_what_changed_is_touched() {
        let diff = changed("upstream = 4001", "upstream = 4001\n        health.path = \"/up\"");
        assert_eq!(shown(&diff), ["Changed dev/api health.path /health → /up"]);
        assert_eq!(diff.environments, ["dev".into()]);
        assert!(!diff.certificates && diff.restart.is_empty());
        let old = config(BASE);
        let text = BASE.replace("upstream = 4001", "upstream = 4001\n        health.path = \"/up\"");
        let new = adopt(&old, config(&text));
        let same = |environment: usize, service: usize| {
            let services = |config: &Config| config.environments[environment].services[service].clone();
            Arc::ptr_eq(&services(&old), &services(&new))
        };
        assert!(same(0, 0) && same(1, 0) && !same(1, 1));
    }

    #[test]
    fn services_and_environments_come_and_go() {
        let more = format!("{BASE}\n[env.shop]\nhost = \"shop.example.com\"\nupstream = 5000\n");
        let coming = diff(&config(BASE), &config(&more));
        assert_eq!(
            shown(&coming),
            ["Added shop/shop host - → shop.example.com; upstream - → 127.0.0.1:5000"]
        );
        assert!(coming.certificates);
        let going = diff(&config(&more), &config(BASE));
        assert_eq!(shown(&going), ["Removed shop/shop"]);
        assert_eq!(going.environments, ["shop".into()]);
    }

    #[test]
    fn addresses_routes_and_redirects_are_told_with_both_values() {
        let diff = changed("green = 3001", "green = [3001, 3002]");
        assert_eq!(
            shown(&diff),
            ["Changed prod/prod green 127.0.0.1:3001 → 127.0.0.1:3001, 127.0.0.1:3002"]
        );
        let diff = changed(
            "blue = 3000\n        green = 3001",
            "upstream = 3000\n        path = \"/shop\"",
        );
        assert_eq!(
            shown(&diff),
            [
                "Changed prod/prod path / → /shop; upstream - → 127.0.0.1:3000; blue 127.0.0.1:3000 → -; \
                 green 127.0.0.1:3001 → -"
            ]
        );
        let diff = changed("= \"https://example.com\"", "= \"https://dev.example.com\"");
        assert_eq!(
            shown(&diff),
            ["Changed redirect/www.example.com to https://example.com → https://dev.example.com"]
        );
        assert!(diff.environments.is_empty(), "no environment is concerned");
    }

    #[test]
    fn tls_and_protection_are_differences_too() {
        let diff = changed(
            "blue = 3000",
            "blue = 3000\n        tls = \"internal\"\n        protected = true",
        );
        assert_eq!(
            shown(&diff),
            [
                "Changed prod/* protected false → true",
                "Changed prod/prod tls acme → internal"
            ]
        );
        assert!(diff.certificates);
    }

    #[test]
    fn limits_are_told_with_what_they_count() {
        let diff = changed(
            "blue = 3000",
            "blue = 3000\n        limit.concurrent = 50\n        limit.rate = \"10/s\"",
        );
        assert_eq!(
            shown(&diff),
            [
                "Changed prod/prod limit.concurrent - → 50 in the environment; limit.rate - → 10/s in the environment; \
              limit.burst - → 10"
            ]
        );
    }

    #[test]
    fn what_is_logged_of_queries_is_told_for_services_and_for_the_rest() {
        let diff = changed("blue = 3000", "blue = 3000\n        log_query = [\"token\", \"key\"]");
        assert_eq!(
            shown(&diff),
            [
                "Changed prod/prod log_query keep → token, key",
                "Changed defaults/* log_query keep → token, key"
            ]
        );
        assert_eq!(diff.environments, ["prod".into()]);
    }

    #[test]
    fn what_needs_a_restart_is_said_and_changes_nothing_now() {
        let text = format!("[server]\nhttp = \"127.0.0.1:8080\"\nhttps = \"127.0.0.1:8443\"\nworkers = 7\n{BASE}");
        let diff = diff(&config(BASE), &config(&text));
        assert_eq!(diff.restart, ["server.http", "server.https", "server.workers"]);
        assert!(diff.changes.is_empty());
    }
}
