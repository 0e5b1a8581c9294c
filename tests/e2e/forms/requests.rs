//! Requests that are answered without the app, in their many forms (E8, E9, E11, E12, E13).

use bytes::Bytes;
use http::Request;

use crate::common::client::{Client, Response};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{Frames, Heads};

/// The status of the answer to a request over HTTP/2 that a client's own library lets through.
async fn over_h2(pair: &Pair, request: http::request::Builder, body: &'static [u8]) -> u16 {
    let shown = format!("{request:?}");
    let h2 = pair.door.h2(HOST).await.unwrap();
    let answer = h2.send(request, Bytes::from_static(body)).await;
    answer.unwrap_or_else(|broken| panic!("{shown}: {broken}")).status
}

/// The same with these fields as they are, on a connection of their own, which goes on.
async fn over_frames(pair: &Pair, fields: &[(&str, &[u8])]) -> String {
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    frames.request(1, fields, true).await;
    let status = heads.read(&frames.until_end(1).await[0]).swap_remove(0).1;
    frames.request(3, &get(HOST), true).await;
    let next = frames.until_end(3).await;
    assert_eq!(next[0].status(), Some(200), "behind {fields:?}: {next:?}");
    status
}

/// `GET /who` of an authority.
fn get(authority: &str) -> [(&str, &[u8]); 4] {
    [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", authority.as_bytes()),
        (":path", b"/who"),
    ]
}

/// The answer to bytes on a connection of their own.
async fn answer(mut client: Client, bytes: &str) -> Response {
    client.send(bytes).await.unwrap();
    let answer = client.response("GET").await;
    answer.unwrap_or_else(|broken| panic!("{bytes:?}: {broken}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn e8_connect_and_trace_are_refused_over_every_protocol_and_by_their_exact_names() {
    let pair = Pair::tls("").await;
    for target in [
        format!("{HOST}:443"),
        "example.com:25".to_owned(),
        "127.0.0.1:22".to_owned(),
    ] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        let answer = answer(pair.door.tls(HOST).await.unwrap(), &request).await;
        assert_eq!(answer.status, 405, "{request:?}");
        assert!(answer.field("allow").is_some_and(|allow| !allow.contains("CONNECT")));
        let connect: [(&str, &[u8]); 2] = [(":method", b"CONNECT"), (":authority", target.as_bytes())];
        assert_eq!(over_frames(&pair, &connect).await, "405", "{target}");
    }
    for version in ["1.0", "1.1"] {
        let request = format!("TRACE /secret HTTP/{version}\r\nHost: {HOST}\r\nCookie: session=1\r\n\r\n");
        let answer = answer(pair.door.tls(HOST).await.unwrap(), &request).await;
        assert_eq!(answer.status, 405, "{request:?}");
        assert!(!answer.text().contains("session"), "{}", answer.text());
    }
    let trace = over_h2(&pair, Request::trace(format!("https://{HOST}/")), b"").await;
    assert_eq!(trace, 405);
    let targets = pair.blue.targets();
    assert!(!targets.iter().any(|target| target.contains("secret")), "{targets:?}");
    assert!(
        !targets.iter().any(|target| target.starts_with("CONNECT")),
        "{targets:?}"
    );
    // Methods are told apart by case (RFC 9110 §9.1), and one that nobody knows is the app's business.
    for method in ["trace", "PROPFIND", "BREW"] {
        let answer = pair
            .door
            .tls(HOST)
            .await
            .unwrap()
            .request(method, HOST, "/", "", b"")
            .await;
        assert_eq!(answer.unwrap().app(), "blue", "{method}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e9_an_expectation_is_one_whatever_stands_beside_it() {
    let pair = Pair::tls("").await;
    let post = |version: &str, fields: &str| {
        format!("POST /echo HTTP/{version}\r\nHost: {HOST}\r\nContent-Length: 5\r\n{fields}\r\nhello")
    };
    for fields in [
        "Expect: 200-ok\r\n",
        "expect: x\r\n",
        "Expect: 100-continue, 200-ok\r\n",
        "Expect: 200-ok, 100-continue\r\n",
        "Expect: 100-continue\r\nExpect: 200-ok\r\n",
        "Expect: 100-continue;q=1\r\n",
        "Expect: 100-continued\r\n",
    ] {
        let answer = answer(pair.door.tls(HOST).await.unwrap(), &post("1.1", fields)).await;
        assert_eq!(answer.status, 417, "{fields:?}");
    }
    for value in ["200-ok", "100-continue, x"] {
        let request = Request::post(format!("https://{HOST}/echo")).header("expect", value);
        assert_eq!(over_h2(&pair, request, b"hello").await, 417, "{value}");
    }
    assert_eq!(pair.blue.requests(), 0);
    // As it is meant, in any case of letters (RFC 9110 §10.1.1).
    for fields in ["Expect: 100-continue\r\n", "Expect: 100-Continue\r\n"] {
        let answer = answer(pair.door.tls(HOST).await.unwrap(), &post("1.1", fields)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e11_a_host_beside_the_authority_is_the_same_or_it_is_an_error() {
    let pair = Pair::tls("").await;
    let with = |host: &str| Request::get(format!("https://{HOST}/")).header("host", host);
    for host in [
        "other.localhost",
        "",
        "app.localhost.evil.test",
        "user@app.localhost",
        "app.localhost, other.localhost",
        "app.localhost:8443",
        "[::1]",
    ] {
        assert_eq!(over_h2(&pair, with(host), b"").await, 400, "{host:?}");
    }
    let twice = with(HOST).header("host", "other.localhost");
    assert_eq!(over_h2(&pair, twice, b"").await, 400);
    assert_eq!(pair.blue.requests(), 0);
    for host in [HOST.to_owned(), HOST.to_uppercase()] {
        assert_eq!(over_h2(&pair, with(&host), b"").await, 200, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e12_over_http2_a_host_that_is_missing_or_strange_is_an_error_in_either_place() {
    let pair = Pair::tls("").await;
    let [method, scheme, _, _] = get(HOST);
    let path: (&str, &[u8]) = (":path", b"/strange");
    assert_eq!(
        over_frames(&pair, &[method, scheme, path]).await,
        "400",
        "no host at all"
    );
    for host in [
        "user@app.localhost",
        "user:secret@app.localhost",
        "@app.localhost",
        "app.localhost, other.localhost",
        "app.localhost,other.localhost",
        "app.localhost other.localhost",
        "app.localhost/path",
        "app.localhost?query",
        "app.localhost#fragment",
        "app.localhost:port",
        "app.localhost\\",
        "https://app.localhost",
        "",
    ] {
        let host = host.as_bytes();
        let authority = [method, scheme, (":authority", host), path];
        assert_eq!(over_frames(&pair, &authority).await, "400", "`:authority` {host:?}");
        let field = [method, scheme, path, ("host", host)];
        assert_eq!(over_frames(&pair, &field).await, "400", "Host {host:?}");
    }
    let targets = pair.blue.targets();
    assert!(!targets.iter().any(|target| target.contains("/strange")), "{targets:?}");
    let by_field = [method, scheme, path, ("host", HOST.as_bytes())];
    assert_eq!(over_frames(&pair, &by_field).await, "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn e13_whatever_is_answered_here_leaves_the_connection_in_step_or_closed() {
    const INNER: &str = "GET /inner HTTP/1.1\r\nHost: HOST\r\n\r\n";
    let (plain, tls) = (
        Pair::plain("limit.body = \"1KiB\"\n").await,
        Pair::tls("limit.body = \"1KiB\"\n").await,
    );
    for (pair, host, unknown) in [(&plain, PLAIN, 404), (&tls, HOST, 421)] {
        let inner = INNER.replace("HOST", host).repeat(100);
        let whole = format!("Content-Length: {}\r\n\r\n{inner}", inner.len());
        let chunked = format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n",
            inner.len()
        );
        for body in [&whole, &chunked] {
            for (begin, status) in [
                (format!("POST /echo HTTP/1.1\r\nHost: {host}\r\n"), 413),
                ("POST / HTTP/1.1\r\nHost: unknown.test\r\n".to_owned(), unknown),
                (format!("POST / HTTP/1.1\r\nHost: {host}\r\nExpect: nothing\r\n"), 417),
            ] {
                let mut client = match host {
                    PLAIN => pair.door.plain().await,
                    _ => pair.door.tls(HOST).await.unwrap(),
                };
                let after = format!("GET /after HTTP/1.1\r\nHost: {host}\r\n\r\n");
                client.send(format!("{begin}{body}{after}")).await.unwrap();
                let first = client.response("POST").await;
                assert_eq!(first.unwrap().status, status, "{begin:?}");
                match client.response("GET").await {
                    Ok(answer) => assert_eq!(answer.text(), "blue v1 /after", "{begin:?}"),
                    Err(broken) => assert!(matches!(broken.kind(), "closed" | "reset"), "{begin:?}: {broken}"),
                }
            }
        }
        let targets = pair.blue.targets();
        assert!(!targets.iter().any(|target| target.contains("/inner")), "{targets:?}");
    }
}
