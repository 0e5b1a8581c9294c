//! An app takes a probe for a visitor: the same fields come with it, and a status that is listed counts (F1).

use greengate::model::api::exit;

use super::{HOST, PLAIN, Pair};
use crate::common::app::{App, Health, Seen, Step, send};
use crate::common::door::{Door, QUICK, environment};
use crate::common::incoming::Head;
use crate::common::secs;

/// The fields by which an app learns what its visitors asked for.
const SAID: [&str; 5] = [
    "x-forwarded-for",
    "x-real-ip",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-prefix",
];

fn said(head: &Head) -> Vec<(&'static str, Option<String>)> {
    SAID.map(|name| (name, head.fields.get(name).map(str::to_owned)))
        .to_vec()
}

fn of(app: &App, target: &str) -> Seen {
    app.last_seen(target)
}

/// Probes of a gate, the warm-up and the check through the front door say what a visitor's request says.
async fn alike(pair: &Pair, host: &str, path: &str, proto: &str) {
    pair.get(&format!("{path}/visit")).await;
    let visit = said(&of(&pair.blue, "/visit").head);
    assert!(
        visit.contains(&("x-forwarded-proto", Some(proto.to_owned()))),
        "{visit:?}"
    );
    assert!(
        visit.contains(&("x-forwarded-host", Some(host.to_owned()))),
        "{visit:?}"
    );
    pair.door.swap("prod", &[]).await.assert_done();
    let probes: Vec<_> = pair
        .green
        .seen()
        .into_iter()
        .filter(|seen| seen.target == "/health")
        .collect();
    assert!(probes.len() > 2, "the gate's, and the one through the front door");
    for seen in probes.iter().chain([&of(&pair.green, "/warm")]) {
        assert_eq!(said(&seen.head), visit, "{seen:?}");
        assert_eq!(seen.head.fields.get("x-request-id").map(str::len), Some(16), "{seen:?}");
        assert_eq!(seen.head.fields.get("host"), Some(host));
    }
    let ids: std::collections::HashSet<_> = probes
        .iter()
        .filter_map(|seen| seen.head.fields.get("x-request-id"))
        .collect();
    assert_eq!(ids.len(), probes.len(), "each has its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_probes_and_warm_up_say_what_traffic_says() {
    alike(&Pair::tls("warmup = \"/warm\"\n").await, HOST, "", "https").await;
    alike(&Pair::plain("warmup = \"/warm\"\n").await, PLAIN, "", "http").await;
    let prefixed = "path = \"/api\"\nstrip_prefix = true\nwarmup = \"/warm\"\n";
    alike(&Pair::tls(prefixed).await, HOST, "/api", "https").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_an_app_that_forces_https_passes_the_gate() {
    let pair = Pair::tls("").await;
    pair.green.force_https();
    pair.door.swap("prod", &[]).await.assert_done();
    pair.blue.force_https();
    pair.door.rollback("prod", &[]).await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_redirect_that_is_no_pass_says_what_it_means_and_what_to_do() {
    let (tls, plain) = (Pair::tls("").await, Pair::plain("").await);
    let elsewhere = "the app answers to another host than the `Host: ";
    let path = "let `health.path` name a path that answers by itself";
    for (pair, location, advice) in [
        (
            &tls,
            format!("https://{HOST}/health"),
            "the app forces https and does not believe the `X-Forwarded-Proto: https` that was sent",
        ),
        (
            &plain,
            format!("https://{PLAIN}/health"),
            "this service has `tls = \"off\"`, so `X-Forwarded-Proto: http` was sent",
        ),
        (&tls, "https://login.example.com/".to_owned(), elsewhere),
        (&plain, "https://login.example.com/".to_owned(), elsewhere),
        (&tls, "/login".to_owned(), path),
        (&plain, format!("http://{PLAIN}/login"), path),
    ] {
        let redirect = Health::status(302).fields(&format!("Location: {location}\r\n"));
        pair.green.health(redirect);
        let refused = pair.door.proxyctl(&["swap", "prod", "--deadline", "500ms"]).await;
        refused
            .assert_code(exit::REFUSED)
            .assert_says(&[&format!("redirects to {location}, which is not a pass: ")])
            .assert_says(&[advice])
            .assert_says(&["or list 302 in `health.status`"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_redirect_that_is_listed_counts_everywhere() {
    let pair = Pair::tls("health.status = [\"2xx\", 301]\n").await;
    for app in [&pair.blue, &pair.green] {
        app.health(Health::status(301).fields("Location: /login\r\n"));
    }
    pair.door.swap("prod", &[]).await.assert_done();
    pair.door.rollback("prod", &[]).await.assert_done();
    pair.door.reload(&[]).await.assert_code(exit::DONE);
    // Another one is not listed.
    pair.green.health(Health::status(302).fields("Location: /login\r\n"));
    let refused = pair.door.proxyctl(&["swap", "prod", "--deadline", "1s"]).await;
    refused.assert_code(exit::REFUSED).assert_says(&["redirects to /login"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_redirect_warms_nothing_up() {
    for (status, listed, failed) in [
        ("302 Found", "", true),
        ("302 Found", "health.status = [\"2xx\", 302]\n", false),
        ("204 No Content", "", false),
    ] {
        let pair = Pair::tls(&format!("warmup = \"/warm\"\n{listed}")).await;
        let answer = format!("HTTP/1.1 {status}\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n");
        let answer = if status.starts_with("204") {
            answer.replace("Content-Length: 0\r\n", "")
        } else {
            answer
        };
        pair.green.on("/warm", vec![Step::ReadBody, send(answer)]);
        let swap = pair.door.proxyctl(&["swap", "prod"]).await;
        swap.assert_code(exit::DONE);
        assert_eq!(
            swap.all().contains("1 request, 1 failed"),
            failed,
            "{status}, {listed:?}: {swap:?}"
        );
        pair.door.sigterm();
        pair.door.end(secs(30)).await;
        let log = pair.door.process().last_words();
        assert_eq!(
            log.contains("warm-up request failed: answered 302"),
            failed,
            "the log has the cause: {log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f1_a_wildcard_is_probed_under_the_host_that_was_named() {
    let (blue, green) = (App::start("blue", "v1").await, App::start("green", "v2").await);
    let config = environment("prod", "*.localhost", &blue, &green);
    let door = Door::start(&format!("{QUICK}{config}health.host = \"x.localhost\"\n")).await;
    door.swap("prod", &[]).await.assert_done();
    let probe = of(&green, "/health").head;
    assert_eq!(probe.fields.get("x-forwarded-host"), Some("x.localhost"));
}
