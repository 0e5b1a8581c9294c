//! What a client learns from the head of an answer, whatever the app has left out of it or put into it (F8).

use super::{HOST, PLAIN, Pair, get, get_h2};
use crate::common::app::{Step, send};
use crate::common::client::{Response, WEB_SOCKET};
use crate::common::secs;

/// What a client is told on the plain port, over TLS, and over HTTP/2, when the app answers like this.
async fn told(plain: &Pair, tls: &Pair, answer: &str) -> [(&'static str, Response); 3] {
    for pair in [plain, tls] {
        pair.blue.on("/scripted", vec![Step::ReadBody, send(answer)]);
    }
    [
        ("plain", get(plain, "/scripted", "").await),
        ("TLS", get(tls, "/scripted", "").await),
        ("HTTP/2", get_h2(tls, "/scripted", "").await),
    ]
}

async fn doors() -> (Pair, Pair) {
    (Pair::plain("").await, Pair::tls("").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_204_has_no_length_and_the_connection_goes_on() {
    let (plain, tls) = doors().await;
    for fields in [
        "",
        "Content-Length: 0\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        for (how, answer) in told(&plain, &tls, &format!("HTTP/1.1 204 No Content\r\n{fields}\r\n")).await {
            assert_eq!((answer.status, &answer.body[..]), (204, &b""[..]), "{how}, {fields:?}");
            let framed = (answer.field("content-length"), answer.field("transfer-encoding"));
            assert_eq!(framed, (None, None), "{how}, {fields:?}");
        }
        let mut client = plain.door.plain().await;
        assert_eq!(client.get(PLAIN, "/scripted").await.unwrap().status, 204);
        assert_eq!(client.get(PLAIN, "/after").await.unwrap().text(), "blue v1 /after");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_other_answers_without_a_body_keep_their_length() {
    let (plain, tls) = doors().await;
    for (status, expected) in [
        ("200 OK", "0"),
        ("205 Reset Content", "0"),
        ("404 Not Found", "0"),
        ("304 Not Modified", "7"),
    ] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {expected}\r\n\r\n");
        for (how, answer) in told(&plain, &tls, &answer).await {
            assert_eq!(answer.field("content-length"), Some(expected), "{how}, {status}");
        }
    }
    let mut client = plain.door.plain().await;
    let answer = client.request("HEAD", PLAIN, "/x", "", b"").await.unwrap();
    assert_eq!(answer.field("content-length"), Some("10"), "what a GET would have had");
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_interim_answers_have_neither_a_length_nor_a_date_of_ours() {
    let pair = Pair::plain("").await;
    let hints = "HTTP/1.1 103 Early Hints\r\nContent-Length: 3\r\nLink: </a.css>\r\n\r\n";
    let rest = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    pair.blue
        .on("/hints", vec![Step::ReadBody, send(format!("{hints}{rest}"))]);
    let answer = get(&pair, "/hints", "").await;
    let (status, fields) = &answer.interim[0];
    assert_eq!((*status, fields.get("link")), (103, Some("</a.css>")));
    assert_eq!((fields.get("content-length"), fields.get("date")), (None, None));
    assert!(answer.field("date").is_some());

    let mut client = pair.door.plain().await;
    client
        .send(format!("GET /ws HTTP/1.1\r\nHost: {PLAIN}\r\n{WEB_SOCKET}\r\n"))
        .await
        .unwrap();
    let (status, head) = client.head().await.unwrap();
    assert_eq!((status, head.fields.get("date")), (101, None), "{head:?}");
}

/// There is one date, and it is about now.
fn assert_dated(how: &str, answer: &Response) {
    let dates: Vec<_> = answer.fields.all("date").collect();
    assert_eq!(dates.len(), 1, "{how}: {answer:?}");
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(dates[0])
        .unwrap_or_else(|error| panic!("{how}: {dates:?}: {error}"));
    let age = jiff::Timestamp::now().duration_since(date).unsigned_abs();
    assert!(age < secs(60) && dates[0].ends_with(" GMT"), "{how}: {dates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_an_answer_without_a_date_gets_one_and_that_of_the_app_stays() {
    let (plain, tls) = doors().await;
    for status in [
        "200 OK",
        "204 No Content",
        "304 Not Modified",
        "404 Not Found",
        "500 Oops",
    ] {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n");
        for (how, answer) in told(&plain, &tls, &format!("{head}\r\n")).await {
            assert_dated(how, &answer);
        }
        let nominated = format!("{head}Connection: date\r\nDate: yesterday\r\n\r\n");
        for (how, answer) in told(&plain, &tls, &nominated).await {
            assert_dated(how, &answer);
        }
        for date in ["Sun, 06 Nov 1994 08:49:37 GMT", "yesterday"] {
            for (how, answer) in told(&plain, &tls, &format!("{head}dAtE: {date}\r\n\r\n")).await {
                let dates: Vec<_> = answer.fields.all("date").collect();
                assert_eq!(dates, [date], "{how}, {status}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_answers_of_our_own_have_a_date_too() {
    let (plain, tls) = doors().await;
    let unknown = plain.door.plain().await.get("unknown.test", "/").await.unwrap();
    let redirect = tls.door.plain().await.get(HOST, "/").await.unwrap();
    let misdirected = tls.door.h2(HOST).await.unwrap().get("unknown.test", "/").await.unwrap();
    let mut client = plain.door.plain().await;
    client.send("nonsense\r\n\r\n").await.unwrap();
    let refused = client.response("GET").await.unwrap();
    for (status, answer) in [(404, unknown), (308, redirect), (421, misdirected), (400, refused)] {
        assert_eq!(answer.status, status);
        assert_dated("our own", &answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_a_426_says_what_to_upgrade_to_where_the_protocol_can() {
    let (plain, tls) = doors().await;
    let head = "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n";
    for connection in ["", "Connection: Upgrade\r\n", "Connection: upgrade, close\r\n"] {
        let answer = format!("{head}{connection}Upgrade: websocket\r\nUpgrade: TLS/1.3, HTTP/2.0\r\n\r\n");
        for (how, answer) in told(&plain, &tls, &answer).await {
            assert_eq!(answer.status, 426, "{how}");
            let said: Vec<_> = answer.fields.all("upgrade").collect();
            if how == "HTTP/2" {
                assert_eq!((said.len(), answer.field("connection")), (0, None), "{how}");
            } else {
                assert_eq!(said, ["websocket", "TLS/1.3, HTTP/2.0"], "{how}");
                assert_eq!(answer.field("connection"), Some("upgrade"), "{how}");
            }
        }
    }
    // The client that closes is told so in the one field, and HTTP/1.0 has no upgrades.
    let mut client = plain.door.plain().await;
    let closing = client
        .request("GET", PLAIN, "/scripted", "Connection: close\r\n", b"")
        .await
        .unwrap();
    assert_eq!(closing.field("connection"), Some("upgrade, close"));
    let mut client = plain.door.plain().await;
    client
        .send(format!("GET /scripted HTTP/1.0\r\nHost: {PLAIN}\r\n\r\n"))
        .await
        .unwrap();
    let old = client.response("GET").await.unwrap();
    assert_eq!((old.field("upgrade"), old.field("connection")), (None, Some("close")));
}

#[tokio::test(flavor = "multi_thread")]
async fn f8_upgrades_that_an_app_only_advertises_stay_behind() {
    let (plain, tls) = doors().await;
    for status in ["200 OK", "401 Unauthorized", "503 Service Unavailable"] {
        let fields = "Connection: Upgrade\r\nUpgrade: h2,h2c\r\nContent-Length: 0\r\n";
        for (how, answer) in told(&plain, &tls, &format!("HTTP/1.1 {status}\r\n{fields}\r\n")).await {
            assert_eq!(
                (answer.field("upgrade"), answer.field("connection")),
                (None, None),
                "{how}, {status}"
            );
        }
    }
}
