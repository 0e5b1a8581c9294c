//! The access log: what stands in a line of either format, what does not, and that GoAccess reads both.

use std::process::Stdio;

use bytes::Bytes;
use serde_json::Value;
use tokio::process::Command;

use crate::common::app::App;
use crate::common::client::Client;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::operation::run;
use crate::common::tool::tool;
use crate::common::{eventually, holds, secs};

const BROWSER: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
const REFERER: &str = "https://search.example.org/?q=greengate";

/// The commands that the manual gives.
fn manual(words: &str) -> String {
    let text = include_str!("../../docs/logs.md");
    let found = text
        .lines()
        .find(|line| line.starts_with("goaccess") && line.contains(words));
    found.expect("the manual has the command").to_owned()
}

/// `GET target` over HTTP/2 with these fields.
async fn over_http2(pair: &Pair, target: &str, fields: &[(&str, &str)]) {
    let request = http::Request::get(format!("https://{HOST}{target}"));
    let request = fields
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value));
    let client = pair.door.h2(HOST).await.unwrap();
    client.send(request, Bytes::new()).await.unwrap();
}

/// `GET target` over HTTP/1.1 with these lines of fields.
async fn over_http1(client: &mut Client, host: &str, target: &str, fields: &str) -> u16 {
    client.request("GET", host, target, fields, b"").await.unwrap().status
}

/// Sends what a site gets in a day, and ends the daemon, so that the log is whole. How many requests that were.
async fn a_day(pair: &Pair) -> usize {
    let mut client = pair.door.tls(HOST).await.unwrap();
    let browser = format!("User-Agent: {BROWSER}\r\nReferer: {REFERER}\r\n");
    assert_eq!(over_http1(&mut client, HOST, "/page?token=secret", &browser).await, 200);
    assert_eq!(over_http1(&mut client, HOST, "/status/404", &browser).await, 404);
    let hostile = "User-Agent: a\" 200 5 \"b\\\u{fc}\r\nReferer: \"><script>\r\n";
    assert_eq!(over_http1(&mut client, HOST, "/hostile/%22%5C", hostile).await, 200);
    assert_eq!(over_http1(&mut client, HOST, "/anonymous", "").await, 200);
    over_http2(pair, "/second", &[("user-agent", BROWSER), ("referer", REFERER)]).await;
    assert_eq!(
        over_http1(&mut pair.door.plain().await, HOST, "/redirected", &browser).await,
        308
    );
    pair.door.sigterm();
    assert!(pair.door.end(secs(30)).await.success());
    6
}

/// What GoAccess finds in the log of a day, by the manual's command.
async fn read_by_goaccess(pair: &Pair, command: &str) -> Value {
    let command = command.replace("report.html", "report.json");
    tool("goaccess");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &command])
        .current_dir(pair.door.folder())
        .stdin(Stdio::null());
    run(shell).await.assert_code(0);
    let report = std::fs::read(pair.door.folder().join("report.json")).unwrap();
    serde_json::from_slice(&report).unwrap()
}

/// What a panel of the report names.
fn named(report: &Value, panel: &str) -> Vec<String> {
    let data = report[panel]["data"].as_array().map_or(&[][..], Vec::as_slice);
    data.iter()
        .map(|row| row["data"].as_str().unwrap().to_owned())
        .collect()
}

fn assert_read(report: &Value, requests: usize) {
    let general = &report["general"];
    assert_eq!(general["valid_requests"], requests, "{report}");
    assert_eq!(general["failed_requests"], 0, "{report}");
    let asked = named(report, "requests");
    for path in ["/page?token=***", "/anonymous", "/second", "/redirected"] {
        assert!(asked.iter().any(|row| row == path), "{path}: {report}");
    }
    assert!(asked.iter().any(|row| row.starts_with("/hostile/")), "{report}");
    assert_eq!(named(report, "not_found"), ["/status/404"], "{report}");
    assert!(
        named(report, "browsers").iter().any(|row| row.contains("Chrome")),
        "{report}"
    );
    assert!(
        named(report, "referring_sites")
            .iter()
            .any(|row| row.contains("search.example.org")),
        "{report}"
    );
    assert_eq!(named(report, "hosts"), ["127.0.0.1"], "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn goaccess_reads_the_combined_format_as_the_manual_says() {
    let pair = Pair::tls_with("access_log_format = \"combined\"", "log_query = [\"token\"]").await;
    let requests = a_day(&pair).await;
    assert_read(&read_by_goaccess(&pair, &manual("COMBINED")).await, requests);
    let log = pair.door.access_log();
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), requests, "{log}");
    // Each core writes its own lines.
    let said = " +0000] \"GET /page?token=*** HTTP/1.1\" 200 ";
    let page = lines.iter().find(|line| line.contains(said)).expect(said);
    assert!(page.starts_with("127.0.0.1 - - ["), "{log}");
    assert!(page.ends_with(&format!(" \"{REFERER}\" \"{BROWSER}\"")), "{log}");
    for line in lines {
        assert_eq!(line.matches('"').count(), 6, "{line}");
        assert!(line.is_ascii(), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn goaccess_reads_the_json_format_as_the_manual_says() {
    let pair = Pair::tls("log_query = [\"token\"]").await;
    let requests = a_day(&pair).await;
    let report = read_by_goaccess(&pair, &manual("user_agent")).await;
    assert_read(&report, requests);
    assert_eq!(named(&report, "vhosts"), [HOST], "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_has_referer_and_user_agent_within_their_bounds() {
    let pair = Pair::tls("").await;
    let mut client = pair.door.tls(HOST).await.unwrap();
    let long = "x".repeat(5000);
    let fields = format!("referer: {REFERER}\r\nUSER-AGENT: {long}\r\n");
    over_http1(&mut client, HOST, "/long", &fields).await;
    over_http2(&pair, "/long", &[("user-agent", &long), ("referer", REFERER)]).await;
    over_http1(&mut client, HOST, "/none", "").await;
    for line in pair.door.logged("\"/long\"", 2).await {
        assert_eq!(line["referer"], REFERER, "{line}");
        assert_eq!(line["user_agent"], format!("{}…", &long[..1024]), "{line}");
    }
    let line = &pair.door.logged("\"/none\"", 1).await[0];
    assert_eq!(
        (&line["referer"], &line["user_agent"]),
        (&"".into(), &"".into()),
        "{line}"
    );
    // Nobody is behind the plain port but redirects and strangers.
    let agent = "User-Agent: stranger\r\n";
    assert_eq!(
        over_http1(&mut pair.door.plain().await, HOST, "/moved", agent).await,
        308
    );
    assert_eq!(
        over_http1(&mut pair.door.plain().await, "nobody.test", "/nobody", agent).await,
        404
    );
    for path in ["/moved", "/nobody"] {
        let line = &pair.door.logged(path, 1).await[0];
        assert_eq!(line["user_agent"], "stranger", "{line}");
    }
}

/// Asks in every way in which a request can come to a line, each with a secret in its query and in its referer.
async fn tell_secrets(door: &Door, host: &str, plain: &str) {
    let fields = format!("Referer: https://{host}/from?token=secret&page=1\r\n");
    let mut tls = door.tls(host).await.unwrap();
    for target in [
        "/one?token=secret&page=1",
        "/two?page=1&%54oken=secret",
        "/a//b/../c?token=secret&page=1",
    ] {
        over_http1(&mut tls, host, target, &fields).await;
    }
    let upgrade = format!(
        "{fields}Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    let head = format!("GET /tunnel?token=secret&page=1 HTTP/1.1\r\nHost: {host}\r\n{upgrade}\r\n");
    let mut tunnel = door.tls(host).await.unwrap();
    tunnel.send(head).await.unwrap();
    assert_eq!(tunnel.head().await.unwrap().0, 101);
    drop(tunnel);
    let request = http::Request::get(format!("https://{host}/three?token=secret&page=1"));
    let request = request.header("referer", format!("https://{host}/from?token=secret&page=1"));
    door.h2(host).await.unwrap().send(request, Bytes::new()).await.unwrap();
    // What reaches no service: redirected, for a plain service, unknown, and not understood.
    for host in [host, plain, "nobody.test"] {
        over_http1(&mut door.plain().await, host, "/four?token=secret&page=1", &fields).await;
    }
    let mut broken = door.plain().await;
    broken
        .send("GET /five?token=secret&page=1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(broken.head().await.unwrap().0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_log_query_hides_stands_in_no_line() {
    let (prod, dev) = (App::start("prod", "v1").await, App::start("dev", "v1").await);
    let site = |rule: &str| {
        format!(
            "{QUICK}{rule}\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{}\"\n[env.dev]\nhost = \"{PLAIN}\"\n\
             tls = \"off\"\nupstream = \"{}\"\n",
            prod.address(),
            dev.address()
        )
    };
    for (rule, shown) in [
        ("log_query = \"keep\"", "token=secret&page=1"),
        ("log_query = [\"token\"]", "token=***&page=1"),
        ("log_query = \"drop\"", ""),
    ] {
        let door = Door::start(&site(rule)).await;
        tell_secrets(&door, HOST, PLAIN).await;
        let log = eventually(secs(10), || async {
            let log = door.access_log();
            holds(log.lines().count() == 9, || format!("not nine lines: {log}")).map(|()| log)
        })
        .await;
        assert_eq!(log.contains("secret"), rule.contains("keep"), "{rule}: {log}");
        assert_eq!(log.contains('?'), !rule.contains("drop"), "{rule}: {log}");
        assert!(log.contains(shown), "{rule}: {log}");
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                line["path"].as_str().unwrap().contains("page=1"),
                !rule.contains("drop"),
                "{line}"
            );
        }
        door.sigterm();
        assert!(door.end(secs(30)).await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_query_follows_the_nearest_table_and_a_reload() {
    let pair = Pair::tls("log_query = \"drop\"").await;
    pair.get("/before?token=secret").await;
    pair.door.logged("\"/before\"", 1).await;
    let text = std::fs::read_to_string(pair.door.config()).unwrap();
    let masked = text.replace("log_query = \"drop\"", "log_query = [\"token\"]");
    std::fs::write(pair.door.config(), masked).unwrap();
    let reload = pair.door.proxyctl(&["reload"]).await;
    reload.assert_code(0).assert_says(&["log_query  drop → token"]);
    pair.get("/after?token=secret&a=b").await;
    pair.door.logged("\"/after?token=***&a=b\"", 1).await;
    // Whom no service serves is written by all rules of the file.
    assert_eq!(
        over_http1(&mut pair.door.plain().await, "nobody.test", "/no?TOKEN=secret&a=b", "").await,
        404
    );
    pair.door.logged("\"/no?TOKEN=***&a=b\"", 1).await;
}
