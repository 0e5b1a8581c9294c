//! What two environments of a file should have in common: all but what each has of its own.

use greengate::config::shape;
use greengate::model::parity::differences;

use super::{complained, environment};

/// `service key: prod | dev`, for environments that answer the same.
fn differing(text: &str) -> Vec<String> {
    let (config, _) = complained(text);
    let [prod, dev] = ["prod", "dev"].map(|name| shape(&config, environment(&config, name)));
    let value = |value: Option<String>| value.unwrap_or_else(|| "–".into());
    let told = differences(&prod, &dev).into_iter().map(|it| {
        let service = it.service.map(|service| format!("{service} ")).unwrap_or_default();
        format!("{service}{}: {} | {}", it.key, value(it.a), value(it.b))
    });
    told.collect()
}

#[test]
fn an_environment_that_extends_another_has_its_shape() {
    let text = r#"
[defaults]
tls = "internal"
[env.prod]
protected = true
[env.prod.service.web]
host = ["example.com", "*.example.com"]
blue = 3000
green = [3010, 3011]
limit.body = "1GiB"
auth.allow = ["10.0.0.0/8"]
health.host = "www.example.com"
headers.response = { Access-Control-Allow-Origin = "https://example.com", X-Frame-Options = "DENY" }
public = { blue = "/usr/share", green = "/usr/lib" }
[[env.prod.service.web.at]]
path = "/old"
redirect = "https://www.example.com/new"
[[env.prod.service.web.at]]
path = "/admin"
auth.allow = ["127.0.0.1"]
[env.dev]
extends = "prod"
label = "dev"
label_ribbon = true
[env.dev.service.web]
host = ["dev.example.com", "*.dev.example.com"]
upstream = 4000
auth.allow = "off"
health.host = "www.dev.example.com"
headers.response.Access-Control-Allow-Origin = "https://dev.example.com"
public = "off"
[[env.dev.service.web.at]]
path = "/old"
redirect = "https://www.dev.example.com/new"
[[env.dev.service.web.at]]
path = "/admin"
auth.allow = ["10.0.0.0/8"]
[redirect]
"example.com/blog" = "https://blog.example.com"
"dev.example.com/blog" = "https://blog.dev.example.com"
"www.example.org" = "https://example.com"
"#;
    // An address runs where it runs, but a folder before the app is a part of the shape.
    assert_eq!(differing(text), ["web public: a folder for each colour | –"]);
}

#[test]
fn whatever_a_key_says_otherwise_is_told_by_its_name() {
    let both = |prod: &str, dev: &str| {
        let one = |name: &str, host: &str, port: u16, more: &str| {
            format!("[env.{name}]\nhost = \"{host}\"\nupstream = {port}\n{more}\n")
        };
        format!(
            "[defaults]\ntls = \"internal\"\n{}{}",
            one("prod", "example.com", 3000, prod),
            one("dev", "dev.example.com", 4000, dev)
        )
    };
    for (prod, dev, told) in [
        ("limit.body = \"1GiB\"", "", "prod limit.body: 1 GiB | 100 MiB"),
        ("", "timeout.response = \"5s\"", "prod timeout.response: 60 s | 5 s"),
        ("health.path = \"/up\"", "", "prod health.path: /up | /health"),
        (
            "health.version = \"header:X-V\"",
            "",
            "prod health.version: header:X-V | –",
        ),
        ("path = \"/api\"", "", "prod path: /api | /"),
        ("tls = \"off\"", "", "prod tls: off | internal"),
        ("compress = true", "", "prod compress: zstd, br, gzip | –"),
        (
            "limit.rate = \"10/s\"\nlimit.burst = 20",
            "limit.rate = \"10/s\"\nlimit.burst = 30",
            "prod limit.burst: 20 | 30",
        ),
        (
            "headers.request.X-Tenant = \"a\"",
            "",
            "prod headers.request.x-tenant: a | –",
        ),
        (
            "headers.response.Server = \"\"",
            "",
            "prod headers.response.server: taken away | –",
        ),
        (
            "headers.request.X-Api-Key = \"s3cret\"",
            "headers.request.X-Api-Key = \"other\"",
            "prod headers.request.x-api-key: *** | ***",
        ),
        ("log_query = \"drop\"", "", "prod log_query: drop | keep"),
        (
            "[[env.prod.at]]\npath = \"/up\"\nlimit.body = \"1GiB\"",
            "",
            "prod at /up limit.body: 1 GiB | –",
        ),
        (
            "[[env.prod.at]]\npath = \"/up\"\nheaders.request.Authorization = \"Bearer s3cret\"",
            "",
            "prod at /up headers.request.authorization: *** | –",
        ),
    ] {
        assert_eq!(differing(&both(prod, dev)), [told], "{prod} and {dev}");
    }
}

#[test]
fn services_hosts_and_redirects_belong_to_the_shape() {
    let text = r#"
[defaults]
tls = "internal"
[env.prod.service.web]
host = ["example.com", "*.example.com"]
upstream = 3000
[env.prod.service.api]
host = "api.example.com"
upstream = 3001
[env.dev.service.web]
host = "dev.example.com"
upstream = "files:/usr/share"
[redirect]
"example.com/old" = "https://example.com/new"
"#;
    assert_eq!(
        differing(text),
        [
            "[redirect] /old: https://example.com/new | –",
            "web host 2: *.example.com | –",
            "web runs as: an app | a folder",
            "web health.path: /health | /",
            "api service: is there | –"
        ]
    );
}
