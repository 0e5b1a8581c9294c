//! Files of a version that is gone: what clients asked for is kept before the old side is told safe to stop, and served from then on (N23).

use greengate::model::api::{Event, SwapStep};
use rustix::fs::{FlockOperation, flock};

use crate::common::app::{App, Step, send};
use crate::common::client::Response;
use crate::common::fixture::Pair;
use crate::common::{eventually, holds, secs};

const KEEP: &str = "stale_assets = { paths = [\"/assets/\"], keep = \"7d\" }\n";
const OLD: &str = "/assets/old.3f9c2a1b.js";
const SAID: &str = "Content-Type: text/javascript\r\nETag: \"v1\"\r\nLast-Modified: Thu, 26 Nov 2026 12:00:00 GMT\r\n\
                    Cache-Control: public, max-age=60\r\n";

fn has(app: &App, path: &str, fields: &str, body: &str) {
    let length = body.len();
    app.on(
        path,
        vec![send(format!(
            "HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
        ))],
    );
}

fn has_not(app: &App, path: &str) {
    app.on(
        path,
        vec![send(
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nlive",
        )],
    );
}

/// Green is live and knows none of these; blue had them, clients asked for them, and blue is gone. What the swap says of them.
async fn gone(pair: &Pair, paths: &[&str]) -> Option<(u64, u64)> {
    for path in paths {
        has_not(&pair.green, path);
        assert_eq!(pair.get(path).await.status, 200, "{path}");
    }
    let swapped = pair.door.swap("prod", &[]).await;
    swapped.assert_done();
    pair.blue.stop_hard().await;
    swapped.find(|event| match event {
        Event::Swap(SwapStep::Kept { files, bytes }) => Some((*files, *bytes)),
        _ => None,
    })
}

fn assert_kept(answer: &Response, body: &str) {
    assert_eq!((answer.status, answer.text().as_str()), (200, body), "{answer:?}");
    assert_eq!(answer.field("content-type"), Some("text/javascript"));
    assert_eq!(answer.field("etag"), Some("\"v1\""));
    assert_eq!(answer.field("last-modified"), Some("Thu, 26 Nov 2026 12:00:00 GMT"));
    assert_eq!(answer.field("cache-control"), Some("public, max-age=60"));
    assert_eq!(answer.field("content-length"), Some(&*body.len().to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_a_file_that_clients_asked_for_outlives_its_version_and_the_daemon() {
    let pair = Pair::tls(KEEP).await;
    has(&pair.blue, OLD, SAID, "old script");
    has(&pair.blue, "/assets/never.js", SAID, "nobody asked");
    has(&pair.blue, "/other/old.js", SAID, "elsewhere");
    has_not(&pair.green, "/assets/never.js");
    assert_eq!(gone(&pair, &[OLD, "/other/old.js"]).await, Some((1, 10)));
    for answer in pair.both("GET", OLD, &[]).await {
        assert_kept(&answer, "old script");
    }
    for answer in pair.both("HEAD", OLD, &[]).await {
        assert_eq!(
            (answer.status, answer.body.len(), answer.field("content-length")),
            (200, 0, Some("10"))
        );
    }
    for fields in [
        ("if-none-match", "\"x\", W/\"v1\""),
        ("if-none-match", "*"),
        ("if-modified-since", "Thu, 26 Nov 2026 12:00:00 GMT"),
    ] {
        for answer in pair.both("GET", OLD, &[fields]).await {
            assert_eq!((answer.status, answer.body.len()), (304, 0), "{fields:?}");
            assert_eq!(answer.field("etag"), Some("\"v1\""));
        }
    }
    for answer in pair.both("GET", OLD, &[("if-none-match", "\"v2\"")]).await {
        assert_kept(&answer, "old script");
    }
    // What nobody asked for, and what lies elsewhere, is as the live side says; so is what is not read.
    for path in ["/assets/never.js", "/other/old.js"] {
        assert_eq!(pair.get(path).await.text(), "live", "{path}");
    }
    let line = pair.door.logged("\"upstream\":\"kept\"", 12).await.remove(0);
    assert_eq!((&line["slot"], &line["termination"]), (&"green".into(), &"done".into()));
    let environment = pair.door.environment("prod").await;
    let kept = environment.kept.unwrap();
    assert_eq!((kept.files, kept.bytes), (1, 10));
    pair.door
        .proxyctl(&["status"])
        .await
        .assert_says(&["keeps 1 file of versions that are gone"]);
    pair.door.proxyctl(&["history"]).await.assert_code(0);
    assert!(format!("{:?}", pair.door.history().await).contains("Kept { files: 1, bytes: 10 }"));

    pair.door.kill9();
    pair.door.end(secs(30)).await;
    pair.door.restart().await;
    for answer in pair.both("GET", OLD, &[]).await {
        assert_kept(&answer, "old script");
    }
    // Whoever may not ask for the path may not ask for what is kept of it.
    pair.door
        .rewrite(|text| format!("{text}\n[[env.prod.at]]\npath = \"/assets\"\nauth.allow = [\"192.0.2.1\"]\n"));
    pair.door.reload(&[]).await.assert_code(0);
    for answer in pair.both("GET", OLD, &[]).await {
        assert_eq!(answer.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_what_is_not_for_everybody_is_not_kept() {
    let pair = Pair::tls(KEEP).await;
    let cases = [
        (
            "/assets/cookie.js",
            "Content-Type: text/javascript\r\nSet-Cookie: a=1\r\n",
        ),
        (
            "/assets/private.js",
            "Content-Type: text/javascript\r\nCache-Control: private\r\n",
        ),
        (
            "/assets/unstored.js",
            "Content-Type: text/javascript\r\nCache-Control: no-store\r\n",
        ),
        ("/assets/varies.js", "Content-Type: text/javascript\r\nVary: Cookie\r\n"),
        (
            "/assets/encoded.js",
            "Content-Type: text/javascript\r\nContent-Encoding: x-own\r\n",
        ),
        ("/assets/page", "Content-Type: text/html\r\n"),
    ];
    for (path, fields) in cases {
        has(&pair.blue, path, fields, "mine");
    }
    has(&pair.blue, OLD, SAID, "old script");
    let paths: Vec<&str> = cases.iter().map(|(path, _)| *path).chain([OLD]).collect();
    assert_eq!(gone(&pair, &paths).await, Some((1, 10)));
    for (path, _) in cases {
        assert_eq!(pair.get(path).await.text(), "live", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_a_list_alone_keeps_nothing_and_a_short_time_ends() {
    let pair = Pair::tls("stale_assets = [\"/assets/\"]\n").await;
    has(&pair.blue, OLD, SAID, "old script");
    assert_eq!(gone(&pair, &[OLD]).await, None);
    assert_eq!(pair.get(OLD).await.text(), "live");
    let pair = Pair::tls(&KEEP.replace("7d", "1s")).await;
    has(&pair.blue, OLD, SAID, "old script");
    assert_eq!(gone(&pair, &[OLD]).await, Some((1, 10)));
    eventually(secs(10), || async {
        let answer = pair.get(OLD).await;
        (answer.text() == "live").then_some(()).ok_or(format!("{answer:?}"))
    })
    .await;
    assert_eq!(pair.door.environment("prod").await.kept, None);
    let left = std::fs::read_dir(pair.door.state_dir().join("assets/prod")).unwrap();
    assert_eq!(left.count(), 1, "the index alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn n23_neither_an_old_side_that_hangs_nor_a_disk_that_takes_nothing_holds_a_swap_up() {
    let pair = Pair::tls(KEEP).hasty("keep_assets=300").await;
    has(&pair.blue, OLD, SAID, "old script");
    assert_eq!(pair.get(OLD).await.status, 200);
    pair.blue.on(OLD, vec![Step::Hang]);
    let swapped = pair.door.swap("prod", &[]).await;
    swapped.assert_done();
    assert!(
        swapped
            .find(|event| matches!(event, Event::Swap(SwapStep::Kept { .. })).then_some(()))
            .is_none()
    );

    let pair = Pair::tls(KEEP).await;
    has(&pair.blue, OLD, SAID, "old script");
    // A file where the folder is to be.
    std::fs::write(pair.door.state_dir().join("assets"), "").unwrap();
    assert_eq!(gone(&pair, &[OLD]).await, None);
    assert_eq!(pair.get(OLD).await.text(), "live");
    eventually(secs(10), || async {
        let log = pair.door.process().log().text();
        holds(log.contains("files of a side that leaves cannot be kept"), || log)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_a_disk_that_does_not_answer_does_not_keep_the_daemon_from_ending() {
    let pair = Pair::tls(KEEP).await;
    has(&pair.blue, OLD, SAID, "old script");
    // Who changes what is kept waits for this, as for a disk that hangs.
    let folder = pair.door.state_dir().join("assets/prod");
    std::fs::create_dir_all(&folder).unwrap();
    let turn = std::fs::File::open(&folder).unwrap();
    flock(&turn, FlockOperation::LockExclusive).unwrap();
    gone(&pair, &[OLD]).await;
    eventually(secs(10), || async {
        let log = pair.door.process().log().text();
        holds(log.contains("files of a side that leaves cannot be kept"), || {
            log.clone()
        })
    })
    .await;
    pair.door.sigterm();
    let ended = pair.door.end(secs(20)).await;
    assert!(ended.success(), "{ended}");
    drop(turn);
}
