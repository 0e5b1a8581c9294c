//! What a file makes of a URL, line by line.

use std::path::Path;

use greengate::config::explain;
use greengate::model::api::Explanation;

use super::FILE;

const TEXT: &str = r#"[defaults]
tls = "internal"
limit.body = "1MiB"
headers.response = { X-A = "1", X-B = "2" }

[env.prod]
timeout.response = "5s"
[env.prod.service.web]
host = "a.com"
blue = 3000
green = 3001
[[env.prod.service.web.at]]
path = ["/uploads", "*.iso"]
limit.body = "1GiB"
headers.response.X-B = ""
[[env.prod.service.web.at]]
path = "/uploads/old"
redirect = "/new/*"
auth.forward = { url = "http://127.0.0.1:4180" }

[env.plain]
host = "*.b.com"
upstream = 3002
path = "/api"
tls = "off"
health.host = "x.b.com"

[redirect]
"a.com/blog/*" = "https://blog.a.com/*"
"#;

fn explained(url: &str) -> Explanation {
    let explained = explain(Path::new(FILE), TEXT, url).unwrap();
    explained.unwrap_or_else(|| panic!("{url} names a host"))
}

/// Value and line of a key.
fn value<'e>(of: &'e Explanation, key: &str) -> Option<(&'e str, Option<usize>)> {
    let mut found = of.values.iter().filter(|value| value.key == key);
    let first = found.next().map(|value| (&*value.value, value.line));
    assert_eq!(found.next(), None, "{key} stands there once");
    first
}

#[test]
fn the_nearest_line_is_named_for_every_key() {
    let it = explained("https://A.com:443/uploads/x.iso?y");
    assert_eq!((it.host.as_str(), it.path.as_str()), ("a.com", "/uploads/x.iso"));
    assert_eq!(
        (it.environment.as_deref(), it.service.as_deref(), it.line),
        (Some("prod"), Some("web"), Some(8))
    );
    let entries: Vec<_> = it
        .entries
        .iter()
        .map(|entry| (entry.paths.as_str(), entry.line))
        .collect();
    assert_eq!(entries, [("/uploads, *.iso", 13)]);
    assert_eq!(it.answer, None);
    for (key, expected) in [
        ("host", Some(("\"a.com\"", Some(9)))),
        ("tls", Some(("\"internal\"", Some(2)))),
        ("limit.body", Some(("\"1GiB\"", Some(14)))),
        ("timeout.response", Some(("\"5s\"", Some(7)))),
        ("timeout.connect", Some(("4 s", None))),
        ("headers.response.x-a", Some(("\"1\"", Some(4)))),
        ("headers.response.x-b", Some(("\"\"", Some(15)))),
        ("headers.response", None),
        ("warmup", None),
        ("log", Some(("true", None))),
    ] {
        assert_eq!(value(&it, key), expected, "{key}");
    }
    let outside = explained("a.com/");
    assert!(outside.entries.is_empty());
    assert_eq!(value(&outside, "limit.body"), Some(("\"1MiB\"", Some(3))));
}

#[test]
fn what_is_answered_before_an_app_is_asked_is_said() {
    let led = explained("https://a.com/uploads/old/x?y=1");
    assert_eq!(led.answer.as_deref(), Some("308 to /new/x?y=1"));
    assert_eq!(led.entries.len(), 2);
    let forward = "{ url = \"http://127.0.0.1:4180\" }";
    assert_eq!(value(&led, "auth.forward"), Some((forward, Some(19))));
    let blog = explained("https://a.com/blog/x");
    assert_eq!(
        (blog.answer.as_deref(), blog.line),
        (Some("308 to https://blog.a.com/x"), Some(29))
    );
    assert_eq!((blog.environment, blog.values.len()), (None, 0));
    for (url, answer) in [
        ("https://a.com/uploads/../x", "400: "),
        ("https://a.com/blog/../x", "400: "),
        ("http://a.com/", "308 to the same URL over https"),
        ("https://c.com/", "404: nobody answers to this host"),
        ("https://x.b.com/", "404: nobody answers to this path of the host"),
    ] {
        let said = explained(url).answer.unwrap_or_default();
        assert!(said.starts_with(answer), "{url}: {said}");
    }
    assert_eq!(explained("http://x.b.com/api/y").answer, None);
}

#[test]
fn how_a_service_is_deployed_is_named_with_its_lines() {
    let text = r#"
[env.prod]
tls = "internal"
[env.prod.deploy]
before = "./migrate"
cwd = "/srv"
[env.prod.service.web]
host = "a.com"
blue = 3000
green = 3001
deploy = { systemd = "web@{slot}", cwd = "/srv/web" }
[env.prod.service.db]
host = "db.com"
upstream = 5000
"#;
    let deployed = |url: &str| -> Vec<(String, String, Option<usize>)> {
        let it = explain(Path::new(FILE), text, url).unwrap().unwrap();
        let values = it.values.into_iter().filter(|value| value.key.starts_with("deploy."));
        values.map(|value| (value.key, value.value, value.line)).collect()
    };
    let line = |key: &str, value: &str, line| (key.to_owned(), value.to_owned(), Some(line));
    assert_eq!(
        deployed("a.com"),
        [
            line("deploy.systemd", "\"web@{slot}\"", 11),
            line("deploy.cwd", "\"/srv/web\"", 11),
            line("deploy.before", "\"./migrate\"", 5),
        ]
    );
    assert_eq!(deployed("db.com"), []);
}

#[test]
fn what_is_no_url_names_no_host() {
    for url in ["", "https://", "https:///x", "a b", "https://a_b@c/"] {
        assert_eq!(explain(Path::new(FILE), TEXT, url).unwrap(), None, "{url}");
    }
    assert!(explain(Path::new(FILE), "[env", "a.com").is_err());
}

#[test]
fn what_a_swap_depends_on_is_explained_with_its_line() {
    let text = "[defaults]\ntls = \"internal\"\n[env.prod]\nhost = \"a.com\"\nblue = 3000\ngreen = 3001\nrequire_parity = \"dev\"\n\
                [env.dev]\nextends = \"prod\"\nhost = \"b.com\"\nupstream = 4000\n";
    let explained = |url: &str| explain(Path::new(FILE), text, url).unwrap().unwrap();
    assert_eq!(
        value(&explained("https://a.com/"), "require_parity"),
        Some(("\"dev\"", Some(7)))
    );
    assert_eq!(
        value(&explained("https://b.com/"), "require_parity"),
        None,
        "`extends` does not copy it"
    );
}
