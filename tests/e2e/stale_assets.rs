//! The page of the old version asks for its own hashed files after the swap, and gets them while the old side runs (N23).

use crate::common::app::{App, Step, send};
use crate::common::fixture::{HOST, Pair};
use crate::common::{eventually, holds, ms, secs};
use greengate::model::slot::Slot;
use tokio::time::Instant;

const PREFIXES: &str = "stale_assets = [\"/_next/static/\", \"/assets/\"]\n";
/// A file that only the old side has.
const OLD: &str = "/_next/static/old.js";

/// What an app says of a file that it has, or has not.
fn answer(app: &str, status: &str, body: &str) -> Vec<Step> {
    vec![send(format!(
        "HTTP/1.1 {status}\r\nX-App: {app}\r\nContent-Type: text/x-{app}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))]
}

fn has(app: &App, name: &str, path: &str) {
    app.on(path, answer(name, "200 OK", &format!("{name} has {path}")));
}

fn has_not(app: &App, name: &str, path: &str) {
    app.on(
        path,
        answer(name, "404 Not Found", &format!("{name} does not know {path}")),
    );
}

/// Green is live and does not know the old file, blue has it.
async fn swapped(pair: &Pair) {
    has(&pair.blue, "blue", OLD);
    has_not(&pair.green, "green", OLD);
    assert_eq!(pair.get(OLD).await.app(), "blue");
    assert_eq!(pair.door.swap("prod", &[]).await.assert_done(), Slot::Green);
    pair.door.quiet("prod").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_a_file_that_only_the_previous_side_has_is_served_while_that_runs() {
    for pair in [Pair::plain(PREFIXES).await, Pair::tls(PREFIXES).await] {
        swapped(&pair).await;
        let stale = pair.get(OLD).await;
        assert_eq!((stale.status, stale.app()), (200, "blue"));
        assert_eq!(stale.text(), format!("blue has {OLD}"));
        assert_eq!(pair.green.last_seen(OLD).method, "GET", "the live side is asked first");
        // Without a claim: the old side stays drained.
        assert!(pair.door.environment("prod").await.draining.is_empty());
        let by_green = "\"slot\":\"green\"";
        let line = eventually(secs(10), || async {
            let log = pair.door.access_log();
            let line = log
                .lines()
                .find(|line| line.contains(OLD) && line.contains(by_green))
                .map(str::to_owned);
            line.ok_or(log)
        })
        .await;
        assert!(
            line.contains(&pair.blue.address()),
            "the log does not say who had it: {line}"
        );

        // On the same connection as anything else, and the connection goes on.
        let target = pair.target();
        let mut client = target.client().await.unwrap();
        for path in [OLD, "/hello", OLD] {
            let answer = client.get(&target.host, path).await.unwrap();
            assert_eq!(answer.status, 200, "{path}");
        }
        let head = client.request("HEAD", &target.host, OLD, "", b"").await.unwrap();
        assert_eq!((head.status, head.app(), head.body.len()), (200, "blue", 0));

        // The old side is stopped: the live answer, whole and at once.
        pair.blue.stop_hard().await;
        let began = Instant::now();
        let live = pair.get(OLD).await;
        assert_eq!((live.status, live.app()), (404, "green"));
        assert_eq!(live.text(), format!("green does not know {OLD}"));
        // And not when `hold.for` is over.
        assert!(began.elapsed() < secs(20), "{:?}", began.elapsed());
        assert_eq!(pair.door.environment("prod").await.services[0].held, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_over_http2_too() {
    let pair = Pair::tls(PREFIXES).await;
    swapped(&pair).await;
    let h2 = pair.door.h2(HOST).await.unwrap();
    let (one, two, other) = tokio::join!(h2.get(HOST, OLD), h2.get(HOST, OLD), h2.get(HOST, "/hello"));
    assert_eq!(one.unwrap().text(), format!("blue has {OLD}"));
    assert_eq!(two.unwrap().app(), "blue");
    assert_eq!(other.unwrap().app(), "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_only_gets_below_the_prefixes_and_only_404() {
    let pair = Pair::plain(PREFIXES).await;
    for path in ["/page", "/_next/data.json", "/assetsx"] {
        has(&pair.blue, "blue", path);
        has_not(&pair.green, "green", path);
    }
    has(&pair.blue, "blue", "/assets/post");
    has_not(&pair.green, "green", "/assets/post");
    has(&pair.blue, "blue", "/assets/gone");
    pair.green.on("/assets/gone", answer("green", "410 Gone", "gone"));
    has(&pair.blue, "blue", "/assets/both");
    has(&pair.green, "green", "/assets/both");
    swapped(&pair).await;
    for path in ["/page", "/_next/data.json", "/assetsx"] {
        assert_eq!(pair.get(path).await.app(), "green", "{path}");
    }
    let mut client = pair.target().client().await.unwrap();
    let posted = client
        .post(crate::common::fixture::PLAIN, "/assets/post", b"x")
        .await
        .unwrap();
    assert_eq!((posted.status, posted.app()), (404, "green"));
    assert_eq!(pair.get("/assets/gone").await.status, 410);
    assert_eq!(pair.get("/assets/both").await.app(), "green");
    // The query is not part of the path.
    assert_eq!(pair.get(&format!("{OLD}?v=1")).await.app(), "blue");
    assert_eq!(pair.get("/page?x=/assets/").await.app(), "green");
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_any_failure_of_the_previous_side_is_the_live_404() {
    let pair = Pair::plain(PREFIXES).await;
    let ways = [
        ("/assets/404", answer("blue", "404 Not Found", "no")),
        ("/assets/500", answer("blue", "500 Internal Server Error", "no")),
        ("/assets/302", answer("blue", "302 Found", "no")),
        ("/assets/reset", vec![Step::Reset]),
        ("/assets/closed", vec![Step::Close]),
        ("/assets/half", vec![send("HTTP/1.1 200 OK\r\nContent-"), Step::Close]),
        (
            "/assets/nonsense",
            vec![send("220 mail.example.com ESMTP\r\n\r\n"), Step::Close],
        ),
        (
            "/assets/framing",
            vec![
                send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
                Step::Close,
            ],
        ),
        ("/assets/hangs", vec![Step::Hang]),
    ];
    for (path, steps) in &ways {
        pair.blue.on(path, steps.clone());
        has_not(&pair.green, "green", path);
    }
    // A long 404 page in pieces, which waits on its connection meanwhile.
    let page = "x".repeat(100_000);
    pair.blue.on("/assets/long", vec![Step::Wait(ms(100)), Step::Reset]);
    pair.green.on("/assets/long", answer("green", "404 Not Found", &page));
    swapped(&pair).await;
    let mut client = pair.target().client().await.unwrap();
    for (path, _) in &ways {
        let live = client.get(crate::common::fixture::PLAIN, path).await.unwrap();
        assert_eq!((live.status, live.app()), (404, "green"), "{path}");
        assert_eq!(live.text(), format!("green does not know {path}"));
    }
    assert_eq!(pair.get("/assets/long").await.text(), page);
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_unchanged_files_of_the_previous_side_are_304() {
    let pair = Pair::plain(PREFIXES).await;
    pair.blue.on(
        "/assets/etag",
        vec![send("HTTP/1.1 304 Not Modified\r\nX-App: blue\r\nETag: \"1\"\r\n\r\n")],
    );
    has_not(&pair.green, "green", "/assets/etag");
    swapped(&pair).await;
    let mut client = pair.target().client().await.unwrap();
    let answer = client
        .request(
            "GET",
            crate::common::fixture::PLAIN,
            "/assets/etag",
            "If-None-Match: \"1\"\r\n",
            b"",
        )
        .await
        .unwrap();
    assert_eq!((answer.status, answer.app()), (304, "blue"));
    assert!(pair.blue.last_seen("/assets/etag").head.raw.contains("If-None-Match"));
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_after_a_rollback_it_is_the_other_way_round_and_a_restart_remembers() {
    let pair = Pair::plain(PREFIXES).await;
    has(&pair.green, "green", "/assets/new.js");
    has_not(&pair.blue, "blue", "/assets/new.js");
    swapped(&pair).await;
    pair.door.rollback("prod", &[]).await.assert_done();
    assert_eq!(pair.get("/assets/new.js").await.app(), "green");
    pair.door.kill9();
    pair.door.restart().await;
    assert_eq!(pair.serving().await, "blue");
    assert_eq!(
        pair.get("/assets/new.js").await.app(),
        "green",
        "the state file knows the way back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_without_prefixes_nobody_asks_the_previous_side() {
    let pair = Pair::plain("").await;
    swapped(&pair).await;
    let before = pair.blue.requests();
    let live = pair.get(OLD).await;
    assert_eq!((live.status, live.app()), (404, "green"));
    assert_eq!(pair.blue.requests(), before);
    eventually(secs(10), || async {
        holds(pair.blue.open_connections() == 0, || "still connected".to_owned())
    })
    .await;
}
