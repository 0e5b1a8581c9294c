//! HTTP/2 heads that are not as they should be (F3): each ends its own stream, behind an answer; and what is heard of a frame that ends
//! its connection.

use serde_json::{Value, json};

use super::{HOST, Pair};
use crate::common::app::{Step, send};
use crate::common::frames::{DATA, Frame, Frames, GOAWAY, HEADERS, RST_STREAM, SETTINGS, body, encode};
use crate::common::secs;
use crate::common::tool::{client, curl, good, tool, url};

type Field = (&'static str, &'static [u8]);

/// RFC 9113 §7.
const PROTOCOL_ERROR: u32 = 1;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

/// `GET TARGET`, with these fields in the place of those of their name or behind all others.
fn head(target: &'static [u8], changed: &[Field]) -> Vec<Field> {
    let mut fields: Vec<Field> = vec![
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target),
    ];
    for (name, value) in changed {
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    fields
}

/// A frame that ends its connection, and the code that its sender is told.
fn fatal() -> [(Vec<u8>, u32); 4] {
    [
        // HEADERS that refer to an entry that no table has.
        (encode(HEADERS, 5, 5, &[0xff, 0x80, 0x80, 0x01]), COMPRESSION_ERROR),
        (encode(HEADERS, 5, 4, &[0x82]), PROTOCOL_ERROR),
        (encode(SETTINGS, 0, 0, &[0]), FRAME_SIZE_ERROR),
        (encode(DATA, 0, 0, b"data"), PROTOCOL_ERROR),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_when_a_frame_ends_its_connection_the_log_says_so_and_every_stream_is_recorded() {
    let pair = Pair::tls_with("workers = 1\n", "").await;
    for (n, (broken, code)) in fatal().into_iter().enumerate() {
        let mut frames = Frames::connect(&pair.door, HOST).await;
        let (waits, streams) = (format!("/waits/{n}-"), format!("/streams/{n}-"));
        pair.blue.on(&waits, vec![Step::Hang]);
        let begun = send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun");
        pair.blue.on(&streams, vec![begun, Step::Hang]);
        for (stream, target) in [(1, &waits), (3, &streams)] {
            let path = (":path", target.as_bytes());
            let fields: Vec<(&str, &[u8])> = head(b"/", &[]).into_iter().take(3).chain([path]).collect();
            frames.request(stream, &fields, true).await;
            pair.blue.reached(target).await;
        }
        frames.write(&broken).await;
        let mut end = None;
        while let Some(frame) = frames.next(&mut 0).await {
            end = Some(frame).filter(|frame| frame.kind == GOAWAY).or(end);
        }
        assert_eq!(end.expect("a GOAWAY").code(), code, "case {n}");
        for target in [waits, streams] {
            let line = &pair.door.logged(&target, 1).await[0];
            assert_eq!(
                line["termination"], "client: HTTP/2 connection error",
                "case {n}: {line}"
            );
        }
    }
    pair.door.says("broke the rules of HTTP/2").await;
    let log = pair.door.process().log().text();
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("broke the rules of HTTP/2"))
        .collect();
    // The others within a few seconds are only counted.
    assert!(!told.is_empty() && told.len() < fatal().len(), "{log}");
    assert!(
        told[0].contains("\"client\":\"127.0.0.1\"") && told[0].contains("COMPRESSION_ERROR"),
        "{log}"
    );
    assert_eq!(pair.get("/who").await.app(), "blue");
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_a_client_that_goes_or_resets_a_stream_is_no_connection_error() {
    let pair = Pair::tls("").await;
    pair.blue.on("/reset", vec![Step::Hang]);
    pair.blue.on("/gone", vec![Step::Hang]);
    let mut frames = Frames::connect(&pair.door, HOST).await;
    for (stream, target) in [(1, "/reset"), (3, "/gone")] {
        frames.request(stream, &head(target.as_bytes(), &[]), true).await;
        pair.blue.reached(target).await;
    }
    frames.send(RST_STREAM, 0, 1, &PROTOCOL_ERROR.to_be_bytes()).await;
    assert_eq!(pair.door.logged("/reset", 1).await[0]["termination"], "client: gone");
    drop(frames);
    assert_eq!(pair.door.logged("/gone", 1).await[0]["termination"], "client: gone");
    pair.door.sigterm();
    pair.door.end(secs(30)).await;
    let log = pair.door.process().last_words();
    assert!(!log.contains("HTTP/2"), "{log}");
}

/// Sends a head while another stream is open, which has to get its answer: what came for the head.
async fn beside_another(pair: &Pair, fields: &[Field]) -> Vec<Frame> {
    let mut frames = Frames::connect(&pair.door, HOST).await;
    frames.request(1, &head(b"/hello", &[]), false).await;
    frames.request(3, fields, true).await;
    let mut seen = frames.until_end(3).await;
    // Only now the other request ends.
    frames.send(DATA, 1, 1, b"").await;
    while let Some(frame) = frames.next(&mut 0).await {
        let is_over = frame.stream == 1 && frame.ends_stream();
        seen.push(frame);
        if is_over {
            break;
        }
    }
    let of = |stream: u32| -> Vec<Frame> { seen.iter().filter(|frame| frame.stream == stream).cloned().collect() };
    assert_eq!(
        String::from_utf8_lossy(&body(&of(1))),
        "blue v1 /hello",
        "beside {fields:?}"
    );
    of(3)
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_a_malformed_head_is_answered_with_400_and_ends_its_own_stream_alone() {
    let pair = Pair::tls("").await;
    let malformed = [
        head(b"/a b", &[]),
        head(b"/\x7f", &[]),
        head(b"path", &[]),
        head(b"?q", &[]),
        head(b"", &[]),
        head(b"/", &[(":scheme", b"ht\xe9tp")]),
        head(b"/", &[(":method", b"G T")]),
        head(b"/", &[(":unknown", b"x")]),
        head(b"/", &[("x-field", b"a\0b")]),
        head(b"/", &[("x-field", b"a\x7fb")]),
        head(b"/", &[("X-Field", b"a")]),
        head(b"/", &[("connection", b"close")]),
        head(b"/", &[("te", b"gzip")]),
        head(b"*", &[]),
    ];
    for fields in &malformed {
        let seen = beside_another(&pair, fields).await;
        assert_eq!(seen[0].status(), Some(400), "{fields:?}: {seen:?}");
        assert!(!body(&seen).is_empty(), "{fields:?} has no page");
        let end = seen.last().expect("a frame");
        assert_eq!((end.kind, end.code()), (RST_STREAM, PROTOCOL_ERROR), "{fields:?}");
    }
    // Well-formed, and no request that is forwarded.
    let refused = [
        head(b"/", &[(":authority", b"caf\xc3\xa9.localhost")]),
        head(b"/", &[(":authority", b"caf\xe9.localhost")]),
        head(b"/", &[("host", b"caf\xe9.localhost")]),
        head(b"/a#fragment", &[]),
    ];
    for fields in &refused {
        let seen = beside_another(&pair, fields).await;
        assert_eq!(seen[0].status(), Some(400), "{fields:?}");
        assert!(seen.iter().all(|frame| frame.kind != RST_STREAM), "{fields:?}");
    }
    assert!(
        pair.blue
            .targets()
            .iter()
            .all(|target| matches!(&**target, "GET /hello" | "GET /health")),
        "{:?}",
        pair.blue.targets()
    );
    // Each has its line.
    let lines = pair
        .door
        .logged("\"status\":400", malformed.len() + refused.len())
        .await;
    assert!(lines.iter().any(|line| line["path"] == "/a b"), "{lines:?}");
    let asterisk = beside_another(&pair, &head(b"*", &[(":method", b"OPTIONS")])).await;
    assert_eq!(asterisk[0].status(), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_a_target_is_forwarded_as_it_came_over_either_protocol() {
    let pair = Pair::tls("").await;
    for target in [
        "/café",
        "/?q=café",
        "/日本?語=ü",
        "/\"quoted\"",
        "/{a}|b^[c]\\",
        "/?q={a}|b^[c]\\`'",
        "/%E9%C3%A9%zz%",
        "//a//../b/.",
        "/<>",
        "/`",
        "/?q=\"<>",
    ] {
        let expected = format!("blue v1 {target}");
        assert_eq!(pair.get(target).await.text(), expected, "HTTP/1.1");
        let mut frames = Frames::connect(&pair.door, HOST).await;
        let fields = [&head(b"/", &[])[..3], &[(":path", target.as_bytes())]].concat();
        frames.request(1, &fields, true).await;
        assert_eq!(
            String::from_utf8_lossy(&body(&frames.until_end(1).await)),
            expected,
            "HTTP/2"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f3_targets_that_curl_node_python_and_nghttp2_send() {
    let pair = Pair::tls("").await;
    // It escapes what is no ASCII in a path, and leaves a query alone.
    for (target, sent) in [("/café?q=ü", "/caf%c3%a9?q=ü"), ("/{a}|b", "/{a}|b")] {
        for version in ["--http1.1", "--http2"] {
            let output = good(curl(&pair, &[version, "--globoff", &url(&pair, target)])).await;
            assert_eq!(output.stdout, format!("blue v1 {sent}"), "curl {version}");
        }
    }
    let seen = |output: &str| serde_json::from_str::<Value>(output).unwrap();
    let output = good(client("get.py", &pair, &["/café?q=\"<>"])).await;
    assert_eq!(
        seen(&output.stdout),
        json!({ "status": 200, "body": "blue v1 /caf%C3%A9?q=%22%3C%3E" })
    );
    let mut nghttp = tool("nghttp");
    nghttp.arg(format!("--header=:authority: {HOST}"));
    nghttp.arg(format!("https://{}/caf%C3%A9?q=%22", pair.door.https()));
    assert_eq!(good(nghttp).await.stdout, "blue v1 /caf%C3%A9?q=%22");
    let output = good(client("get.js", &pair, &["/{a}|b"])).await;
    assert_eq!(
        seen(&output.stdout),
        json!({ "status": 200, "body": "blue v1 /{a}|b", "beside": 200 })
    );
    // Node writes a letter of Latin 1 as one byte.
    let output = good(client("get.js", &pair, &["/café"])).await;
    assert_eq!(seen(&output.stdout)["status"], 200);
}
