//! Requests that must not be understood in two ways, and those that only look strange (F10, F11, F12).

use super::{HOST, PLAIN, Pair};
use crate::common::client::Client;
use crate::common::ms;

/// The status that these bytes get on a connection of their own, and whether it goes on after that.
async fn status(mut client: Client, bytes: &str) -> u16 {
    client
        .send(bytes)
        .await
        .unwrap_or_else(|broken| panic!("{bytes:?}: {broken}"));
    let answer = client.response("GET").await;
    answer.unwrap_or_else(|broken| panic!("{bytes:?}: {broken}")).status
}

/// These bytes get 400 and the connection ends, over plain TCP and TLS; the app sees no whole request.
async fn refused(plain: &Pair, tls: &Pair, request: impl Fn(&str) -> String) {
    for (pair, host) in [(plain, PLAIN), (tls, HOST)] {
        let bytes = request(host);
        let mut client = pair.target().client().await.unwrap();
        client.send(&bytes).await.unwrap();
        let answer = client.response("GET").await;
        let answer = answer.unwrap_or_else(|broken| panic!("{bytes:?}: {broken}"));
        assert_eq!((answer.status, answer.app()), (400, ""), "{bytes:?}: {}", answer.text());
        let rest = client.until_end().await;
        let rest = rest.unwrap_or_else(|broken| panic!("{bytes:?} was not closed: {broken}"));
        assert!(rest.is_empty(), "{bytes:?}: {rest:?}");
    }
}

async fn doors() -> (Pair, Pair) {
    (Pair::plain("").await, Pair::tls("").await)
}

const INNER: &str = "GET /inner HTTP/1.1\r\nHost: app.test\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_transfer_encoding_that_does_not_end_in_chunked() {
    let (plain, tls) = doors().await;
    for fields in [
        "chunked, gzip",
        "gzip",
        "identity",
        "xchunked",
        "chunked, chunked",
        "chunked;q=1",
        "\"chunked\"",
        "chunked\r\nTransfer-Encoding: gzip",
        "chunked\r\nTransfer-Encoding: chunked",
        "",
    ] {
        refused(&plain, &tls, |host| {
            format!("POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: {fields}\r\n\r\n0\r\n\r\n{INNER}")
        })
        .await;
    }
    refused(&plain, &tls, |host| {
        format!("POST / HTTP/1.0\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{INNER}")
    })
    .await;
    assert_eq!(plain.blue.requests() + tls.blue.requests(), 0);
    // A coding before `chunked` is one that is not understood, and that is another answer.
    for fields in ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", "GZIP,\tChunked"] {
        let head = format!("POST / HTTP/1.1\r\nHost: {PLAIN}\r\nTransfer-Encoding: {fields}\r\n\r\n0\r\n\r\n{INNER}");
        assert_eq!(status(plain.door.plain().await, &head).await, 501, "{fields:?}");
    }
    for fields in ["chunked", "CHUNKED"] {
        let head = format!("POST / HTTP/1.1\r\nHost: {PLAIN}\r\nTransfer-Encoding: {fields}\r\n\r\n0\r\n\r\n");
        assert_eq!(status(plain.door.plain().await, &head).await, 200, "{fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_a_fragment_in_the_target() {
    let (plain, tls) = doors().await;
    for target in ["/#", "/a#b", "/a?b#c", "#a", "/a%23#"] {
        refused(&plain, &tls, |host| {
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        })
        .await;
    }
    for target in ["/#a", "#a", "/a?b#c"] {
        refused(&plain, &tls, |host| {
            format!("GET http://{host}{target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        })
        .await;
    }
    assert_eq!(plain.blue.requests() + tls.blue.requests(), 0);
    assert_eq!(plain.get("/a%23b?c=%23").await.text(), "blue v1 /a%23b?c=%23");
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_an_upgrade_to_web_sockets_with_a_body() {
    let (plain, tls) = doors().await;
    let key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let bodies = [
        ("Content-Length: 5\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ];
    let upgrades = [
        "Connection: Upgrade\r\nUpgrade: websocket\r\n",
        "Connection: keep-alive\r\nUpgrade: WebSocket\r\n",
        "Upgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
    ];
    for method in ["GET", "POST"] {
        for upgrade in upgrades {
            for (framing, body) in bodies {
                refused(&plain, &tls, |host| {
                    format!("{method} /ws HTTP/1.1\r\nHost: {host}\r\n{upgrade}{key}{framing}\r\n{body}")
                })
                .await;
            }
        }
    }
    assert_eq!(plain.blue.requests() + tls.blue.requests(), 0);
    // Without a body it opens, with a length of zero too; HTTP/1.0 has no upgrades, and other protocols are not ours.
    for (version, fields, body, expected) in [
        ("1.1", format!("{}{key}", upgrades[0]), "", 101),
        ("1.1", format!("{}{key}Content-Length: 0\r\n", upgrades[0]), "", 101),
        ("1.0", format!("{}Content-Length: 5\r\n", upgrades[0]), "hello", 400),
        (
            "1.1",
            "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n".to_owned(),
            "hello",
            400,
        ),
    ] {
        let mut client = plain.door.plain().await;
        client
            .send(format!("GET /ws HTTP/{version}\r\nHost: {PLAIN}\r\n{fields}\r\n{body}"))
            .await
            .unwrap();
        let (status, head) = client.head().await.unwrap();
        assert_eq!(status, expected, "{fields}");
        assert_eq!(head.fields.get("x-app"), Some("blue"), "the app has answered: {fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_chunk_extensions_of_clients_are_what_the_rfc_calls_one() {
    let (plain, tls) = doors().await;
    for line in [
        "5;", "5; ", "5;a[=1", "5;a=", "5;a b", "5;;a", "5;=b", "5;a=\"b", "5;a=b ", "5 ",
    ] {
        refused(&plain, &tls, |host| {
            let head = format!("POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
            format!("{head}{line}\r\nhello\r\n0\r\n\r\n{INNER}")
        })
        .await;
        refused(&plain, &tls, |host| {
            let head = format!("POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
            format!("{head}5\r\nhello\r\n0{}\r\n\r\n{INNER}", &line[1..])
        })
        .await;
    }
    for line in ["5;a", "5;a=b", "5 ; a = \"b;\\\"\" ;c", "05;a"] {
        let mut client = plain.door.plain().await;
        let head = format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nTransfer-Encoding: chunked\r\n\r\n");
        client
            .send(format!("{head}{line}\r\nhello\r\n0;last\r\n\r\n"))
            .await
            .unwrap();
        assert_eq!(client.response("POST").await.unwrap().text(), "hello", "{line}");
        assert_eq!(
            client.get(PLAIN, "/after").await.unwrap().text(),
            "blue v1 /after",
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f12_chunk_extensions_of_apps_are_skipped_whatever_they_say() {
    use crate::common::app::{Step, send};
    let (plain, tls) = doors().await;
    for line in ["5;", "5;a[=1", "5;a=b ", "5;a=\"b"] {
        for pair in [&plain, &tls] {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            pair.blue.on(
                "/odd",
                vec![Step::ReadBody, send(format!("{head}{line}\r\nhello\r\n0\r\n\r\n"))],
            );
            assert_eq!(pair.get("/odd").await.text(), "hello", "{line}");
        }
        assert_eq!(
            tls.door.h2(HOST).await.unwrap().get(HOST, "/odd").await.unwrap().text(),
            "hello"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_a_default_port_may_stand_or_be_left_out() {
    let (plain, tls) = doors().await;
    let cases = [
        ("http", ":80", "", 200),
        ("http", "", ":80", 200),
        ("HTTP", ":80", ":80", 200),
        ("http", ":", "", 200),
        ("http", ":8080", ":8080", 200),
        ("https", ":443", "", 200),
        ("https", "", ":443", 200),
        ("http", ":8080", "", 400),
        ("http", "", ":8080", 400),
        ("http", ":443", "", 400),
        ("https", ":80", "", 400),
        ("http", ":80", ":443", 400),
        ("http", ":080", "", 400),
        ("http", ".:80", "", 400),
        ("ftp", "", "", 400),
    ];
    for (scheme, target, host, expected) in cases {
        let head = |name: &str| {
            let fields = format!("Host: {name}{host}\r\nConnection: close\r\n");
            format!(
                "GET {scheme}://{}{target}/a?b HTTP/1.1\r\n{fields}\r\n",
                name.to_uppercase()
            )
        };
        for (client, name) in [
            (plain.door.plain().await, PLAIN),
            (tls.door.tls(HOST).await.unwrap(), HOST),
        ] {
            assert_eq!(status(client, &head(name)).await, expected, "{}", head(name));
        }
    }
    let last = plain.blue.last_seen("/a").head;
    assert_eq!(
        last.fields.get("host"),
        Some("app.test:443"),
        "the app is told what Host said"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_an_authority_and_a_host_over_http2_are_compared_alike() {
    let pair = Pair::tls("").await;
    for (authority, host, expected) in [
        (":443", "", 200),
        ("", ":443", 200),
        (":443", ":443", 200),
        (":8443", ":8443", 200),
        (":80", "", 400),
        (":8443", "", 400),
        ("", ":8443", 400),
    ] {
        let request = http::Request::get(format!("https://{HOST}{authority}/")).header("host", format!("{HOST}{host}"));
        let h2 = pair.door.h2(HOST).await.unwrap();
        let answer = h2.send(request, bytes::Bytes::new()).await.unwrap();
        assert_eq!(answer.status, expected, "{authority} and {host}");
    }
}

async fn hasty_doors() -> (Pair, Pair) {
    (Pair::plain("").hasty(TIMES).await, Pair::tls("").hasty(TIMES).await)
}

/// A head that has begun is waited for shorter than a connection is idle.
const TIMES: &str = "head=500,idle=1500";

/// After these bytes, and an answer to each of the requests in them, the client is silent: it hears nothing but the end.
async fn is_idle(mut client: Client, bytes: &str, answers: usize) {
    client.send(bytes).await.unwrap();
    for _ in 0..answers {
        assert_eq!(client.response("POST").await.unwrap().status, 200, "{bytes:?}");
    }
    let silent = tokio::time::Instant::now();
    assert_eq!(
        client.incoming.fill().await,
        Ok(0),
        "{bytes:?}: {:?}",
        client.incoming.buffer
    );
    assert!(
        silent.elapsed() > ms(1000),
        "{bytes:?}: closed before its idle time was over"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_empty_lines_between_requests_are_silence() {
    let (plain, tls) = hasty_doors().await;
    let mut waiting = Vec::new();
    for (pair, host) in [(&plain, PLAIN), (&tls, HOST)] {
        let counted = format!("POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\n\r\nhello");
        let chunked =
            format!("POST /echo HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n");
        for (request, answers) in [
            (counted.clone(), 1),
            (chunked, 1),
            (String::new(), 0),
            (format!("{counted}\r\n{counted}"), 2),
        ] {
            for lines in [
                "\r\n".to_owned(),
                "\r\n".repeat(8),
                "\r".to_owned(),
                "\r\n\r".to_owned(),
            ] {
                let client = pair.target().client().await.unwrap();
                let bytes = format!("{request}{lines}");
                waiting.push(tokio::spawn(async move { is_idle(client, &bytes, answers).await }));
            }
        }
    }
    for one in waiting {
        one.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_a_request_may_follow_empty_lines() {
    let (plain, tls) = doors().await;
    for (pair, host) in [(&plain, PLAIN), (&tls, HOST)] {
        let mut client = pair.target().client().await.unwrap();
        for lines in ["\r\n", "", "\r\n\r\n\r\n", "\r\n"] {
            // The line feed comes apart from its carriage return.
            client.send(format!("{lines}\r")).await.unwrap();
            client
                .send(format!("\nGET /after HTTP/1.1\r\nHost: {host}\r\n\r\n"))
                .await
                .unwrap();
            assert_eq!(
                client.response("GET").await.unwrap().text(),
                "blue v1 /after",
                "{lines:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_empty_lines_have_bounds_and_a_head_that_has_begun_is_no_silence() {
    let (plain, tls) = hasty_doors().await;
    for lines in [
        "\r\n".repeat(20),
        "\n".to_owned(),
        "\r\r\n".to_owned(),
        "\r\n\rG".to_owned(),
    ] {
        refused(&plain, &tls, |host| {
            format!("{lines}GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
        })
        .await;
    }
    let mut clients = [
        plain.target().client().await.unwrap(),
        tls.target().client().await.unwrap(),
    ];
    for client in &mut clients {
        client.send("\r\nGE").await.unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.response("GET").await.unwrap().status, 408);
    }
}
