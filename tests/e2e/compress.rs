//! Answers are encoded where the file says so and the client likes it: streamed, and with a head that says what is true.

use std::collections::HashMap;
use std::io::Read;

use crate::common::app::{Step, send};
use crate::common::client::{Client, Response};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::Frames;
use crate::common::ms;

const ENCODINGS: [&str; 3] = ["zstd", "br", "gzip"];
/// Frames of HTTP/2 with a body's bytes.
const DATA: u8 = 0;

/// What a client has of an encoded body, also where that has not ended.
fn decoded(encoding: &str, bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // An error is that it has not ended.
    let _ = match encoding {
        "zstd" => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut out),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        other => panic!("{other}"),
    };
    String::from_utf8_lossy(&out).into_owned()
}

/// A page of this many bytes, as text of a site is.
fn page(len: usize) -> String {
    let mut page: String = (0..)
        .map(|n| format!("<p>paragraph {n}</p>\n"))
        .take(len / 20 + 2)
        .collect();
    page.truncate(len);
    page
}

/// An answer with a known length.
fn whole(fields: &str, body: &str) -> Vec<Step> {
    vec![
        Step::ReadBody,
        send(format!(
            "HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )),
    ]
}

fn assert_as_it_is(answer: &Response, body: &str) {
    assert_eq!(answer.field("content-encoding"), None, "{answer:?}");
    assert_eq!(answer.text(), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_encoded_as_the_client_likes_it_over_both_protocols() {
    let pair = Pair::tls("compress = true").await;
    let page = page(100_000);
    let fields = "Content-Type: text/html; charset=utf-8\r\nETag: \"v1\"\r\nVary: Cookie\r\nAccept-Ranges: bytes\r\n";
    pair.blue.on("/page", whole(fields, &page));
    for encoding in ENCODINGS {
        for answer in pair.both("GET", "/page", &[("accept-encoding", encoding)]).await {
            assert_eq!(answer.field("content-encoding"), Some(encoding));
            assert_eq!(answer.field("content-length"), None);
            assert_eq!(answer.field("vary"), Some("Cookie, Accept-Encoding"));
            assert_eq!(answer.field("etag"), Some("W/\"v1\""));
            assert_eq!(answer.field("accept-ranges"), Some("none"));
            assert!(answer.body.len() < page.len() / 4, "{encoding}: {}", answer.body.len());
            assert_eq!(decoded(encoding, &answer.body), page);
        }
    }
    for (accepted, expected) in [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1, br;q=0.5, *;q=0", "gzip"),
    ] {
        for answer in pair.both("GET", "/page", &[("accept-encoding", accepted)]).await {
            assert_eq!(answer.field("content-encoding"), Some(expected), "{accepted}");
        }
    }
    // Who does not accept it gets it as it is, and caches are told that others would not.
    let many = format!("{}gzip;q=0", "x;q=0.1, ".repeat(5000));
    for fields in [
        &[][..],
        &[("accept-encoding", "gzip;q=0, identity")],
        &[("accept-encoding", &many)],
    ] {
        for answer in pair.both("GET", "/page", fields).await {
            assert_as_it_is(&answer, &page);
            assert_eq!(answer.field("vary"), Some("Cookie, Accept-Encoding"));
            assert_eq!(
                (answer.field("etag"), answer.field("accept-ranges")),
                (Some("\"v1\""), Some("bytes"))
            );
            assert_eq!(answer.field("content-length"), Some("100000"));
        }
    }
    // The log counts what has left.
    let lines = pair.door.logged("\"/page\"", 16).await;
    let sent = |line: &serde_json::Value| line["bytes_out"].as_u64().unwrap();
    assert_eq!(
        lines.iter().filter(|line| sent(line) == 100_000).count(),
        6,
        "{lines:?}"
    );
    assert_eq!(lines.iter().filter(|line| sent(line) < 25_000).count(), 10, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_text_or_small_or_has_to_stay_stays_as_it_is() {
    let pair = Pair::tls("compress = { encodings = [\"gzip\"], breach = \"strict\" }").await;
    let page = page(2000);
    let cases = [
        ("/image", "Content-Type: image/png\r\n"),
        ("/untyped", ""),
        ("/encoded", "Content-Type: text/html\r\nContent-Encoding: x-own\r\n"),
        (
            "/fixed",
            "Content-Type: text/html\r\nCache-Control: private, no-transform\r\n",
        ),
        (
            "/digest",
            "Content-Type: text/html\r\nContent-Digest: sha-256=:AA==:\r\n",
        ),
        ("/cookie?a=b", "Content-Type: text/html\r\nSet-Cookie: a=b\r\n"),
    ];
    for (target, fields) in cases {
        pair.blue.on(target.split('?').next().unwrap(), whole(fields, &page));
        for answer in pair.both("GET", target, &[("accept-encoding", "gzip")]).await {
            assert_ne!(answer.field("content-encoding"), Some("gzip"), "{target}");
            assert_eq!(answer.text(), page, "{target}");
            assert_eq!(answer.field("vary"), None, "{target}");
        }
    }
    pair.blue
        .on("/small", whole("Content-Type: text/html\r\n", &page[..1023]));
    pair.blue
        .on("/enough", whole("Content-Type: text/html\r\n", &page[..1024]));
    let part = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Type: text/html\r\nContent-Range: bytes 0-1999/5000\r\n\
                        Content-Length: 2000\r\n\r\n{page}"
    );
    pair.blue.on("/part", vec![Step::ReadBody, send(part)]);
    let gzip = [("accept-encoding", "gzip")];
    for answer in pair.both("GET", "/small", &gzip).await {
        assert_as_it_is(&answer, &page[..1023]);
    }
    for answer in pair.both("GET", "/part", &[gzip[0], ("range", "bytes=0-1999")]).await {
        assert_as_it_is(&answer, &page);
        assert_eq!(answer.field("content-range"), Some("bytes 0-1999/5000"));
    }
    // The same without what kept them from it.
    for target in ["/enough", "/cookie"] {
        for answer in pair.both("GET", target, &gzip).await {
            assert_eq!(answer.field("content-encoding"), Some("gzip"), "{target}");
        }
    }
    // Only gzip is offered.
    for answer in pair.both("GET", "/enough", &[("accept-encoding", "zstd, br")]).await {
        assert_as_it_is(&answer, &page[..1024]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_off_nothing_is_changed() {
    let pair = Pair::tls("compress = false").await;
    let page = page(2000);
    pair.blue
        .on("/page", whole("Content-Type: text/html\r\nETag: \"v1\"\r\n", &page));
    for answer in pair
        .both("GET", "/page", &[("accept-encoding", "zstd, br, gzip")])
        .await
    {
        assert_as_it_is(&answer, &page);
        assert_eq!((answer.field("vary"), answer.field("etag")), (None, Some("\"v1\"")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_says_what_get_says() {
    let pair = Pair::tls("compress = [\"br\"]").await;
    let page = page(5000);
    let fields = "Content-Type: text/html\r\nETag: \"v1\"\r\n";
    pair.blue.on("/get", whole(fields, &page));
    let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 5000\r\n\r\n");
    pair.blue.on("/head", vec![Step::ReadBody, send(head)]);
    pair.blue.on(
        "/short",
        vec![
            Step::ReadBody,
            send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n"),
        ],
    );
    let br = [("accept-encoding", "br")];
    let gets = pair.both("GET", "/get", &br).await;
    let heads = [
        pair.over_h1("HEAD", "/head", &br).await,
        pair.over_h2("HEAD", "/head", &br).await,
    ];
    for (get, head) in gets.iter().zip(&heads) {
        for name in [
            "content-encoding",
            "content-length",
            "vary",
            "etag",
            "content-type",
            "accept-ranges",
        ] {
            assert_eq!(get.field(name), head.field(name), "{name}");
        }
        assert_eq!(head.field("content-encoding"), Some("br"));
        assert!(head.body.is_empty());
    }
    // What is too short for GET is too short for HEAD, and says how long it is.
    for short in [
        pair.over_h1("HEAD", "/short", &br).await,
        pair.over_h2("HEAD", "/short", &br).await,
    ] {
        assert_eq!(
            (short.field("content-encoding"), short.field("content-length")),
            (None, Some("9"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_tag_reaches_the_app_as_it_has_written_it() {
    let pair = Pair::tls("compress = true").await;
    let page = page(5000);
    pair.blue
        .on("/page", whole("Content-Type: text/html\r\nETag: \"strong\"\r\n", &page));
    let gzip = ("accept-encoding", "gzip");
    for answer in pair.both("GET", "/page", &[gzip]).await {
        assert_eq!(answer.field("etag"), Some("W/\"strong\""));
    }
    let known = "W/\"strong\", W/\"own\", \"other\"";
    for answer in pair.both("GET", "/head", &[gzip, ("if-none-match", known)]).await {
        let seen = answer.text().to_lowercase();
        assert!(
            seen.contains("if-none-match: \"strong\", w/\"own\", \"other\"\r\n"),
            "{seen}"
        );
    }
    // So it is where a client changes what it has got: no tag that is weak could let it (RFC 9110 §13.1.1).
    for answer in pair.both("GET", "/head", &[gzip, ("if-match", known)]).await {
        let seen = answer.text().to_lowercase();
        assert!(
            seen.contains("if-match: \"strong\", w/\"own\", \"other\"\r\n"),
            "{seen}"
        );
    }
    // What the app says of its page says the same of the page that the client has.
    pair.blue.on(
        "/same",
        vec![
            Step::ReadBody,
            send("HTTP/1.1 304 Not Modified\r\nETag: \"strong\"\r\n\r\n"),
        ],
    );
    for answer in pair
        .both("GET", "/same", &[gzip, ("if-none-match", "W/\"strong\"")])
        .await
    {
        assert_eq!(answer.status, 304);
        assert_eq!(
            (answer.field("etag"), answer.field("vary")),
            (Some("W/\"strong\""), Some("Accept-Encoding"))
        );
        assert_eq!(answer.field("content-encoding"), None);
    }
    // An app's own weak tags, and tags of services that are not encoded, stay.
    let off = Pair::tls("").await;
    let seen = off.over_h1("GET", "/head", &[("if-none-match", known)]).await.text();
    assert!(seen.contains(&format!(": {known}\r\n")), "{seen}");
}

const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n<p>half\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_comes_in_halves_never_stalls() {
    let pair = Pair::tls("compress = true").await;
    let rest = "4\r\n</p>\r\n0\r\nX-Sum: 1\r\n\r\n";
    for encoding in ENCODINGS {
        pair.blue.on(
            "/half",
            vec![Step::ReadBody, send(HALF), Step::Until(encoding), send(rest)],
        );
        let mut client = pair.door.tls(HOST).await.unwrap();
        let head = format!("GET /half HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: {encoding}\r\n\r\n");
        client.send(head).await.unwrap();
        let (status, head) = client.head().await.unwrap();
        assert_eq!((status, head.fields.get("content-encoding")), (200, Some(encoding)));
        let mut frames = Frames::connect(&pair.door, HOST).await;
        let fields: [(&str, &[u8]); 5] = [
            (":method", b"GET"),
            (":scheme", b"https"),
            (":authority", HOST.as_bytes()),
            (":path", b"/half"),
            ("accept-encoding", encoding.as_bytes()),
        ];
        frames.request(1, &fields, true).await;
        let (mut over_http1, mut over_http2) = (Vec::new(), Vec::new());
        while decoded(encoding, &over_http1) != "<p>half" {
            over_http1.extend(client.incoming.chunk().await.unwrap().expect("the page goes on"));
        }
        while decoded(encoding, &over_http2) != "<p>half" {
            let frame = frames.next(&mut 0).await.expect("the page goes on");
            if frame.kind == DATA {
                over_http2.extend(frame.payload);
            }
        }
        pair.blue.release(encoding);
        while let Some(chunk) = client.incoming.chunk().await.unwrap() {
            over_http1.extend(chunk);
        }
        let last = frames.until_end(1).await;
        over_http2.extend(
            last.into_iter()
                .filter(|frame| frame.kind == DATA)
                .flat_map(|frame| frame.payload),
        );
        assert_eq!(decoded(encoding, &over_http1), "<p>half</p>");
        assert_eq!(decoded(encoding, &over_http2), "<p>half</p>");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_stay_and_event_streams_and_cut_bodies_are_what_they_were() {
    let pair = Pair::tls("compress = true").await;
    let end = "4\r\n</p>\r\n0\r\nX-Sum: 1\r\n\r\n";
    pair.blue.on("/trailers", vec![Step::ReadBody, send(HALF), send(end)]);
    for answer in pair
        .both("GET", "/trailers", &[("accept-encoding", "gzip"), ("te", "trailers")])
        .await
    {
        assert_eq!(answer.field("content-encoding"), Some("gzip"));
        assert_eq!(decoded("gzip", &answer.body), "<p>half</p>");
        assert_eq!(answer.trailers.get("x-sum"), Some("1"));
    }
    for answer in pair
        .both("GET", "/sse?n=3&ms=1&each=1", &[("accept-encoding", "gzip")])
        .await
    {
        assert_eq!(answer.field("content-encoding"), None);
        assert_eq!(answer.text().matches("data:").count(), 3, "{}", answer.text());
    }
    pair.blue.on("/cut", vec![Step::ReadBody, send(HALF), Step::Reset]);
    let mut client = pair.door.tls(HOST).await.unwrap();
    client
        .send(format!(
            "GET /cut HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip\r\n\r\n"
        ))
        .await
        .unwrap();
    client.head().await.unwrap();
    let mut body = Vec::new();
    let broken = loop {
        match client.incoming.chunk().await {
            Ok(Some(chunk)) => body.extend(chunk),
            Ok(None) => panic!("a cut page has no clean end"),
            Err(broken) => break broken,
        }
    };
    assert_eq!(decoded("gzip", &body), "<p>half", "{broken:?}");
}

/// What cannot be read may stand behind what can, in the same breath.
#[tokio::test(flavor = "multi_thread")]
async fn n18_an_answer_that_is_encoded_and_malformed_has_no_clean_end() {
    let pair = Pair::plain("compress = true").await;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for (path, more) in [
        ("/at-once", format!("{chunk}zz\r\n")),
        ("/behind", format!("{chunk}{chunk}zz\r\n")),
    ] {
        let pause = || Step::Wait(ms(100));
        pair.blue.on(
            path,
            vec![
                Step::ReadBody,
                send(head),
                pause(),
                send(&more),
                pause(),
                send("0\r\n\r\n"),
                Step::Hang,
            ],
        );
        let mut client = pair.door.plain().await;
        client
            .send(format!(
                "GET {path} HTTP/1.1\r\nHost: {PLAIN}\r\nAccept-Encoding: gzip\r\n\r\n"
            ))
            .await
            .unwrap();
        client
            .response("GET")
            .await
            .expect_err("a malformed answer has no clean end");
        let line = &pair.door.logged(&format!("\"{path}\""), 1).await[0];
        assert_eq!(line["termination"], "app: malformed body", "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_http_1_0_and_uploads_get_what_they_can_read() {
    let pair = Pair::plain("compress = true").await;
    let page = page(50_000);
    pair.blue
        .on("/page", whole("Content-Type: application/json\r\n", &page));
    let mut old = pair.door.plain().await;
    old.send(format!(
        "GET /page HTTP/1.0\r\nHost: {PLAIN}\r\nAccept-Encoding: gzip\r\n\r\n"
    ))
    .await
    .unwrap();
    let answer = old.response("GET").await.unwrap();
    assert_as_it_is(&answer, &page);
    assert_eq!(answer.field("content-length"), Some("50000"));
    let mut client: Client = pair.door.plain().await;
    let upload = page.as_bytes();
    for _ in 0..2 {
        let answer = client
            .request("POST", PLAIN, "/page", "Accept-Encoding: gzip\r\n", upload)
            .await
            .unwrap();
        assert_eq!(answer.field("content-encoding"), Some("gzip"));
        assert_eq!(decoded("gzip", &answer.body), page);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_our_own_are_encoded_too() {
    let pair = Pair::tls("compress = true").await;
    let long = page(5000);
    std::fs::write(pair.door.folder().join("page.html"), &long).unwrap();
    let file = pair.door.folder().join("page.html").display().to_string();
    pair.door
        .proxyctl(&["maintenance", "prod", "on", "--page", &file])
        .await
        .assert_code(0);
    for answer in pair
        .both("GET", "/", &[("accept-encoding", "gzip"), ("accept", "text/html")])
        .await
    {
        assert_eq!((answer.status, answer.field("content-encoding")), (503, Some("gzip")));
        assert_eq!(decoded("gzip", &answer.body), long);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_answers_are_encoded_at_a_time_and_all_are_whole() {
    let pair = Pair::tls_with("workers = 1", "compress = [\"gzip\"]").await;
    let end = "4\r\n</p>\r\n0\r\n\r\n";
    pair.blue.on(
        "/half",
        vec![Step::ReadBody, send(HALF), Step::Until("rest"), send(end)],
    );
    let mut frames = Frames::connect(&pair.door, HOST).await;
    let fields: [(&str, &[u8]); 5] = [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", b"/half"),
        ("accept-encoding", b"gzip"),
    ];
    for stream in (1..160).step_by(2) {
        frames.request(stream, &fields, true).await;
    }
    let (mut bodies, mut ended) = (HashMap::<u32, Vec<u8>>::new(), 0);
    while ended < 80 {
        let frame = frames.next(&mut 0).await.expect("the pages go on");
        ended += usize::from(frame.ends_stream());
        if frame.kind == DATA && !frame.payload.is_empty() {
            bodies.entry(frame.stream).or_default().extend(frame.payload);
        }
        // All have their first half, and none is done.
        if bodies.len() == 80 && ended == 0 {
            pair.blue.release("rest");
        }
    }
    let encoded = |body: &&Vec<u8>| body.starts_with(b"\x1f\x8b");
    assert_eq!(bodies.values().filter(encoded).count(), 64);
    for body in bodies.values() {
        let text = if encoded(&body) {
            decoded("gzip", body)
        } else {
            String::from_utf8_lossy(body).into_owned()
        };
        assert_eq!(text, "<p>half</p>");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_service_may_differ() {
    let at = "\n[[env.prod.at]]\npath = \"/raw\"\ncompress = false\n\
              [[env.prod.at]]\npath = \"/old\"\ncompress = [\"gzip\"]\n";
    let pair = Pair::tls(&format!("compress = true{at}")).await;
    let page = page(2000);
    for (target, expected) in [("/page", Some("zstd")), ("/raw", None), ("/old", Some("gzip"))] {
        pair.blue.on(target, whole("Content-Type: text/html\r\n", &page));
        for answer in pair.both("GET", target, &[("accept-encoding", "gzip, br, zstd")]).await {
            assert_eq!(answer.field("content-encoding"), expected, "{target}");
        }
    }
}
