//! What must never be understood in two ways: each attempt as raw bytes, what it gets, and that the app sees none of it (E1 to E13).

use crate::common::app::{Step, send};
use crate::common::client::{Client, WEB_SOCKET};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::secs;

/// Sends bytes on a connection of their own: this status comes back, the connection ends, and the app saw nothing.
async fn refused(pair: &Pair, bytes: impl AsRef<[u8]>, status: u16) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
    let before = pair.blue.requests();
    let mut client = pair.door.plain().await;
    client.incoming.patience = secs(15);
    client
        .send(bytes)
        .await
        .unwrap_or_else(|broken| panic!("{shown:?}: {broken}"));
    let answer = client
        .response("GET")
        .await
        .unwrap_or_else(|broken| panic!("{shown:?}: {broken}"));
    assert_eq!(answer.status, status, "{shown:?}: {}", answer.text());
    assert_eq!(
        pair.blue.requests(),
        before,
        "{shown:?} reached the app: {:?}",
        pair.blue.targets().last()
    );
    let rest = client
        .until_end()
        .await
        .unwrap_or_else(|broken| panic!("{shown:?}: not closed: {broken}"));
    assert!(
        rest.is_empty(),
        "{shown:?}: a second answer: {:?}",
        String::from_utf8_lossy(&rest)
    );
}

/// What the client gets, and the head as the app saw it.
async fn forwarded(client: &mut Client, head: &str, body: &str) -> String {
    client.send(format!("{head}\r\n{body}")).await.unwrap();
    let answer = client
        .response("GET")
        .await
        .unwrap_or_else(|broken| panic!("{head:?}: {broken}"));
    assert_eq!(answer.status, 200, "{head:?}: {}", answer.text());
    answer.text()
}

fn post(fields: &str, body: &str) -> String {
    format!("POST /smuggle HTTP/1.1\r\nHost: {PLAIN}\r\n{fields}\r\n{body}")
}

fn get(fields: &str) -> String {
    format!("GET /smuggle HTTP/1.1\r\nHost: {PLAIN}\r\n{fields}\r\n")
}

const INNER: &str = "GET /inner HTTP/1.1\r\nHost: app.test\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn e1_content_length_and_transfer_encoding() {
    let pair = Pair::plain("").await;
    let both = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
    ];
    for fields in both {
        refused(&pair, post(fields, &format!("0\r\n\r\n{INNER}")), 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e2_a_content_length_that_is_not_one_decimal_number() {
    let pair = Pair::plain("").await;
    for length in ["+5", "-5", "5, 5", "0x5", "", "5 5", "5;", "99999999999999999999999"] {
        refused(&pair, post(&format!("Content-Length: {length}\r\n"), "hello"), 400).await;
    }
    for second in ["5", "6"] {
        let fields = format!("Content-Length: 5\r\nContent-Length: {second}\r\n");
        refused(&pair, post(&fields, "hello!"), 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_a_transfer_encoding_that_is_not_exactly_chunked() {
    let pair = Pair::plain("").await;
    let body = format!("0\r\n\r\n{INNER}");
    for (coding, status) in [
        ("gzip", 400),
        ("chunked, gzip", 400),
        ("gzip, chunked", 501),
        ("gzip\r\nTransfer-Encoding: chunked", 501),
        ("chunked, chunked", 400),
        ("chunked\r\nTransfer-Encoding: chunked", 400),
        ("gzip, chunked, chunked", 400),
        ("chunked;q=1", 400),
        ("\"chunked\"", 400),
        ("", 400),
        ("xchunked", 400),
        ("identity", 400),
    ] {
        let request = post(&format!("Transfer-Encoding: {coding}\r\n"), &body);
        refused(&pair, request, status).await;
    }
    for coding in ["chunked", "gzip, chunked"] {
        let old = post(&format!("Transfer-Encoding: {coding}\r\n"), &body).replace("HTTP/1.1", "HTTP/1.0");
        refused(&pair, old, 400).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e4_line_ends_colons_and_bytes_that_other_parsers_forgive() {
    let pair = Pair::plain("").await;
    let requests = [
        get("X-Folded: a\r\n b\r\n"),
        get("X-Folded: a\r\n\tb\r\n"),
        get("X-Space : a\r\n"),
        get("Content-Length : 0\r\n"),
        get(" X-Leading: a\r\n"),
        get("X-Cr: a\rb\r\n"),
        get("X-Nul: a\0b\r\n"),
        get("X-Na\0me: a\r\n"),
        get("X-Lf: a\n"),
        get("no colon\r\n"),
        get(": no name\r\n"),
        format!("GET / HTTP/1.1\nHost: {PLAIN}\n\n"),
        format!("GET / HTTP/1.1\r\nHost: {PLAIN}\r\n\n"),
        format!("GET /\0 HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"),
        format!("GET  / HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"),
        format!("GET / HTTP/1.1 \r\nHost: {PLAIN}\r\n\r\n"),
        format!("G(T / HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"),
    ];
    for request in requests {
        refused(&pair, request, 400).await;
    }
    // What is a version, and none of ours, is told from what is none (RFC 9112 §2.3).
    for (version, status) in [
        ("HTTP/2.0", 505),
        ("HTTP/1.2", 505),
        ("HTTP/0.9", 505),
        ("http/1.1", 400),
        ("HTTP/11", 400),
        ("HTTP/1.10", 400),
        ("HTTQ/1.1", 400),
    ] {
        refused(&pair, format!("GET / {version}\r\nHost: {PLAIN}\r\n\r\n"), status).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e5_a_chunked_body_that_is_none_never_looks_whole_to_the_app() {
    let pair = Pair::plain("").await;
    let bodies = [
        "fffffffffffffffff\r\nx\r\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n0\r\n\r\n",
        "1;ext\nx\r\n0\r\n\r\n",
        "1\nx\n0\n\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "\r\nx\r\n0\r\n\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
    ];
    for (n, body) in bodies.into_iter().enumerate() {
        let target = format!("/none/{n}");
        let mut client = begun(&pair, &target, "Transfer-Encoding: chunked").await;
        client.send(body).await.unwrap();
        match client.response("POST").await {
            Ok(answer) => assert_eq!(answer.status, 400, "{body:?}: {}", answer.text()),
            Err(broken) => assert!(matches!(broken.kind(), "closed" | "reset"), "{body:?}: {broken}"),
        }
        client
            .until_end()
            .await
            .unwrap_or_else(|broken| panic!("{body:?}: not closed: {broken}"));
        assert!(!pair.blue.whole(&target).await, "{body:?}");
    }
    // The request after a good one with extensions arrives in step, and without them: the app would not read them.
    let mut client = begun(&pair, "/extended", "Transfer-Encoding: chunked").await;
    client.send("5;a=b;c=\"d\"\r\nhello\r\n").await.unwrap();
    client.send("1;e\r\n!\r\n0;last\r\n\r\n").await.unwrap();
    assert_eq!(client.response("POST").await.unwrap().status, 200);
    assert!(pair.blue.whole("/extended").await);
    assert_eq!(client.get(PLAIN, "/after").await.unwrap().text(), "blue v1 /after");
}

/// A client whose app has the head of its request, and nothing of the body.
async fn begun(pair: &Pair, target: &str, framing: &str) -> Client {
    let mut client = pair.door.plain().await;
    let head = format!("POST {target} HTTP/1.1\r\nHost: {PLAIN}\r\n{framing}\r\n\r\n");
    client.send(head).await.unwrap();
    pair.blue.reached(target).await;
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn e5_a_body_that_its_client_breaks_off_never_looks_whole_to_the_app() {
    let pair = Pair::plain("").await;
    let bodies = [
        ("Content-Length: 10", "hello"),
        ("Content-Length: 10", ""),
        ("Transfer-Encoding: chunked", "5\r\nhel"),
        ("Transfer-Encoding: chunked", "5\r\nhello"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n"),
        ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n"),
    ];
    for (n, (framing, body)) in bodies.into_iter().enumerate() {
        for end in ["fin", "rst"] {
            let target = format!("/broken-off/{n}/{end}");
            let mut client = begun(&pair, &target, framing).await;
            client.send(body).await.unwrap();
            if end == "fin" {
                client.half_close().await.unwrap();
                drop(client.until_end().await.expect("an end"));
            } else {
                client.incoming.wire.reset_on_drop();
                drop(client);
            }
            assert!(!pair.blue.whole(&target).await, "{target}: {framing}, {body:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e6_request_trailers_that_would_be_believed_are_dropped() {
    let pair = Pair::plain("").await;
    let trailers = "Content-Length: 3\r\nTransfer-Encoding: gzip\r\nHost: evil.test\r\nAuthorization: Basic eA==\r\n";
    let head = format!("POST /head HTTP/1.1\r\nHost: {PLAIN}\r\nTransfer-Encoding: chunked\r\n");
    let mut client = pair.door.plain().await;
    let saw = forwarded(
        &mut client,
        &head,
        &format!("4\r\nbody\r\n0\r\n{trailers}X-Fine: 1\r\n\r\n"),
    )
    .await;
    for trailer in ["content-length", "transfer-encoding", "host", "authorization"] {
        assert!(
            !saw.to_lowercase().contains(&format!("trailer {trailer}:")),
            "{trailer} arrived:\n{saw}"
        );
    }
    assert!(!saw.contains("evil.test") && !saw.contains("Basic eA=="), "{saw}");
    assert!(saw.contains("trailer X-Fine: 1"), "any other arrives:\n{saw}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e7_upgrades_that_are_none() {
    let pair = Pair::plain("").await;
    refused(&pair, get(&format!("{WEB_SOCKET}Content-Length: 5\r\n")) + "hello", 400).await;
    refused(
        &pair,
        get(&format!("{WEB_SOCKET}Transfer-Encoding: chunked\r\n")) + "0\r\n\r\n",
        400,
    )
    .await;

    // As `curl --http2` sends it: an Upgrade that nobody here means is forwarded as a plain request.
    let h2c = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    let mut client = pair.door.plain().await;
    let saw = forwarded(
        &mut client,
        &format!("GET /head HTTP/1.1\r\nHost: {PLAIN}\r\n{h2c}"),
        "",
    )
    .await
    .to_lowercase();
    assert!(
        !saw.contains("upgrade: h2c") && !saw.contains("http2-settings:"),
        "{saw}"
    );

    // No tunnel opens when the app says no: what follows on the connection is a request, built anew for another connection to the app
    // where that one was to end.
    pair.blue.on(
        "/ends",
        vec![send(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        )],
    );
    for (target, next) in [("/hello", "/next"), ("/ends", "/next-on-another")] {
        let mut client = pair.door.plain().await;
        let answer = client.request("GET", PLAIN, target, WEB_SOCKET, b"").await.unwrap();
        assert_eq!(answer.status, 200, "{target}");
        assert!(!answer.fields.has_token("connection", "close"), "{target}: {answer:?}");
        assert_eq!(client.get(PLAIN, next).await.unwrap().text(), format!("blue v1 {next}"));
        assert!(pair.blue.last_seen(next).head.fields.get("x-real-ip").is_some());
    }
    let of = |target| pair.blue.last_seen(target).connection;
    assert_ne!(of("/ends"), of("/next-on-another"));
    // Where the client wants no more answers, what follows is nobody's.
    let mut client = pair.door.plain().await;
    let last = WEB_SOCKET.replace("Connection: Upgrade", "Connection: Upgrade, close");
    let inner = INNER.replace("/inner", "/behind-the-last");
    client
        .send(format!("GET /hello HTTP/1.1\r\nHost: {PLAIN}\r\n{last}\r\n{inner}"))
        .await
        .unwrap();
    let answer = client.response("GET").await.unwrap();
    assert_eq!((answer.status, answer.app()), (200, "blue"));
    assert!(answer.fields.has_token("connection", "close"), "{answer:?}");
    assert_eq!(client.until_end().await.unwrap(), b"");
    assert!(
        !pair
            .blue
            .targets()
            .iter()
            .any(|target| target.contains("/behind-the-last"))
    );

    // An app that switches without having been asked opens none either.
    pair.blue.on(
        "/unasked",
        vec![
            send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
            Step::Close,
        ],
    );
    assert_eq!(pair.get("/unasked").await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn e7_a_web_socket_opens_after_101_and_carries_bytes_both_ways() {
    let pair = Pair::plain("").await;
    let mut client = pair.door.plain().await;
    let upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    client
        .send(format!("GET /ws HTTP/1.1\r\nHost: {PLAIN}\r\n{upgrade}\r\n"))
        .await
        .unwrap();
    let (status, head) = client.head().await.unwrap();
    assert_eq!(status, 101);
    assert_eq!(
        head.fields.get("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert!(
        head.fields.has_token("connection", "upgrade") && head.fields.has_token("upgrade", "websocket"),
        "{head:?}"
    );
    // A masked text frame `hi`, with a mask of zeros.
    client.send(b"\x81\x82\0\0\0\0hi").await.unwrap();
    assert_eq!(client.incoming.exactly(4).await.unwrap(), b"\x81\x02hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn e8_connect_and_trace() {
    let pair = Pair::plain("").await;
    let requests = [
        format!("CONNECT {PLAIN}:443 HTTP/1.1\r\nHost: {PLAIN}:443\r\n\r\n"),
        format!("TRACE / HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"),
    ];
    for request in requests {
        let mut client = pair.door.plain().await;
        client.send(&request).await.unwrap();
        let answer = client
            .response("GET")
            .await
            .unwrap_or_else(|broken| panic!("{request:?}: {broken}"));
        assert_eq!(answer.status, 405, "{request:?}");
    }
    assert_eq!(pair.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e9_an_expectation_that_nobody_can_meet() {
    let pair = Pair::plain("").await;
    let mut client = pair.door.plain().await;
    client
        .send(post("Expect: 200-ok\r\nContent-Length: 5\r\n", "hello"))
        .await
        .unwrap();
    assert_eq!(client.response("POST").await.unwrap().status, 417);
    assert_eq!(pair.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e11_an_authority_that_differs_from_host() {
    let pair = Pair::tls("").await;
    let h2 = pair.door.h2(HOST).await.unwrap();
    let request = http::Request::get(format!("https://{HOST}/")).header("host", "other.localhost");
    let answer = h2.send(request, bytes::Bytes::new()).await.unwrap();
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(pair.blue.requests(), 0);
    let request = http::Request::get(format!("https://{HOST}/")).header("host", HOST);
    assert_eq!(
        pair.door
            .h2(HOST)
            .await
            .unwrap()
            .send(request, bytes::Bytes::new())
            .await
            .unwrap()
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_a_host_that_is_missing_doubled_or_strange() {
    let pair = Pair::plain("").await;
    let hosts = [
        String::new(),
        format!("Host: {PLAIN}\r\nHost: {PLAIN}\r\n"),
        format!("Host: {PLAIN}\r\nHost: other.test\r\n"),
        format!("Host: {PLAIN}, other.test\r\n"),
        format!("Host: user@{PLAIN}\r\n"),
        format!("Host: {PLAIN} other.test\r\n"),
        format!("Host: {PLAIN}/path\r\n"),
        format!("Host: {PLAIN}:port\r\n"),
        "Host: \r\n".to_owned(),
    ];
    for host in hosts {
        refused(&pair, format!("GET / HTTP/1.1\r\n{host}\r\n"), 400).await;
    }
    refused(
        &pair,
        format!("GET http://other.test/ HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"),
        400,
    )
    .await;
    // The same host in both places is what a client of a forward proxy sends.
    let mut client = pair.door.plain().await;
    let head = format!("GET http://{PLAIN}/head HTTP/1.1\r\nHost: {PLAIN}\r\n");
    let saw = forwarded(&mut client, &head, "").await;
    assert!(
        saw.starts_with("GET /head HTTP/1.1\r\n"),
        "the app gets origin-form: {saw}"
    );
    // Without a path it is the server that OPTIONS asks of (RFC 9112 §3.2.4), and the first page for the others.
    for (line, expected) in [
        (format!("OPTIONS http://{PLAIN}"), "OPTIONS *"),
        (format!("OPTIONS http://{PLAIN}/"), "OPTIONS /"),
        (format!("GET http://{PLAIN}"), "GET /"),
    ] {
        client
            .send(format!("{line} HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
            .await
            .unwrap();
        assert_eq!(client.response("GET").await.unwrap().status, 200, "{line}");
        let targets = pair.blue.targets();
        assert_eq!(targets.last().map(String::as_str), Some(expected), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e13_what_was_not_read_is_never_taken_for_the_next_request() {
    let pair = Pair::plain("limit.body = \"1KiB\"\n").await;
    let inner = INNER.repeat(100);
    let locals = [
        (
            format!(
                "POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: {}\r\n\r\n{inner}",
                inner.len()
            ),
            413,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: unknown.test\r\nContent-Length: {}\r\n\r\n{inner}",
                inner.len()
            ),
            404,
        ),
    ];
    for (request, status) in locals {
        let mut client = pair.door.plain().await;
        client
            .send(format!("{request}GET /after HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
            .await
            .unwrap();
        assert_eq!(client.response("POST").await.unwrap().status, status);
        match client.response("GET").await {
            Ok(answer) => assert_eq!(answer.text(), "blue v1 /after"),
            Err(broken) => assert!(matches!(broken.kind(), "closed" | "reset"), "{broken}"),
        }
        assert!(
            !pair.blue.targets().iter().any(|target| target.contains("/inner")),
            "{:?}",
            pair.blue.targets()
        );
    }
}
