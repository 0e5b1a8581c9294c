//! Requests that are answered without the app, in their many forms (E8, E9, E11, E13).

use bytes::Bytes;
use http::Request;

use crate::common::client::{Client, Response};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::incoming::Broken;

/// A request over HTTP/2 that a client's own library lets through: its answer's status, or that its stream was reset.
async fn over_h2(pair: &Pair, request: http::request::Builder, body: &'static [u8]) -> Result<u16, Broken> {
    let h2 = pair.door.h2(HOST).await.unwrap();
    Ok(h2.send(request, Bytes::from_static(body)).await?.status)
}

fn is_reset(answer: &Result<u16, Broken>) -> bool {
    matches!(answer, Err(broken) if broken.kind() == "reset")
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
        assert!(matches!(answer.status, 400 | 405), "{request:?}: {}", answer.status);
        let answer = over_h2(&pair, Request::connect(target.as_str()), b"").await;
        assert!(
            is_reset(&answer) || matches!(answer, Ok(400 | 405 | 421)),
            "{target}: {answer:?}"
        );
    }
    for version in ["1.0", "1.1"] {
        let request = format!("TRACE /secret HTTP/{version}\r\nHost: {HOST}\r\nCookie: session=1\r\n\r\n");
        let answer = answer(pair.door.tls(HOST).await.unwrap(), &request).await;
        assert_eq!(answer.status, 405, "{request:?}");
        assert!(!answer.text().contains("session"), "{}", answer.text());
    }
    let trace = over_h2(&pair, Request::trace(format!("https://{HOST}/")), b"").await;
    assert!(matches!(trace, Ok(405)), "{trace:?}");
    assert_eq!(pair.blue.requests(), 0);
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
        assert!(matches!(over_h2(&pair, request, b"hello").await, Ok(417)), "{value}");
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
        let answer = over_h2(&pair, with(host), b"").await;
        assert!(is_reset(&answer) || matches!(answer, Ok(400)), "{host:?}: {answer:?}");
    }
    let twice = with(HOST).header("host", "other.localhost");
    let answer = over_h2(&pair, twice, b"").await;
    assert!(is_reset(&answer) || matches!(answer, Ok(400)), "{answer:?}");
    assert_eq!(pair.blue.requests(), 0);
    for host in [HOST.to_owned(), HOST.to_uppercase()] {
        assert!(matches!(over_h2(&pair, with(&host), b"").await, Ok(200)), "{host}");
    }
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
