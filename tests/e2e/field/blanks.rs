//! Blanks that some apps write where HTTP/1.1 has none: after a chunk's size, before a field's colon (F7).

use super::{HOST, PLAIN, Pair, get, get_h2};
use crate::common::app::{Step, send};
use crate::common::client::{Client, WEB_SOCKET};

async fn doors() -> (Pair, Pair) {
    (Pair::plain("").await, Pair::tls("").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_blanks_after_the_chunk_sizes_of_an_app_cut_nothing() {
    let (plain, tls) = doors().await;
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for line in ["5 ", "5\t", "005  \t", "5 ;a=b "] {
        let last = line.replace('5', "0");
        let answer = format!("{head}{line}\r\nhello\r\n{line}\r\nworld\r\n{last}\r\n\r\n");
        for pair in [&plain, &tls] {
            pair.blue.on("/odd", vec![Step::ReadBody, send(&answer)]);
            assert_eq!(get(pair, "/odd", "").await.text(), "helloworld", "{line:?}");
        }
        assert_eq!(get_h2(&tls, "/odd", "").await.text(), "helloworld", "{line:?}");
        let mut client = plain.door.plain().await;
        assert_eq!(client.get(PLAIN, "/odd").await.unwrap().text(), "helloworld");
        let before = plain.blue.accepted();
        assert_eq!(client.get(PLAIN, "/after").await.unwrap().text(), "blue v1 /after");
        assert_eq!(plain.blue.accepted(), before, "the app's connection went on: {line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_a_field_of_an_app_loses_the_blanks_before_its_colon() {
    let (plain, tls) = doors().await;
    let head = "HTTP/1.1 200 OK\r\nX-Thing : one\r\nSet-Cookie\t: a=b; Path=/\r\nSet-Cookie: c=d\r\nContent-Length \t: 5\r\n\r\n";
    for pair in [&plain, &tls] {
        pair.blue.on("/odd", vec![Step::ReadBody, send(format!("{head}hello"))]);
    }
    for (how, answer) in [
        ("plain", get(&plain, "/odd", "").await),
        ("TLS", get(&tls, "/odd", "").await),
        ("HTTP/2", get_h2(&tls, "/odd", "").await),
    ] {
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"), "{how}");
        assert_eq!(answer.field("x-thing"), Some("one"), "{how}");
        assert_eq!(answer.field("content-length"), Some("5"), "{how}");
        let cookies: Vec<_> = answer.fields.all("set-cookie").collect();
        assert_eq!(cookies, ["a=b; Path=/", "c=d"], "{how}");
    }
}

/// What a field says counts, however it was written.
#[tokio::test(flavor = "multi_thread")]
async fn f7_fields_with_blanks_are_understood() {
    let plain = Pair::plain("").await;
    for (fields, body, expected) in [
        (
            "Transfer-Encoding : chunked\r\n",
            "5\r\nhello\r\n0\r\nX-Sum : 1\r\n\r\n",
            200,
        ),
        ("Connection : close\r\nContent-Length: 5\r\n", "hello", 200),
        ("Keep-Alive : timeout=5\r\nContent-Length: 5\r\n", "hello", 200),
        (
            "Content-Length : 5\r\nTransfer-Encoding : chunked\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            502,
        ),
        ("Content-Length : 5\r\nContent-Length: 6\r\n", "hello", 502),
        ("X Thing: 1\r\nContent-Length: 5\r\n", "hello", 502),
        (" : 1\r\nContent-Length: 5\r\n", "hello", 502),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}");
        plain.blue.on("/odd", vec![Step::ReadBody, send(answer)]);
        let mut client = plain.door.plain().await;
        let answer = client.get(PLAIN, "/odd").await.unwrap();
        assert_eq!(answer.status, expected, "{fields:?}");
        if expected == 200 {
            assert_eq!(answer.text(), "hello", "{fields:?}");
            assert_eq!(answer.field("keep-alive"), None, "hop by hop, as ever");
            assert_eq!(client.get(PLAIN, "/after").await.unwrap().text(), "blue v1 /after");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_interim_answers_and_upgrades_with_blanks_pass_too() {
    let plain = Pair::plain("").await;
    let hints = "HTTP/1.1 103 Early Hints\r\nLink : </a.css>\r\n\r\n";
    let rest = "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n";
    plain
        .blue
        .on("/hints", vec![Step::ReadBody, send(format!("{hints}{rest}"))]);
    let mut client = ask(&plain, "/hints", "").await;
    let (status, head) = client.head().await.unwrap();
    assert_eq!((status, head.fields.get("link")), (103, Some("</a.css>")));
    assert_eq!(client.head().await.unwrap().0, 200);

    let accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade : websocket\r\nConnection : Upgrade\r\n\
                  Sec-WebSocket-Accept : s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    plain
        .blue
        .on("/socket", vec![send(accept), send("\u{1}hi"), Step::Close]);
    let mut client = ask(&plain, "/socket", WEB_SOCKET).await;
    let (status, head) = client.head().await.unwrap();
    assert_eq!(status, 101);
    assert_eq!(
        head.fields.get("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(client.incoming.exactly(3).await.unwrap(), b"\x01hi");
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_the_blanks_of_a_client_are_refused_as_ever() {
    let (plain, tls) = doors().await;
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    for rest in [
        "X-Thing : 1\r\n\r\n".to_owned(),
        "Content-Length\t: 0\r\n\r\n".to_owned(),
        format!("{chunked}5 \r\nhello\r\n0\r\n\r\n"),
        format!("{chunked}5\r\nhello\r\n0 \r\n\r\n"),
        format!("{chunked}5\r\nhello\r\n0\r\nX-Sum : 1\r\n\r\n"),
    ] {
        for (mut client, host) in [
            (plain.door.plain().await, PLAIN),
            (tls.door.tls(HOST).await.unwrap(), HOST),
        ] {
            client
                .send(format!("POST /echo HTTP/1.1\r\nHost: {host}\r\n{rest}"))
                .await
                .unwrap();
            assert_eq!(client.response("POST").await.unwrap().status, 400, "{rest:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_a_health_check_may_be_answered_with_blanks() {
    let pair = Pair::tls("health.version = \"json:version\"\n").await;
    let answer = "HTTP/1.1 200 OK\r\nContent-Type : application/json\r\nTransfer-Encoding : chunked\r\n\r\n\
                  10 \r\n{\"version\":\"v2\"}\r\n0 \r\n\r\n";
    pair.green.on("/health", vec![send(answer)]);
    pair.door.swap("prod", &["--expect-version", "v2"]).await.assert_done();
    assert_eq!(pair.get("/").await.text(), "green v2 /");
}

async fn ask(plain: &Pair, target: &str, fields: &str) -> Client {
    let mut client = plain.door.plain().await;
    client
        .send(format!("GET {target} HTTP/1.1\r\nHost: {PLAIN}\r\n{fields}\r\n"))
        .await
        .unwrap();
    client
}
