//! Two texts of a configuration, and what is told of their differences.

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
fn n29_how_an_environment_is_deployed_changes_without_touching_what_serves() {
    let with = |text: &str| BASE.replace("green = 3001", &format!("green = 3001\n{text}"));
    let old = config(&with("deploy = { systemd = \"web@{slot}\", keep = \"5m\" }"));
    let new = with("deploy = { systemd = \"web@{slot}\", before = [\"./a\", \"sh -c 'b c'\"], cwd = \"/srv\" }");
    let change = diff(&old, &config(&new));
    assert_eq!(
        shown(&change),
        ["Changed prod/* deploy.before - → ./a, sh -c 'b c'; deploy.cwd - → /srv; deploy.keep 5 min → -"]
    );
    assert_eq!(change.environments, ["prod".into()]);
    assert!(!change.certificates);
    let adopted = adopt(&old, config(&new));
    let service = |config: &Config| Arc::clone(&config.environments[0].services[0]);
    assert!(Arc::ptr_eq(&service(&old), &service(&adopted)));
    assert_ne!(adopted.environments[0].deploy, old.environments[0].deploy);
}

#[test]
fn n29_a_service_that_is_deployed_in_another_way_is_the_same_service() {
    let named = "[env.prod.service.web]\n        host = \"example.com\"\n        blue = 3000\n        green = 3001\n";
    let base = BASE.replace(
        "[env.prod]\n        host = \"example.com\"\n        blue = 3000\n        green = 3001\n",
        named,
    );
    let old = config(&base);
    let text = base.replace(
        "green = 3001\n",
        "green = 3001\ndeploy.docker = { image = \"web:{version}\", port = 80, args = [\"--init\"] }\n",
    );
    let change = diff(&old, &config(&text));
    assert_eq!(
        shown(&change),
        [
            "Changed prod/web deploy.docker.image - → web:{version}; deploy.docker.port - → 80; deploy.docker.args - → --init"
        ]
    );
    let both = config(&text.replace("blue = 3000", "blue = 3002"));
    assert!(shown(&diff(&old, &both))[0].starts_with("Changed prod/web blue 127.0.0.1:3000 → 127.0.0.1:3002; deploy."));
    let service = |config: &Config| Arc::clone(&config.environments[0].services[0]);
    assert!(Arc::ptr_eq(&service(&old), &service(&adopt(&old, config(&text)))));
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
