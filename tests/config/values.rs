//! What a file says: every default, every key with another value, and which of several values wins.

use std::path::{Path, PathBuf};
use std::time::Duration;

use greengate::config::{
    AccessLogFormat, AccessLogTarget, Auth, Bake, Config, Drain, Forward, Health, Hold, Keepalive, Limits, Listen,
    Reuse, Scope, Service, Slots, StatusRange, Timeouts, Tls, VersionSource,
};
use greengate::model::compress::{Compress, Encoding};
use greengate::model::health::HealthPath;
use greengate::model::log_query::LogQuery;
use greengate::model::rate::Rate;
use greengate::model::ribbon::Ribbon;
use greengate::model::slot::{Address, Slot};

use super::{FILE, accepted, environment, health_path, service};

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn three_lines_are_a_site_and_the_rest_are_the_defaults_of_the_manual() {
    let config = accepted("[env.prod]\nhost = \"example.com\"\nupstream = 3000\n");
    assert_eq!(config.file, PathBuf::from(FILE));
    assert!(config.redirects.is_empty());
    let prod = environment(&config, "prod");
    assert!(!prod.protected);
    let service = service(&config, "prod", "prod");
    assert_eq!(&*service.environment, "prod");
    assert_eq!(service.hosts, ["example.com".into()]);
    assert_eq!(&*service.path, "/");
    assert!(!service.strip_prefix);
    assert_eq!(service.slots, Slots::Single(vec![address("127.0.0.1:3000")]));
    assert_eq!(
        service.health,
        Health {
            path: HealthPath::new("/health".into(), "/".into()),
            status: StatusRange(vec![(200, 299)]),
            host: "example.com".into(),
            body: None,
            version: None,
            interval: Duration::from_millis(500),
            timeout: seconds(5),
            passes: 3,
            deadline: seconds(60),
        }
    );
    assert!(service.warmup.is_empty());
    assert_eq!(
        service.hold,
        Hold {
            period: seconds(30),
            max_requests: 1000,
            max_bytes: 64 * 1024 * 1024,
        }
    );
    assert!(service.stale_assets.is_empty());
    assert_eq!(
        service.drain,
        Drain {
            requests: seconds(60),
            streams: seconds(300),
        }
    );
    assert_eq!(service.bake, None);
    assert_eq!(
        service.keepalive,
        Keepalive {
            idle: seconds(4),
            reuse: Reuse::Safe,
        }
    );
    assert_eq!(
        service.policy.timeout,
        Timeouts {
            connect: seconds(4),
            response: seconds(60),
            idle: seconds(60),
            stream: seconds(3600),
        }
    );
    assert_eq!(service.policy.limit_body, 100 * 1024 * 1024);
    assert_eq!(service.policy.limits, Limits::default());
    assert_eq!(service.policy.auth, Auth::default());
    assert_eq!(service.tls, Tls::Acme);
    assert_eq!(service.label, None);
    assert_eq!(service.policy.compress, None);
    assert!(service.policy.log);
    assert_eq!(service.log_query, LogQuery::Keep);
}

#[test]
fn the_defaults_of_the_server_are_those_of_the_manual() {
    let server = accepted("[env.prod]\nhost = \"example.com\"\nupstream = 3000\n").server;
    assert_eq!(server.http, Listen::Everywhere(80));
    assert_eq!(server.https, Listen::Everywhere(443));
    assert_eq!(server.socket, None);
    assert_eq!(server.group, None);
    assert_eq!(server.state_dir, None);
    assert_eq!(server.workers, None);
    assert!(server.trusted_proxies.is_empty());
    assert!(!server.proxy_protocol);
    assert_eq!(server.max_connections, None);
    assert_eq!(server.max_connections_per_client, 512);
    assert_eq!(server.access_log, AccessLogTarget::Stdout);
    assert_eq!(server.access_log_format, AccessLogFormat::Json);
}

#[test]
fn every_key_of_a_service_is_read() {
    let config = accepted(
        r#"
[env.prod]
protected = true
[env.prod.service.api]
host = ["API.example.com.", "*.api.example.com", "::1"]
path = "/api/v1/"
strip_prefix = true
blue = [3000, "app.internal:80"]
green = ["unix:/run/green.sock", "[fd00::1]:3000"]
health.path = "/up?full=1"
health.status = [202, "3xx", "400-404", "410"]
health.host = "Health.example.com"
health.body = "ok"
health.version = "json:build.version"
health.interval = "250ms"
health.timeout = "1s"
health.passes = 5
health.deadline = "1m 30s"
warmup = ["/", "/pricing"]
hold.for = "1m"
hold.max_requests = 20000
hold.max_bytes = "1 GiB"
stale_assets = ["/_next/static/", "/assets"]
drain.requests = "2min"
drain.streams = "1h 30m"
bake.for = "30s"
bake.max_error_rate = "2.5 %"
keepalive.idle = "0s"
keepalive.reuse = "always"
timeout.connect = "1s"
timeout.response = "2m"
timeout.idle = "10s"
timeout.stream = "1d"
limit.body = "1 GiB"
limit.concurrent = 50
limit.rate = "100/min"
limit.burst = 7
auth.basic = "off"
auth.allow = ["10.0.0.7/8", "192.0.2.1", "2001:db8::/32"]
auth.except = ["/hooks/", "/a/b"]
auth.forward = { url = "http://Auth.internal/verify?x=1", copy = ["Remote-User", "X-Groups"], timeout = "1s" }
tls = "internal"
label = "beta"
compress = { encodings = ["br", "gzip"], breach = "strict" }
log = false
log_query = ["token", "a b"]
"#,
    );
    assert!(environment(&config, "prod").protected);
    let api = service(&config, "prod", "api");
    assert_eq!(
        api.hosts,
        ["api.example.com".into(), "*.api.example.com".into(), "[::1]".into()]
    );
    assert_eq!(&*api.path, "/api/v1");
    assert!(api.strip_prefix);
    assert!(api.slots.can_swap());
    assert_eq!(
        api.slots.get(Slot::Blue).unwrap(),
        [address("127.0.0.1:3000"), address("app.internal:80")]
    );
    assert_eq!(
        api.slots.get(Slot::Green).unwrap(),
        [address("unix:/run/green.sock"), address("[fd00::1]:3000")]
    );
    assert_eq!(
        api.health,
        Health {
            path: "/up?full=1".into(),
            status: StatusRange(vec![(202, 202), (300, 399), (400, 404), (410, 410)]),
            host: "health.example.com".into(),
            body: Some("ok".into()),
            version: Some(VersionSource::Json("build.version".into())),
            interval: Duration::from_millis(250),
            timeout: seconds(1),
            passes: 5,
            deadline: seconds(90),
        }
    );
    assert_eq!(api.warmup, ["/", "/pricing"]);
    assert_eq!(
        api.hold,
        Hold {
            period: seconds(60),
            max_requests: 20_000,
            max_bytes: 1 << 30,
        }
    );
    assert_eq!(api.stale_assets, ["/_next/static/".into(), "/assets".into()]);
    assert_eq!(
        api.drain,
        Drain {
            requests: seconds(120),
            streams: seconds(5400),
        }
    );
    assert_eq!(
        api.bake,
        Some(Bake {
            period: seconds(30),
            max_error_rate: 0.025,
        })
    );
    assert_eq!(
        api.keepalive,
        Keepalive {
            idle: Duration::ZERO,
            reuse: Reuse::Always,
        }
    );
    assert_eq!(
        api.policy.timeout,
        Timeouts {
            connect: seconds(1),
            response: seconds(120),
            idle: seconds(10),
            stream: seconds(86_400),
        }
    );
    assert_eq!(api.policy.limit_body, 1 << 30);
    let rate = Rate {
        requests: 100,
        period: seconds(60),
        burst: 7,
    };
    assert_eq!(
        api.policy.limits,
        Limits {
            concurrent: Some((50, Scope::Service)),
            rate: Some((rate, Scope::Service)),
        }
    );
    assert_eq!(
        api.policy.auth,
        Auth {
            basic: None,
            allow: Some(vec![
                "10.0.0.0/8".parse().unwrap(),
                "192.0.2.1/32".parse().unwrap(),
                "2001:db8::/32".parse().unwrap(),
            ]),
            except: vec!["/hooks".into(), "/a/b".into()],
            forward: Some(
                Forward {
                    address: address("auth.internal:80"),
                    target: "/verify?x=1".into(),
                    copy: vec!["remote-user".into(), "x-groups".into()],
                    timeout: Duration::from_secs(1),
                }
                .into()
            ),
        }
    );
    assert_eq!(api.vouched, ["remote-user".into(), "x-groups".into()]);
    assert_eq!(api.tls, Tls::Internal);
    assert_eq!(api.label.as_deref(), Some("beta"));
    let compress = Compress {
        encodings: vec![Encoding::Brotli, Encoding::Gzip],
        strict: true,
    };
    assert_eq!(api.policy.compress, Some(compress));
    assert!(!api.policy.log);
    assert_eq!(api.log_query, LogQuery::Mask(vec!["token".into(), "a b".into()]));
    assert_eq!(config.log_query, api.log_query);
}

#[test]
fn every_key_of_the_server_is_read() {
    let server = accepted(
        r#"
[server]
http = "127.0.0.1:0"
https = ["127.0.0.1:0", "[::1]:8443"]
socket = "/run/gg.sock"
group = "deploy"
state_dir = "state"
workers = 2
trusted_proxies = ["10.1.2.3/8", "192.0.2.7", "fd00::/8"]
proxy_protocol = true
max_connections = 1000
max_connections_per_client = 10
access_log = "log/access.log"
access_log_format = "combined"
[env.prod]
host = "example.com"
upstream = 3000
"#,
    )
    .server;
    let listen = |addresses: &[&str]| Listen::At(addresses.iter().map(|address| address.parse().unwrap()).collect());
    assert_eq!(server.http, listen(&["127.0.0.1:0"]));
    assert_eq!(server.https, listen(&["127.0.0.1:0", "[::1]:8443"]));
    assert_eq!(server.socket, Some("/run/gg.sock".into()));
    assert_eq!(server.group.as_deref(), Some("deploy"));
    assert_eq!(server.state_dir, Some("state".into()));
    assert_eq!(server.workers, Some(2));
    let proxies: Vec<String> = server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["10.0.0.0/8", "192.0.2.7/32", "fd00::/8"]);
    assert!(!server.trusts_cloudflare);
    assert!(server.proxy_protocol);
    assert_eq!(server.max_connections, Some(1000));
    assert_eq!(server.max_connections_per_client, 10);
    assert_eq!(server.access_log, AccessLogTarget::File("log/access.log".into()));
    assert_eq!(server.access_log_format, AccessLogFormat::Combined);
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let text =
        "[server]\nstate_dir = \"state\"\nsocket = \"/run/gg.sock\"\n[env.a]\nhost = \"a.com\"\nupstream = 3000\n";
    let (config, _) = Config::parse(Path::new("/etc/greengate/proxy.toml"), text).unwrap();
    assert_eq!(config.server.state_dir, Some("/etc/greengate/state".into()));
    assert_eq!(config.server.socket, Some("/run/gg.sock".into()));
}

#[test]
fn the_nearest_value_wins_and_tables_merge_key_by_key() {
    let config = accepted(
        r#"
[defaults]
health.path = "/a"
health.timeout = "1s"
health.passes = 1
warmup = ["/"]
tls = "internal"
[env.prod]
health.path = "/b"
health.timeout = "2s"
log = false
[env.prod.service.web]
host = "web.com"
upstream = 3000
health.path = "/c"
warmup = []
[env.prod.service.api]
host = "api.com"
upstream = 3001
"#,
    );
    let (web, api) = (service(&config, "prod", "web"), service(&config, "prod", "api"));
    assert_eq!((health_path(web), health_path(api)), ("/c", "/b"));
    assert_eq!((web.health.timeout, api.health.timeout), (seconds(2), seconds(2)));
    assert_eq!((web.health.passes, api.health.passes), (1, 1));
    assert!(web.warmup.is_empty());
    assert_eq!(api.warmup, ["/"]);
    assert_eq!((&web.tls, web.policy.log), (&Tls::Internal, false));
}

#[test]
fn environments_and_services_keep_the_order_of_the_file() {
    let config = accepted(
        r#"
[env.zeta.service.web]
host = "z.com"
upstream = 3000
[env.alpha]
host = "a.com"
upstream = 3001
[env.zeta.service.api]
host = "y.com"
upstream = 3002
"#,
    );
    let names: Vec<&str> = config
        .environments
        .iter()
        .map(|environment| &*environment.name)
        .collect();
    assert_eq!(names, ["zeta", "alpha"]);
    let services: Vec<&str> = config.environments[0]
        .services
        .iter()
        .map(|service| &*service.name)
        .collect();
    assert_eq!(services, ["web", "api"]);
}

#[test]
fn bake_is_off_until_it_has_a_time() {
    for (bake, expected) in [
        ("", None),
        ("bake.max_error_rate = 0.1", None),
        ("bake.for = \"off\"", None),
        ("bake.for = \"0s\"", None),
        ("bake.for = \"30s\"", Some(0.05)),
        ("bake.for = \"30s\"\nbake.max_error_rate = 0.1", Some(0.1)),
        ("bake.for = \"30s\"\nbake.max_error_rate = \"10%\"", Some(0.1)),
    ] {
        let config = accepted(&format!("[env.a]\nhost = \"a.com\"\nupstream = 3000\n{bake}\n"));
        let bake = service(&config, "a", "a").bake;
        assert_eq!(bake.map(|bake| bake.max_error_rate), expected, "{bake:?}");
    }
}

#[test]
fn a_probe_asks_for_the_first_host_that_is_no_wildcard() {
    let config = accepted("[env.a]\nhost = [\"*.a.com\", \"www.a.com\", \"a.com\"]\nupstream = 3000\ntls = \"off\"\n");
    assert_eq!(service(&config, "a", "a").health.host, "www.a.com");
    let config = accepted("[env.a]\nhost = \"*.a.com\"\nupstream = 3000\nhealth.host = \"b.com\"\ntls = \"off\"\n");
    assert_eq!(service(&config, "a", "a").health.host, "b.com");
}

#[test]
fn a_version_may_stand_in_a_header() {
    let config = accepted("[env.a]\nhost = \"a.com\"\nupstream = 3000\nhealth.version = \"header:X-Version\"\n");
    let version = service(&config, "a", "a").health.version.clone();
    assert_eq!(version, Some(VersionSource::Header("X-Version".into())));
}

#[test]
fn cloudflares_networks_stand_for_its_name_alone_or_among_others() {
    let trusted = |written: &str| {
        let text =
            format!("[server]\ntrusted_proxies = {written}\n[env.prod]\nhost = \"example.com\"\nupstream = 3000\n");
        let server = accepted(&text).server;
        assert!(server.trusts_cloudflare);
        server
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let alone = trusted("\"cloudflare\"");
    assert_eq!(alone.len(), 22);
    assert!(alone.contains(&"104.16.0.0/13".to_owned()) && alone.contains(&"2606:4700::/32".to_owned()));
    let mixed = trusted("[\"cloudflare\", \"127.0.0.1\"]");
    assert_eq!((mixed.len(), mixed[0].as_str()), (23, "127.0.0.1/32"));
}

#[test]
fn stale_assets_are_kept_as_the_nearest_table_says_key_by_key() {
    let text = "[defaults]\nstale_assets = { paths = \"/assets/\", keep = \"7d\" }\n\
                [env.a]\nhost = \"a.example.com\"\nupstream = 3000\n\
                [env.b]\nhost = \"b.example.com\"\nupstream = 3001\nstale_assets = [\"/b/\"]\n\
                [env.c]\nhost = \"c.example.com\"\nupstream = 3002\nstale_assets.keep = \"off\"\n\
                [env.d]\nhost = \"d.example.com\"\nupstream = 3003\nstale_assets.keep = \"1h\"\n";
    let config = accepted(text);
    let of = |name: &str| {
        let service = service(&config, name, name);
        (
            service.stale_assets.join(" "),
            service.stale_keep.map(|keep| keep.as_secs()),
        )
    };
    assert_eq!(of("a"), ("/assets/".to_owned(), Some(7 * 86400)));
    assert_eq!(of("b"), ("/b/".to_owned(), Some(7 * 86400)));
    assert_eq!(of("c"), ("/assets/".to_owned(), None));
    assert_eq!(of("d"), ("/assets/".to_owned(), Some(3600)));
}

#[test]
fn a_ribbon_in_the_defaults_is_for_environments_with_a_label() {
    let text = "[defaults]\nlabel_ribbon = true\nauth.basic = \"off\"\n\
                [env.prod]\nhost = \"example.com\"\nupstream = 3000\n\
                [env.dev]\nhost = \"dev.example.com\"\nupstream = 3001\nlabel = \"dev\"\n";
    let config = accepted(text);
    assert_eq!(service(&config, "prod", "prod").label_ribbon, None);
    assert_eq!(service(&config, "dev", "dev").label_ribbon, Some(Ribbon::new("dev")));
}

#[test]
fn redirects_take_the_tls_of_the_defaults() {
    let config = accepted(
        r#"
[defaults]
tls = "internal"
[redirect]
"WWW.example.com" = "https://Example.com"
"old.example.com" = "http://[::1]:8080"
"#,
    );
    let shown: Vec<_> = config
        .redirects
        .iter()
        .map(|one| (&*one.host, &*one.to, one.tls.clone()))
        .collect();
    assert_eq!(
        shown,
        [
            ("www.example.com", "https://example.com", Tls::Internal),
            ("old.example.com", "http://[::1]:8080", Tls::Internal),
        ]
    );
}

#[test]
fn an_empty_list_of_stale_assets_takes_inherited_ones_away_and_off_holds_nothing() {
    let config = accepted(
        r#"
[defaults]
stale_assets = "/assets/"
[env.a]
host = "a.com"
upstream = 3000
stale_assets = []
hold.for = "off"
"#,
    );
    let a = service(&config, "a", "a");
    assert!(a.stale_assets.is_empty());
    assert!(a.hold.period.is_zero());
}

#[test]
fn e30_a_limit_counts_what_shares_the_table_that_it_stands_in() {
    let config = accepted(
        r#"
[defaults]
limit.rate = "10/s"
[env.dev]
limit.concurrent = 20
[env.dev.service.web]
host = "dev.com"
upstream = 3000
limit.burst = 50
[env.dev.service.api]
host = "api.dev.com"
upstream = 3001
limit.rate = "1/h"
limit.concurrent = "off"
[env.staging]
extends = "dev"
[env.staging.service.web]
host = "staging.com"
upstream = 3002
[env.staging.service.api]
host = "api.staging.com"
upstream = 3003
[env.prod]
host = "prod.com"
upstream = 3004
limit.rate = "off"
"#,
    );
    let rate = |requests, period, burst| Rate {
        requests,
        period: seconds(period),
        burst,
    };
    for env in ["dev", "staging"] {
        let web = &service(&config, env, "web").policy.limits;
        assert_eq!(web.concurrent, Some((20, Scope::Environment)), "{env}");
        assert_eq!(web.rate, Some((rate(10, 1, 50), Scope::Environment)), "{env}");
        let api = &service(&config, env, "api").policy.limits;
        assert_eq!(api.concurrent, None, "{env}");
        assert_eq!(api.rate, Some((rate(1, 3600, 1), Scope::Service)), "{env}");
    }
    assert_eq!(service(&config, "prod", "prod").policy.limits, Limits::default());
}

#[test]
fn queries_are_logged_by_the_nearest_rule_and_elsewhere_by_all_of_them() {
    let config = accepted(
        r#"
[defaults]
log_query = ["token"]
[env.a]
host = "a.com"
upstream = 3000
log_query = []
[env.b]
host = "b.com"
upstream = 3001
log_query = ["key", "token"]
[env.c]
host = "c.com"
upstream = 3002
"#,
    );
    let names = |names: &[&str]| LogQuery::Mask(names.iter().map(|name| (*name).into()).collect());
    let rule = |env: &str| service(&config, env, env).log_query.clone();
    assert_eq!((rule("a"), rule("b")), (LogQuery::Keep, names(&["key", "token"])));
    assert_eq!(rule("c"), names(&["token"]));
    assert_eq!(config.log_query, names(&["token", "key"]));
    let redirects = "[defaults]\nlog_query = \"drop\"\n[redirect]\n\"a.com\" = \"https://b.com\"\n";
    assert_eq!(accepted(redirects).log_query, LogQuery::Drop);
}

#[test]
fn tables_of_auth_forward_are_laid_over_one_another_key_by_key() {
    let config = accepted(
        r#"
[defaults]
auth.forward = { copy = ["Remote-User"], timeout = "2s" }
[env.a]
host = "a.com"
upstream = 3000
auth.forward.url = "http://127.0.0.1:4180/verify"
[[env.a.at]]
path = "/admin"
auth.forward.copy = ["Remote-User", "Remote-Groups"]
[[env.a.at]]
path = "/open"
auth.forward = "off"
[env.b]
host = "b.com"
upstream = 3001
auth.forward = "off"
[[env.b.at]]
path = "/x"
auth.forward.url = "http://127.0.0.1:9091"
"#,
    );
    let (a, b) = (service(&config, "a", "a"), service(&config, "b", "b"));
    let of = |service: &Service, path: &str| {
        let policy = service.policy(service.parts.find(path.as_bytes()).unwrap());
        let forward = policy.auth.forward.as_ref()?;
        Some((forward.to_string(), forward.copy.len(), forward.timeout.as_secs()))
    };
    assert_eq!(of(a, "/"), Some(("http://127.0.0.1:4180/verify".to_owned(), 1, 2)));
    assert_eq!(of(a, "/admin"), Some(("http://127.0.0.1:4180/verify".to_owned(), 2, 2)));
    assert_eq!(of(a, "/open"), None);
    assert_eq!(of(b, "/"), None);
    assert_eq!(
        of(b, "/x"),
        Some(("http://127.0.0.1:9091/".to_owned(), 0, 5)),
        "what was taken away stays away"
    );
}

#[test]
fn compress_has_three_forms_and_the_nearest_wins() {
    let config = accepted(
        r#"
[defaults]
compress = true
[env.a]
host = "a.com"
upstream = 3000
[env.b]
host = "b.com"
upstream = 3001
compress = ["gzip"]
[env.c]
host = "c.com"
upstream = 3002
compress.breach = "strict"
[env.d]
host = "d.com"
upstream = 3003
compress = false
[[env.d.at]]
path = "/strict"
compress.breach = "strict"
[env.e]
host = "e.com"
upstream = 3004
compress = { encodings = ["br", "gzip"], breach = "strict" }
[[env.e.at]]
path = "/gzip"
compress.encodings = ["gzip"]
[[env.e.at]]
path = "/open"
compress.breach = "off"
[[env.e.at]]
path = "/whole"
compress = ["zstd"]
"#,
    );
    let rule = |env: &str| service(&config, env, env).policy.compress.clone();
    let of = |encodings: &[Encoding], strict| {
        Some(Compress {
            encodings: encodings.to_vec(),
            strict,
        })
    };
    let all = [Encoding::Zstd, Encoding::Brotli, Encoding::Gzip];
    assert_eq!(rule("a"), of(&all, false));
    assert_eq!(rule("b"), of(&[Encoding::Gzip], false));
    assert_eq!(rule("c"), of(&all, true));
    assert_eq!(rule("d"), None);
    let within = |env: &str, path: &str| {
        let service = service(&config, env, env);
        service
            .policy(service.parts.find(path.as_bytes()).unwrap())
            .compress
            .clone()
    };
    assert_eq!(within("d", "/strict"), of(&all, true));
    assert_eq!(within("e", "/gzip"), of(&[Encoding::Gzip], true));
    assert_eq!(within("e", "/open"), of(&[Encoding::Brotli, Encoding::Gzip], false));
    assert_eq!(within("e", "/whole"), of(&[Encoding::Zstd], false));
}
