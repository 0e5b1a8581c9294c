//! Why an exchange has ended, and whose fault that is: in the access log, in `status` and in its figures (F6).

use serde_json::Value;

use super::{HOST, PLAIN, Pair};
use crate::common::app::{Step, send};
use crate::common::client::WEB_SOCKET;
use crate::common::{eventually, holds, secs};

/// Answers that cannot be used, of which nothing has left yet: the client gets a 502.
fn unusable() -> Vec<(&'static str, Vec<Step>, &'static str, &'static str)> {
    let head = |fields: &str| vec![Step::ReadBody, send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))];
    let bytes = |text: &str| vec![Step::ReadBody, send(text)];
    let invalid = "app: no valid response";
    vec![
        (
            "/two-codings",
            head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
            invalid,
            "Transfer-Encoding does not end in exactly one `chunked`",
        ),
        (
            "/gzip",
            head("Transfer-Encoding: gzip, chunked\r\n"),
            invalid,
            "Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "/both",
            head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"),
            invalid,
            "both Content-Length and Transfer-Encoding",
        ),
        (
            "/lengths",
            head("Content-Length: 3\r\nContent-Length: 4\r\n"),
            invalid,
            "Content-Length is not one decimal number",
        ),
        (
            "/huge",
            head(&format!("X: {}\r\n", "x".repeat(300 * 1024))),
            invalid,
            "head too large",
        ),
        (
            "/version",
            bytes("HTTP/3.0 200 OK\r\n\r\n"),
            invalid,
            "version is neither HTTP/1.0 nor HTTP/1.1",
        ),
        ("/garbage", bytes("hello\r\n\r\n"), invalid, "no HTTP version"),
        (
            "/status",
            bytes("HTTP/1.1 2x0 OK\r\n\r\n"),
            invalid,
            "status is not three digits",
        ),
        (
            "/switch",
            bytes("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            invalid,
            "101 to a request that asked for no upgrade",
        ),
        (
            "/silent",
            vec![Step::ReadBody, Step::Close],
            "app: broke off before a response",
            "the connection ended before a whole head",
        ),
        (
            "/half-a-head",
            vec![Step::ReadBody, send("HTTP/1.1 200 OK\r\nX: "), Step::Close],
            "app: broke off before a response",
            "the connection ended before a whole head",
        ),
    ]
}

/// Answers whose head has left when they turn out to be none.
fn broken() -> Vec<(&'static str, Vec<Step>, &'static str, &'static str)> {
    let bytes = |text: &str| vec![Step::ReadBody, send(format!("HTTP/1.1 200 OK\r\n{text}")), Step::Close];
    vec![
        (
            "/short",
            bytes("Content-Length: 100\r\n\r\nshort"),
            "app: cut the body",
            "the connection ended before the body",
        ),
        (
            "/no-last-chunk",
            bytes("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            "app: cut the body",
            "the connection ended before the body",
        ),
        (
            "/no-chunk",
            bytes("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nno\r\n"),
            "app: malformed body",
            "no chunk size",
        ),
    ]
}

async fn line(pair: &Pair, path: &str, wanted: usize) -> Value {
    pair.door
        .logged(&format!("\"path\":\"{path}\""), wanted)
        .await
        .remove(wanted - 1)
}

async fn errors(pair: &Pair) -> (u64, u64) {
    let traffic = &pair.door.environment("prod").await.services[0].traffic;
    (traffic.app_errors, traffic.proxy_errors)
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_an_unusable_answer_is_the_apps_fault_and_the_log_says_why() {
    let pair = Pair::tls("").await;
    let mut faults = 0;
    for (path, steps, termination, reason) in unusable() {
        pair.blue.on(path, steps);
        let answer = pair.get(path).await;
        assert_eq!(answer.status, 502, "{path}");
        let first = line(&pair, path, 1).await;
        let h2 = pair.door.h2(HOST).await.unwrap();
        assert_eq!(h2.get(HOST, path).await.unwrap().status, 502, "{path}");
        let second = line(&pair, path, 2).await;
        for line in [first, second] {
            assert_eq!(
                (&line["termination"], &line["reason"], &line["status"]),
                (&termination.into(), &reason.into(), &502.into()),
                "{line}"
            );
            faults += 1;
        }
        assert_eq!(errors(&pair).await, (faults, 0), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_an_answer_that_breaks_off_is_the_apps_fault_although_its_head_had_left() {
    let pair = Pair::tls("").await;
    let mut faults = 0;
    for (path, steps, termination, reason) in broken() {
        pair.blue.on(path, steps);
        let mut client = pair.door.tls(HOST).await.unwrap();
        client.get(HOST, path).await.unwrap_err();
        let first = line(&pair, path, 1).await;
        let h2 = pair.door.h2(HOST).await.unwrap();
        h2.get(HOST, path).await.unwrap_err();
        let second = line(&pair, path, 2).await;
        for line in [first, second] {
            assert_eq!(
                (&line["termination"], &line["reason"], &line["status"]),
                (&termination.into(), &reason.into(), &200.into()),
                "{line}"
            );
            faults += 1;
        }
        assert_eq!(errors(&pair).await, (faults, 0), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_an_app_that_takes_too_long_or_resets_a_tunnel_is_at_fault() {
    let pair = Pair::plain("timeout.response = \"300ms\"\ntimeout.idle = \"300ms\"\n").await;
    pair.blue.on("/slow", vec![Step::ReadBody, Step::Hang]);
    assert_eq!(pair.get("/slow").await.status, 504);
    let slow = line(&pair, "/slow", 1).await;
    assert_eq!(
        (&slow["termination"], &slow["reason"]),
        (
            &"app: timed out".into(),
            &"no response within `timeout.response`".into()
        )
    );
    let begun = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbegun";
    pair.blue.on("/stuck", vec![Step::ReadBody, send(begun), Step::Hang]);
    pair.door.plain().await.get(PLAIN, "/stuck").await.unwrap_err();
    let stuck = line(&pair, "/stuck", 1).await;
    assert_eq!(
        (&stuck["termination"], &stuck["reason"]),
        (
            &"app: stopped sending".into(),
            &"no byte of the body within `timeout.idle` or `timeout.stream`".into()
        )
    );
    let accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    pair.blue
        .on("/tunnel", vec![send(accept), Step::Until("reset"), Step::Reset]);
    let mut client = pair.door.plain().await;
    client
        .send(format!("GET /tunnel HTTP/1.1\r\nHost: {PLAIN}\r\n{WEB_SOCKET}\r\n"))
        .await
        .unwrap();
    assert_eq!(client.head().await.unwrap().0, 101);
    pair.blue.release("reset");
    let tunnel = line(&pair, "/tunnel", 1).await;
    assert_eq!(
        (&tunnel["termination"], &tunnel["reason"]),
        (&"app: broke off the tunnel".into(), &"connection reset".into())
    );
    assert_eq!(errors(&pair).await, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_a_request_that_is_refused_has_its_line_and_is_nobodys_error_but_the_clients() {
    let pair = Pair::plain("limit.body = \"10B\"\n").await;
    let fields = format!("Host: {PLAIN}\r\n");
    for (request, status, termination, reason) in [
        (
            format!("GET /one HTTP/1.1\r\n{fields}a b: c\r\n\r\n"),
            400,
            "client: malformed head",
            "space before the colon",
        ),
        (
            format!("GET /two HTTP/9.9\r\n{fields}\r\n"),
            505,
            "client: malformed head",
            "version is neither HTTP/1.0 nor HTTP/1.1",
        ),
        (
            format!("POST /three HTTP/1.1\r\n{fields}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
            400,
            "client: ambiguous framing",
            "both Content-Length and Transfer-Encoding",
        ),
        (
            format!("POST /four HTTP/1.1\r\n{fields}Transfer-Encoding: gzip, chunked\r\n\r\n"),
            501,
            "client: ambiguous framing",
            "Transfer-Encoding is not exactly `chunked`",
        ),
        (
            "GET /five HTTP/1.1\r\n\r\n".to_owned(),
            400,
            "client: bad request",
            "no Host field",
        ),
        (
            format!("TRACE /six HTTP/1.1\r\n{fields}\r\n"),
            405,
            "client: method not allowed",
            "CONNECT and TRACE are not accepted",
        ),
        (
            format!("POST /seven HTTP/1.1\r\n{fields}Expect: luck\r\nContent-Length: 3\r\n\r\n"),
            417,
            "client: unknown expectation",
            "an expectation other than 100-continue",
        ),
        (
            "GET /eight HTTP/1.1\r\nHost: unknown.test\r\n\r\n".to_owned(),
            404,
            "client: unknown host",
            "no service has this host",
        ),
        (
            format!("POST /nine HTTP/1.1\r\n{fields}Content-Length: 11\r\n\r\n"),
            413,
            "client: body over the limit",
            "the body is over `limit.body`",
        ),
        (
            format!("POST /ten HTTP/1.1\r\n{fields}Transfer-Encoding: chunked\r\n\r\nx\r\n"),
            400,
            "client: malformed body",
            "no chunk size",
        ),
    ] {
        let before = pair.door.access_log().lines().count();
        let mut client = pair.door.plain().await;
        client.send(&request).await.unwrap();
        assert_eq!(client.response("GET").await.unwrap().status, status, "{request}");
        let line = next(&pair, before).await;
        assert_eq!(
            (&line["termination"], &line["reason"], &line["status"]),
            (&termination.into(), &reason.into(), &status.into()),
            "{line}"
        );
    }
    assert_eq!(errors(&pair).await, (0, 0));
}

/// The line behind so many.
async fn next(pair: &Pair, before: usize) -> Value {
    eventually(secs(10), || async {
        let log = pair.door.access_log();
        let lines: Vec<_> = log.lines().collect();
        holds(lines.len() == before + 1, || {
            format!("not one more line than {before}: {log}")
        })
        .map(|()| serde_json::from_str(lines[before]).unwrap())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn f6_an_exchange_that_is_done_has_no_reason_and_an_error_of_the_app_is_one_answer() {
    let pair = Pair::plain("").await;
    pair.blue.on(
        "/oops",
        vec![Step::ReadBody, send("HTTP/1.1 503 Oops\r\nContent-Length: 0\r\n\r\n")],
    );
    assert_eq!(pair.get("/oops").await.status, 503);
    pair.get("/fine").await;
    for path in ["/oops", "/fine"] {
        let line = line(&pair, path, 1).await;
        assert_eq!((&line["termination"], line.get("reason")), (&"done".into(), None));
    }
    // A client that leaves in the middle is at fault itself.
    pair.blue.answer_when("/late", "now", "late");
    let client = pair.begin("/late").await;
    client.incoming.wire.reset_on_drop();
    drop(client);
    pair.blue.release("now");
    let gone = line(&pair, "/late", 1).await;
    assert_eq!(
        (&gone["termination"], &gone["reason"]),
        (&"client: gone".into(), &"the client went away".into())
    );
    assert_eq!(errors(&pair).await, (1, 0));
}
