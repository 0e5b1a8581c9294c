//! Which scheme a client speaks, when it is not the one of the port that the request comes to (F14, F15).

use super::{HOST, PLAIN, Pair, TRUSTED, values};
use crate::common::client::{Client, Response};

/// `GET target` of the host that is served over TLS, on the plain port.
async fn get(pair: &Pair, target: &str, fields: &str) -> Response {
    let mut client = pair.door.plain().await;
    let answer = client.request("GET", HOST, target, fields, b"").await;
    answer.unwrap_or_else(|broken| panic!("{fields:?}: {broken}"))
}

/// What a trusted proxy may say on the plain port, and whether that is TLS.
const CLAIMS: &[(&str, bool)] = &[
    ("X-Forwarded-Proto: https\r\n", true),
    ("x-forwarded-proto: HTTPS\r\n", true),
    ("X-Forwarded-Proto: wss\r\n", true),
    // The first is the client's own, as in X-Forwarded-For.
    ("X-Forwarded-Proto: https, http\r\n", true),
    ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", true),
    ("", false),
    ("X-Forwarded-Proto: http\r\n", false),
    ("X-Forwarded-Proto: http, https\r\n", false),
    ("X-Forwarded-Proto:\r\n", false),
    ("X-Forwarded-Proto: httpss\r\n", false),
    ("X_Forwarded_Proto: https\r\n", false),
    ("X-Forwarded-Ssl: on\r\nForwarded: proto=https\r\n", false),
];

#[tokio::test(flavor = "multi_thread")]
async fn f14_a_trusted_proxy_that_speaks_https_is_not_sent_to_https() {
    let pair = Pair::tls_with(TRUSTED, "").await;
    for (fields, secure) in CLAIMS {
        let answer = get(&pair, "/head?x", fields).await;
        assert_eq!(answer.status, if *secure { 200 } else { 308 }, "{fields:?}");
        if *secure {
            let said = values(fields, "x-forwarded-proto")[0];
            assert_eq!(values(&answer.text(), "x-forwarded-proto"), [said], "{fields:?}");
        } else {
            let location = answer.field("location").unwrap_or_default();
            assert!(location.starts_with("https://app.localhost"), "{location}");
        }
    }
    let unknown = pair
        .door
        .plain()
        .await
        .request("GET", "unknown.test", "/", CLAIMS[0].0, b"")
        .await;
    assert_eq!(unknown.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_what_anybody_else_says_of_the_scheme_is_not_believed() {
    let pair = Pair::tls("").await;
    for (fields, _) in CLAIMS {
        assert_eq!(get(&pair, "/head", fields).await.status, 308, "{fields:?}");
    }
    assert_eq!(pair.blue.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_a_service_without_tls_is_served_whatever_is_said() {
    for server in ["", TRUSTED] {
        let pair = Pair::plain_with(server, "").await;
        for (fields, _) in CLAIMS {
            let answer = pair.door.plain().await.request("GET", PLAIN, "/", fields, b"").await;
            assert_eq!(answer.unwrap().status, 200, "{fields:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_a_request_that_has_waited_is_as_secure_as_it_came() {
    for (server, status) in [(TRUSTED, 200), ("", 308)] {
        let pair = Pair::plain_with(server, "").await;
        pair.blue.stop_hard().await;
        let mut client = pair.door.plain().await;
        let claim = "X-Forwarded-Proto: https\r\n";
        client
            .send(format!("GET /head HTTP/1.1\r\nHost: {PLAIN}\r\n{claim}\r\n"))
            .await
            .unwrap();
        pair.door.held("prod", 1).await;
        // Meanwhile its host has moved to https.
        pair.door.replace("tls = \"off\"", "tls = \"internal\"");
        pair.door.reload(&[]).await.assert_code(0);
        pair.blue.listen().await;
        assert_eq!(client.response("GET").await.unwrap().status, status, "{server}");
    }
    let pair = Pair::tls_with(TRUSTED, "").await;
    pair.blue.stop_hard().await;
    let mut client = pair.door.plain().await;
    let head = format!("GET /head HTTP/1.1\r\nHost: {HOST}\r\nX-Forwarded-Proto: https\r\n\r\n");
    client.send(head).await.unwrap();
    pair.door.held("prod", 1).await;
    pair.blue.listen().await;
    let answer = client.response("GET").await.unwrap();
    assert_eq!(
        values(&answer.text(), "x-forwarded-proto"),
        ["https"],
        "{}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_plain_http_on_the_tls_port_is_told_so_in_plain_http() {
    let pair = Pair::tls("").await;
    let sentence = "This port speaks HTTPS";
    let large = format!(
        "POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n{}",
        "x".repeat(1_000_000)
    );
    for (head, method) in [
        (format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), "GET"),
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), "GET"),
        (format!("HEAD / HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), "HEAD"),
        ("OPTIONS * HTTP/1.1\r\nHost: unknown.test\r\n\r\n".to_owned(), "OPTIONS"),
        ("GET / nonsense\r\n\r\n".to_owned(), "GET"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "PRI"),
        (large, "POST"),
    ] {
        let shown = &head[..head.len().min(60)];
        let mut client = Client::plain(pair.door.https()).await.unwrap();
        client.send(&head).await.unwrap();
        let answer = client
            .response(method)
            .await
            .unwrap_or_else(|broken| panic!("{shown:?}: {broken}"));
        assert_eq!(
            (answer.status, answer.field("connection")),
            (400, Some("close")),
            "{shown:?}"
        );
        assert!(
            method == "HEAD" || answer.text().contains(sentence),
            "{shown:?}: {}",
            answer.text()
        );
        assert_eq!(client.incoming.fill().await, Ok(0), "{shown:?}: a clean end");
    }
    let mut client = Client::plain(pair.door.https()).await.unwrap();
    let json = client
        .request("GET", HOST, "/", "Accept: application/json\r\n", b"")
        .await
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert!(json["message"].as_str().unwrap().contains(sentence), "{json}");
    for line in pair.door.logged("\"plain HTTP on the TLS port\"", 8).await {
        assert_eq!(line["status"], 400, "{line}");
    }
    assert_eq!(pair.blue.requests(), 0);
    assert_eq!(pair.get("/").await.app(), "blue", "TLS is spoken as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_request_that_comes_byte_by_byte_is_known_all_the_same() {
    let pair = Pair::tls("").await;
    let mut client = Client::plain(pair.door.https()).await.unwrap();
    for byte in format!("PUT / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").bytes() {
        client.send([byte]).await.unwrap();
    }
    assert_eq!(client.response("PUT").await.unwrap().status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_other_garbage_is_answered_in_tls() {
    let pair = Pair::tls("").await;
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "EHLO a.test\r\n",
        "get / HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
        "\0\0\0\0\0\0",
    ] {
        let mut client = Client::plain(pair.door.https()).await.unwrap();
        client.send(garbage).await.unwrap();
        let said = client.until_end().await.unwrap();
        assert!(
            said.is_empty() || said[0] == 0x15,
            "an alert or nothing: {garbage:?} got {said:?}"
        );
    }
}
