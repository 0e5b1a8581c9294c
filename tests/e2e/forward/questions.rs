//! What an auth service is asked, and of which requests.

use super::{ANNA, Forwarded, LOGIN, VERIFY};
use crate::common::client::{Client, WEB_SOCKET};
use crate::common::fixture::{HOST, PLAIN};

#[tokio::test(flavor = "multi_thread")]
async fn a_question_describes_the_request_and_carries_no_body() {
    let it = Forwarded::plain("strip_prefix = true\npath = \"/shop\"").await;
    it.says(ANNA);
    let fields = "Cookie: session=1; a=b\r\nAuthorization: Bearer token\r\nAccept: text/html\r\nUser-Agent: tests\r\n\
                  X-Requested-With: XMLHttpRequest\r\nContent-Type: text/plain\r\nRange: bytes=0-1\r\nIf-None-Match: \"1\"\r\n\
                  If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n\
                  X-Forwarded-Uri: /lie\r\nX-Forwarded-Method: LIE\r\nX-Original-URL: http://lie/\r\nX-Forwarded-For: 192.0.2.1\r\n\
                  X-Forwarded-Host: lie\r\nX-Forwarded-Proto: lie\r\nX-Real-IP: 192.0.2.1\r\n";
    let mut client = it.pair.door.plain().await;
    let answer = client
        .request("PUT", PLAIN, "/shop/a%20b?c=d&e", fields, b"a body")
        .await
        .unwrap();
    assert_eq!(answer.app(), "blue");
    let asked = it.auth.last_seen(VERIFY);
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("GET", "/verify?x=1"));
    let field = |name: &str| asked.head.fields.get(name);
    for (name, value) in [
        ("host", PLAIN),
        ("x-forwarded-method", "PUT"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", PLAIN),
        ("x-forwarded-uri", "/shop/a%20b?c=d&e"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-original-method", "PUT"),
        ("x-original-url", &format!("http://{PLAIN}/shop/a%20b?c=d&e")),
        ("cookie", "session=1; a=b"),
        ("authorization", "Bearer token"),
        ("accept", "text/html"),
        ("user-agent", "tests"),
        ("x-requested-with", "XMLHttpRequest"),
    ] {
        assert_eq!(field(name), Some(value), "{name}");
        assert_eq!(asked.head.fields.all(name).count(), 1, "{name} stands there once");
    }
    for name in [
        "content-length",
        "content-type",
        "transfer-encoding",
        "expect",
        "range",
        "if-none-match",
        "if-modified-since",
        "connection",
        "x-hop",
        "te",
        "x-forwarded-prefix",
    ] {
        assert_eq!(field(name), None, "{name}");
    }
    // The app gets all of it, body and conditions included.
    let seen = it.pair.blue.last_seen("/a%20b");
    assert_eq!(seen.head.fields.get("range"), Some("bytes=0-1"));
    assert_eq!(seen.head.fields.get("cookie"), Some("session=1; a=b"));
    assert!(it.pair.blue.whole("/a%20b?c=d&e").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_over_every_protocol_is_asked_about_a_preflight_too() {
    let it = Forwarded::tls("").await;
    it.says(LOGIN);
    let mut client = it.pair.door.tls(HOST).await.unwrap();
    let preflight = "Origin: https://evil.test\r\nAccess-Control-Request-Method: GET\r\n";
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let answer = client.request(method, HOST, "/x", preflight, b"").await.unwrap();
        assert_eq!((answer.status, answer.app()), (302, ""), "{method}");
        let asked = it.auth.last_seen(VERIFY);
        assert_eq!(asked.head.fields.get("x-forwarded-method"), Some(method));
        assert_eq!(asked.head.fields.get("x-forwarded-proto"), Some("https"));
    }
    let answer = client.request("OPTIONS", HOST, "*", "", b"").await.unwrap();
    assert_eq!(answer.status, 302, "OPTIONS *");
    let h2 = it.pair.door.h2(HOST).await.unwrap();
    for method in ["GET", "POST", "OPTIONS"] {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://{HOST}/y?z=1"))
            .header("cookie", "a=1")
            .header("cookie", "b=2");
        let answer = h2.send(request, bytes::Bytes::from_static(b"a body")).await.unwrap();
        assert_eq!((answer.status, answer.app()), (302, ""), "{method} over HTTP/2");
        let asked = it.auth.last_seen(VERIFY);
        let url = format!("https://{HOST}/y?z=1");
        assert_eq!(asked.head.fields.get("x-original-url"), Some(&*url));
        assert_eq!(
            asked.head.fields.get("cookie"),
            Some("a=1; b=2"),
            "one field (RFC 9113 §8.2.3)"
        );
    }
    assert_eq!(it.pair.blue.requests(), 0, "the app has heard of none of it");
    assert!(it.auth.seen().iter().all(|seen| seen.method == "GET"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_is_asked_about_before_the_tunnel_opens_and_the_question_opens_none() {
    let it = Forwarded::plain("").await;
    it.says(LOGIN);
    let mut client = it.pair.door.plain().await;
    let answer = client.request("GET", PLAIN, "/tunnel", WEB_SOCKET, b"").await.unwrap();
    assert_eq!((answer.status, it.pair.blue.requests()), (302, 0));
    it.says(&ANNA.replace("Content-Length", "Set-Cookie: session=2\r\nContent-Length"));
    client
        .send(format!("GET /tunnel HTTP/1.1\r\nHost: {PLAIN}\r\n{WEB_SOCKET}\r\n"))
        .await
        .unwrap();
    let (status, head) = client.head().await.unwrap();
    assert_eq!((status, head.fields.get("set-cookie")), (101, Some("session=2")));
    client.send("echo").await.unwrap();
    assert_eq!(client.incoming.exactly(4).await.unwrap(), b"echo");
    assert_eq!(
        it.pair.blue.last_seen("/tunnel").head.fields.get("remote-user"),
        Some("anna")
    );
    let asked = it.auth.last_seen(VERIFY).head.raw.to_lowercase();
    assert!(
        !asked.contains("upgrade") && !asked.contains("sec-websocket"),
        "{asked}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_is_believed_about_the_client_and_about_nothing_that_we_see() {
    let it = Forwarded::plain_with("trusted_proxies = [\"127.0.0.1\"]", "").await;
    it.says(ANNA);
    let fields = "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n\
                  X-Forwarded-Uri: /lie\r\nX-Forwarded-Method: LIE\r\nX-Original-Url: http://lie/\r\nRemote-User: eve\r\n";
    let mut client = it.pair.door.plain().await;
    assert_eq!(
        client.request("GET", PLAIN, "/x", fields, b"").await.unwrap().status,
        200
    );
    let asked = it.auth.last_seen(VERIFY);
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.9, 127.0.0.1"),
        ("x-real-ip", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example"),
        ("x-forwarded-uri", "/x"),
        ("x-forwarded-method", "GET"),
        ("x-original-url", "https://shop.example/x"),
    ] {
        assert_eq!(asked.head.fields.all(name).collect::<Vec<_>>(), [value], "{name}");
    }
    assert_eq!(asked.head.fields.get("remote-user"), None);
    let seen = it.pair.blue.last_seen("/x");
    assert_eq!(seen.head.fields.all("remote-user").collect::<Vec<_>>(), ["anna"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_come_from_an_allowed_address_is_asked_about_by_nobody() {
    let it = Forwarded::plain("auth.allow = \"127.0.0.2\"\nauth.except = [\"/hooks\"]").await;
    it.says(ANNA);
    let from = async |client: u8, target: &str| {
        let mut client = Client::plain_from([127, 0, 0, client].into(), it.pair.door.http())
            .await
            .unwrap();
        client.get(PLAIN, target).await.unwrap().status
    };
    assert_eq!((from(1, "/").await, it.auth.requests()), (403, 0));
    assert_eq!((from(2, "/").await, it.auth.requests()), (200, 1));
    assert_eq!(
        (from(1, "/hooks/x").await, it.auth.requests()),
        (200, 1),
        "exempt from both"
    );
    for target in ["/hooks/../x", "/%68ooks", "//hooks"] {
        assert_eq!((from(2, target).await, it.auth.requests()), (400, 1), "{target} (E20)");
    }
}
