//! `extends`: everything is copied but host, blue, green, upstream, protected, label and certificate files.

use greengate::config::{Auth, Deploy, Slots, Tls};
use greengate::model::deploy::Table;

use super::{accepted, complained, environment, health_path, service};

const PROD: &str = r#"
[env.prod]
protected = true
label = "production"
auth.allow = "10.0.0.0/8"
auth.except = "/hooks"
log = false
health.passes = 7
hold.for = "5s"
hold.max_requests = 7
stale_assets = "/assets/"
tls = "internal"
[env.prod.service.web]
host = "app.com"
blue = 3000
green = 3001
path = "/app"
strip_prefix = true
hold.max_bytes = "1 MiB"
health.path = "/up"
health.host = "probe.com"
label = "web"
[env.prod.service.api]
host = "api.com"
blue = 4000
green = 4001
tls = { cert = "missing.pem", key = "missing.key" }
"#;

const STAGING: &str = r#"
[env.staging]
extends = "prod"
[env.staging.service.web]
host = "staging.com"
upstream = 5000
[env.staging.service.api]
host = "api.staging.com"
upstream = 5001
"#;

#[test]
fn an_extended_environment_has_the_same_rules_at_other_addresses() {
    let (config, _) = complained(&format!("{PROD}{STAGING}"));
    assert!(!environment(&config, "staging").protected);
    let web = service(&config, "staging", "web");
    assert_eq!(web.hosts, ["staging.com".into()]);
    assert_eq!(web.slots, Slots::Single(vec!["127.0.0.1:5000".parse().unwrap()]));
    assert_eq!((&*web.path, web.strip_prefix), ("/app", true));
    assert_eq!((health_path(web), web.health.host.as_str()), ("/up", "probe.com"));
    assert_eq!((web.health.passes, web.policy.log), (7, false));
    assert_eq!(web.label, None);
    assert_eq!(web.policy.auth.allow, Some(vec!["10.0.0.0/8".parse().unwrap()]));
    assert_eq!(web.policy.auth.except, ["/hooks".into()]);
    assert_eq!(web.tls, Tls::Internal);
    assert_eq!(
        (web.hold.period.as_secs(), web.hold.max_requests, web.hold.max_bytes),
        (5, 7, 1 << 20)
    );
    assert_eq!(web.stale_assets, ["/assets/".into()]);
}

#[test]
fn certificate_files_are_not_copied() {
    let (config, diagnostics) = complained(&format!("{PROD}{STAGING}"));
    assert!(matches!(service(&config, "prod", "api").tls, Tls::Files { .. }));
    assert_eq!(service(&config, "staging", "api").tls, Tls::Internal);
    assert_eq!(diagnostics.len(), 2, "the two files of prod, and none of staging");
}

#[test]
fn the_order_of_environments_does_not_matter() {
    let (config, _) = complained(&format!("{STAGING}{PROD}"));
    assert_eq!(health_path(service(&config, "staging", "web")), "/up");
    assert_eq!(&*config.environments[0].name, "staging");
}

#[test]
fn what_an_environment_says_itself_wins_over_what_it_copies() {
    let (config, _) = complained(&format!(
        "{PROD}{}",
        STAGING
            .replace(
                "extends = \"prod\"",
                "extends = \"prod\"\nhealth.passes = 1\nhealth.path = \"/env\"\nlabel = \"st\""
            )
            .replace("upstream = 5001", "upstream = 5001\nhealth.path = \"/service\"")
    ));
    let (web, api) = (service(&config, "staging", "web"), service(&config, "staging", "api"));
    assert_eq!((web.health.passes, api.health.passes), (1, 1));
    // What prod says for web alone is copied to web alone, and is nearer than what staging says for all.
    assert_eq!((health_path(web), health_path(api)), ("/up", "/service"));
    assert_eq!((web.label.as_deref(), api.label.as_deref()), (Some("st"), Some("st")));
}

#[test]
fn extends_goes_on_through_a_chain() {
    let config = accepted(
        r#"
[env.c]
extends = "b"
host = "c.com"
upstream = 3002
[env.b]
extends = "a"
host = "b.com"
upstream = 3001
timeout.connect = "2s"
[env.a]
host = "a.com"
blue = 3000
green = 3003
timeout.connect = "1s"
health.path = "/up"
"#,
    );
    let c = service(&config, "c", "c");
    assert_eq!((health_path(c), c.policy.timeout.connect.as_secs()), ("/up", 2));
    assert_eq!(c.hosts, ["c.com".into()]);
    assert!(!c.slots.can_swap());
}

#[test]
fn off_takes_away_what_was_copied() {
    let off = STAGING.replace(
        "extends = \"prod\"",
        "extends = \"prod\"\nauth.allow = \"off\"\nauth.except = []",
    );
    let (config, _) = complained(&format!("{PROD}{off}"));
    assert_eq!(service(&config, "staging", "api").policy.auth, Auth::default());
    assert!(service(&config, "prod", "api").policy.auth.allow.is_some());
}

#[test]
fn an_extended_environment_may_have_more_services() {
    let (config, _) = complained(&format!(
        "{PROD}{STAGING}[env.staging.service.mail]\nhost = \"mail.staging.com\"\nupstream = 5002\n"
    ));
    let names: Vec<&str> = environment(&config, "staging")
        .services
        .iter()
        .map(|one| &*one.name)
        .collect();
    assert_eq!(names, ["web", "api", "mail"]);
    assert_eq!(&*service(&config, "staging", "mail").path, "/");
    assert_eq!(service(&config, "staging", "mail").health.passes, 7);
}

#[test]
fn nobody_else_is_deployed_by_the_commands_of_an_environment() {
    let text = r#"
[env.prod]
tls = "internal"
[env.prod.deploy]
before = "./migrate"
cwd = "/srv/{environment}"
[env.prod.service.web]
host = "app.com"
blue = 3000
green = 3001
deploy = { start = "./start", stop = "./stop", cwd = "/srv/web" }
[env.prod.service.api]
host = "api.com"
blue = 4000
green = 4001
deploy.systemd = "api@{slot}"
[env.staging]
extends = "prod"
[env.staging.service.web]
host = "staging.com"
blue = 5000
green = 5001
[env.staging.service.api]
host = "api.staging.com"
blue = 6000
green = 6001
"#;
    let config = accepted(text);
    assert_eq!(environment(&config, "staging").deploy, Deploy::default());
    let deploy = &environment(&config, "prod").deploy;
    let cwd = |table: &Table| table.cwd.as_ref().map(ToString::to_string);
    assert_eq!(
        deploy.table.as_ref().and_then(cwd).as_deref(),
        Some("/srv/{environment}")
    );
    let services: Vec<_> = deploy
        .services
        .iter()
        .map(|(name, table)| (&**name, cwd(table)))
        .collect();
    assert_eq!(
        services,
        [
            ("api", Some("/srv/{environment}".to_owned())),
            ("web", Some("/srv/web".to_owned()))
        ]
    );
}
