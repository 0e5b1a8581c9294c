//! What `proxyctl import` makes of a configuration of nginx answers as nginx does: both stand in front of the same apps, and are asked
//! the same. Compared are the status, where a redirect leads, who answered, and the fields that the configuration sets.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use socket2::Socket;
use tempfile::TempDir;

use crate::common::app::{App, send};
use crate::common::client::{Client, Response, WEB_SOCKET};
use crate::common::door::Door;
use crate::common::port::reserve;
use crate::common::process::Process;
use crate::common::tool::tool;
use crate::common::{eventually, holds, secs};

/// A request, and the fields of its answer that the configuration sets.
type Asked<'a> = (&'a str, &'a str, &'a [&'a str]);

/// nginx and proxyd in front of the same apps.
struct Both {
    nginx: Nginx,
    door: Door,
    apps: BTreeMap<u16, App>,
}

/// A running nginx, in a folder of its own.
struct Nginx {
    // Before its folder: the child has to be gone before that is removed.
    _process: Process,
    _port: Socket,
    address: SocketAddr,
    folder: TempDir,
}

impl Both {
    /// Starts both on a case of `tests/import`, with apps on the ports that it names.
    async fn start(case: &str) -> Self {
        Self::start_with(case, &[]).await
    }

    /// As [`Both::start`], with these files where it says `/srv`.
    async fn start_with(case: &str, files: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/import/nginx/{case}"));
        let text = |file: &Path| std::fs::read_to_string(file).unwrap();
        let mut apps = BTreeMap::new();
        for port in ports(&text(&path.join("nginx.conf"))) {
            apps.insert(port, App::start(&port.to_string(), "v1").await);
        }
        let nginx = Nginx::start(&rewritten(&text(&path.join("nginx.conf")), &apps), files).await;
        let output = Command::new(env!("CARGO_BIN_EXE_proxyctl"))
            .arg("import")
            .arg("nginx")
            .arg(nginx.folder.path().join("nginx.conf"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let imported = String::from_utf8(output.stdout).unwrap();
        // The door of the tests says itself where it listens.
        let (before, after) = imported.split_once("[server]\n").unwrap_or((&imported, ""));
        let after = after.split_once("\n\n").map_or("", |(_, after)| after);
        let door = Door::start(&format!("{before}\n{after}")).await;
        Self { nginx, door, apps }
    }

    /// The answer of each to a GET.
    async fn answers(&self, host: &str, target: &str) -> [Response; 2] {
        let mut nginx = Client::plain(self.nginx.address).await.unwrap();
        let mut door = Client::plain(self.door.http()).await.unwrap();
        [
            nginx.get(host, target).await.unwrap(),
            door.get(host, target).await.unwrap(),
        ]
    }

    /// Fails where the two do not agree.
    async fn agree(&self, asked: &[Asked<'_>]) {
        for (host, target, fields) in asked {
            let [nginx, door] = self.answers(host, target).await;
            let told = |response: &Response| {
                // An answer that says how long it keeps is public anyway (RFC 9111 §5.2.2.9).
                let said = |name: &&str| Some(response.field(name)?.replace("public, ", ""));
                let fields: Vec<_> = fields.iter().map(said).collect();
                (status(response.status), location(host, response), who(response), fields)
            };
            assert_eq!(told(&door), told(&nginx), "{host}{target}: {door:?} and {nginx:?}");
        }
    }
}

impl Nginx {
    async fn start(text: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Its workers belong to another user.
        let readable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), readable).unwrap();
        for (name, text) in files {
            let file = folder.path().join(name.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let (port, address) = reserve();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = format!("\n{text}")
            .replace("listen 8080", "listen 80")
            .replace("listen 80", &format!("listen {address}"))
            .replace(
                "\nevents {",
                &format!("pid {}; error_log {};\nevents {{", at("pid"), at("error.log")),
            )
            .replace("include mime.types;", "")
            .replace(
                "http {",
                &format!("http {{ include /etc/nginx/mime.types; {}", temporary(folder.path())),
            )
            .replace("user www-data;", "")
            .replace("pid /run/nginx.pid;", "")
            .replace(" /srv/", &format!(" {}/srv/", folder.path().display()));
        std::fs::write(folder.path().join("nginx.conf"), text).unwrap();
        let mut command = tool("nginx").into_std();
        command
            .args(["-g", "daemon off;", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(folder.path().join("nginx.conf"));
        // Its workers end with the test, too.
        command.process_group(0);
        let process = Process::spawn("nginx", command);
        eventually(secs(10), || async {
            if process.ended().is_some() {
                panic!("nginx has ended: {}", process.last_words());
            }
            let connected = Client::plain(address).await;
            holds(connected.is_ok(), || format!("{connected:?}"))
        })
        .await;
        Self {
            _process: process,
            _port: port,
            address,
            folder,
        }
    }
}

/// Where nginx may write, which is elsewhere than where it would.
fn temporary(folder: &Path) -> String {
    let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let paths = kinds.map(|kind| format!("{kind}_temp_path {}/{kind}; ", folder.display()));
    format!("{} access_log off;", paths.concat())
}

/// Where apps are, as configurations say it.
const AT_APPS: [&str; 2] = ["127.0.0.1:", "localhost:"];

/// The ports of apps in a configuration.
fn ports(text: &str) -> BTreeSet<u16> {
    let places = AT_APPS.iter().flat_map(|host| text.split(host).skip(1));
    places.filter_map(|rest| digits(rest).parse().ok()).collect()
}

/// The configuration with the ports that the apps really have. It is read once from front to back: a port that was written may begin like
/// one that is looked for.
fn rewritten(text: &str, apps: &BTreeMap<u16, App>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((at, host)) = AT_APPS.iter().filter_map(|host| Some((rest.find(host)?, host))).min() {
        let behind = &rest[at + host.len()..];
        let port = digits(behind);
        let app = port.parse().ok().and_then(|port: u16| apps.get(&port));
        out += &rest[..at];
        out += &app.map_or_else(|| format!("{host}{port}"), |app| app.tcp().to_string());
        rest = &behind[port.len()..];
    }
    out + rest
}

/// The number that a text begins with.
fn digits(text: &str) -> &str {
    let end = text.find(|char: char| !char.is_ascii_digit());
    &text[..end.unwrap_or(text.len())]
}

/// A redirect that holds for good is one, whether it says so with 301 or with 308, which keeps the method.
fn status(status: u16) -> u16 {
    if status == 308 { 301 } else { status }
}

/// Where a redirect leads, as a whole URL without the port that only this test has.
fn location(host: &str, response: &Response) -> Option<String> {
    let location = response.field("location")?;
    let Some((scheme, rest)) = location.split_once("://") else {
        return Some(format!("http://{host}{location}"));
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.split(':').next().unwrap_or(authority);
    Some(format!("{scheme}://{host}/{path}"))
}

/// What an app has said: its name, and the target as it saw it; nothing where no app was asked.
fn who(response: &Response) -> String {
    if response.app().is_empty() {
        String::new()
    } else {
        response.text()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_js_app_with_an_api_answers_as_behind_nginx() {
    let both = Both::start("nextjs").await;
    both.agree(&[
        (
            "example.com",
            "/",
            &["x-frame-options", "x-content-type-options", "cache-control"],
        ),
        ("example.com", "/about?a=1&b=%20", &["x-frame-options"]),
        ("example.com", "/api/users?id=1", &["x-frame-options"]),
        ("example.com", "/apis", &[]),
        ("example.com", "/_next/static/app.js", &["cache-control"]),
        ("example.com", "/status/404", &[]),
    ])
    .await;
    // The one that nginx tells all of it; ours are told anyway.
    let seen = both.apps[&8000].seen();
    let asked: Vec<_> = seen.iter().filter(|one| one.target.starts_with("/users")).collect();
    assert_eq!(asked.len(), 2, "by nginx and by proxyd");
    for (name, expected) in [
        ("host", "example.com"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-for", "127.0.0.1"),
    ] {
        let told: Vec<_> = asked.iter().map(|one| one.head.fields.get(name)).collect();
        assert_eq!(told, [Some(expected); 2], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_pass_as_behind_nginx_without_a_word_for_it() {
    let both = Both::start("nextjs").await;
    for address in [both.nginx.address, both.door.http()] {
        let mut client = Client::plain(address).await.unwrap();
        let request = format!("GET /ws HTTP/1.1\r\nHost: example.com\r\n{WEB_SOCKET}\r\n");
        client.send(request).await.unwrap();
        let (status, _) = client.head().await.unwrap();
        assert_eq!(status, 101, "{address}");
    }
    let both = Both::start("websockets").await;
    both.agree(&[("chat.example.com", "/", &[]), ("chat.example.com", "/events", &[])])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_prefixes_and_variables_lead_where_nginx_leads() {
    let both = Both::start("upstreams").await;
    both.agree(&[
        ("app.example.com", "/sticky/a/b?c", &[]),
        ("app.example.com", "/search?q=1", &[]),
    ])
    .await;
    let [nginx, door] = both.answers("app.example.com", "/").await;
    assert_eq!((nginx.status, door.status), (200, 200), "one of the two instances");
    assert!(both.apps[&3002].seen().is_empty() && both.apps[&3004].seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_lead_elsewhere_lead_there_and_others_are_served() {
    let both = Both::start("maps-and-ifs").await;
    both.agree(&[
        ("example.com", "/a?b=c", &[]),
        ("example.com", "/old/a/b", &[]),
        ("example.com", "/feed", &[]),
        ("example.com", "/docs", &[]),
        ("example.org", "/", &[]),
        ("example.org", "/a/b?c=d", &[]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_turn_away_whom_nginx_turns_away() {
    let both = Both::start("rate-limits").await;
    both.agree(&[("api.example.com", "/", &[]), ("api.example.com", "/healthz", &[])])
        .await;
    for address in [both.nginx.address, both.door.http()] {
        let mut turned_away = 0;
        for _ in 0..40 {
            let mut client = Client::plain(address).await.unwrap();
            let answer = client.get("api.example.com", "/").await.unwrap();
            assert!(matches!(answer.status, 200 | 429), "{answer:?}");
            turned_away += u32::from(answer.status == 429);
        }
        assert!((10..30).contains(&turned_away), "{turned_away} of 40 at {address}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blue_is_live_where_nginx_had_two_colours() {
    let both = Both::start("blue-green").await;
    both.agree(&[("example.com", "/", &[])]).await;
    assert_eq!(
        both.door.environment("prod").await.live,
        Some(greengate::model::slot::Slot::Blue)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_by_nginx_is_asked_by_us_and_lets_the_same_pass() {
    let both = Both::start("auth").await;
    let auth = &both.apps[&4180];
    let wiki = &both.apps[&3001];
    let lets_pass = "HTTP/1.1 202 Accepted\r\nX-Auth-Request-User: anna\r\nContent-Length: 0\r\n\r\n";
    auth.on("/oauth2/auth", vec![send(lets_pass)]);
    for address in [both.nginx.address, both.door.http()] {
        let mut client = Client::plain(address).await.unwrap();
        let lie = "X-Auth-Request-User: eve\r\nCookie: session=1\r\n";
        let answer = client
            .request("GET", "wiki.example.com", "/page?x=1", lie, b"")
            .await
            .unwrap();
        assert_eq!((answer.status, answer.app()), (200, "3001"), "{address}");
        let seen = wiki.last_seen("/page").head;
        let told: Vec<_> = seen.fields.all("x-auth-request-user").collect();
        assert_eq!(told, ["anna"], "{address}");
        let asked = auth.last_seen("/oauth2/auth");
        assert_eq!(
            (asked.method.as_str(), asked.head.fields.get("cookie")),
            ("GET", Some("session=1"))
        );
    }
    auth.on(
        "/oauth2/auth",
        vec![send("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")],
    );
    both.agree(&[
        ("wiki.example.com", "/page", &[]),
        ("wiki.example.com", "/oauth2/start?rd=/", &[]),
    ])
    .await;
    assert_eq!(wiki.requests(), 2);
}

/// What a folder says of a file: its type without what a text is encoded in, when it was changed, whether it has a tag.
fn file(response: &Response) -> [Option<String>; 4] {
    let said = |name| response.field(name).map(str::to_owned);
    let kind = said("content-type").map(|kind| {
        kind.split(';')
            .next()
            .unwrap_or_default()
            .replace("application/javascript", "text/javascript")
    });
    let tag = said("etag").map(|_| "a tag".to_owned());
    [kind, said("last-modified"), tag, said("content-length")]
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_answer_as_those_of_nginx() {
    let both = Both::start_with(
        "single-page",
        &[
            ("/srv/spa/dist/index.html", "<!doctype html><title>app</title>"),
            ("/srv/spa/dist/app.js", "export const answer = 42;"),
            ("/srv/spa/dist/style.css", "body { color: green; }"),
            ("/srv/spa/dist/logo.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>"),
            ("/srv/spa/dist/help/index.html", "<!doctype html><title>help</title>"),
            ("/srv/spa/dist/.env", "SECRET=1"),
            ("/srv/docs/index.html", "<!doctype html><title>docs</title>"),
            ("/srv/docs/404.html", "<!doctype html><title>nothing</title>"),
            ("/srv/docs/plain.txt", "words"),
        ],
    )
    .await;
    both.agree(&[
        ("app.example.com", "/", &["cache-control"]),
        ("app.example.com", "/app.js?v=1", &[]),
        ("app.example.com", "/settings/profile", &["cache-control"]),
        ("app.example.com", "/help", &[]),
        ("app.example.com", "/api/users", &[]),
        ("docs.example.com", "/plain.txt", &[]),
        ("docs.example.com", "/missing", &[]),
    ])
    .await;
    for (host, target) in [
        ("app.example.com", "/"),
        ("app.example.com", "/app.js"),
        ("app.example.com", "/logo.svg"),
        ("app.example.com", "/settings/profile"),
        ("app.example.com", "/help/"),
        ("docs.example.com", "/plain.txt"),
        ("docs.example.com", "/missing"),
    ] {
        let [nginx, door] = both.answers(host, target).await;
        assert_eq!(door.text(), nginx.text(), "{host}{target}");
        // A page in the place of what is missing is no file that anybody has asked for.
        if door.status == 200 {
            assert_eq!(file(&door), file(&nginx), "{host}{target}: {door:?} and {nginx:?}");
        }
    }
    // nginx says it in two fields.
    let [nginx, door] = both.answers("app.example.com", "/style.css").await;
    assert_eq!(nginx.field("cache-control"), Some("max-age=31536000"));
    assert_eq!(door.field("cache-control"), Some("max-age=31536000, immutable"));
    let [nginx, door] = both.answers("app.example.com", "/.env").await;
    assert_eq!(nginx.status, 403);
    assert!(!door.text().contains("SECRET"), "{door:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_below_a_path_are_those_that_nginx_had_there() {
    let files = [
        ("/srv/django/static/admin/base.css", "body {}"),
        ("/srv/django/media/photo.txt", "a photo"),
    ];
    let both = Both::start_with("django", &files).await;
    both.agree(&[
        ("django.example.com", "/static/admin/base.css", &["cache-control"]),
        ("django.example.com", "/static/missing.css", &[]),
        ("django.example.com", "/media/photo.txt", &["cache-control"]),
    ])
    .await;
    for target in ["/static/admin/base.css", "/media/photo.txt"] {
        let [nginx, door] = both.answers("django.example.com", target).await;
        assert_eq!((door.text(), file(&door)), (nginx.text(), file(&nginx)), "{target}");
    }
}
