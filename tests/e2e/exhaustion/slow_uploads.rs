//! Clients that send their body slowly (E23), and those that only have to wait for a slow app.

use tokio::time::Instant;

use crate::common::app::{App, Step, send};
use crate::common::client::{Client, WEB_SOCKET};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{DATA, Frames, Heads, field};
use crate::common::{ms, secs};

/// The rate is measured over half a second: 128 bytes of a body are due in it.
const TIMES: &str = "pace=500,look_after_client=50";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

/// Sends so many bytes every 50 ms until the answer comes; the answer's status.
async fn trickle(mut client: Client, host: &str, framing: &str, piece: &[u8]) -> u16 {
    let head = format!("POST /echo HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\n");
    client.send(head).await.unwrap();
    let until = Instant::now() + secs(10);
    while Instant::now() < until {
        if client.send(piece).await.is_err() {
            break;
        }
        match tokio::time::timeout(ms(50), client.head()).await {
            Err(_) => {}
            Ok(answer) => {
                let (status, head) = answer.unwrap();
                assert_eq!(head.fields.get("connection"), Some("close"));
                return status;
            }
        }
    }
    panic!("the client was neither answered nor cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_an_upload_of_less_than_256_bytes_a_second_gets_408() {
    let (plain, tls) = tokio::join!(async { Pair::plain("").hasty(TIMES).await }, async {
        Pair::tls("").hasty(TIMES).await
    },);
    let length = "Content-Length: 100000";
    let (one, two, three) = tokio::join!(
        trickle(plain.door.plain().await, PLAIN, length, b"x"),
        trickle(
            plain.door.plain().await,
            PLAIN,
            "Transfer-Encoding: chunked",
            b"1\r\nx\r\n"
        ),
        trickle(tls.door.tls(HOST).await.unwrap(), HOST, length, b"x"),
    );
    assert_eq!((one, two, three), (408, 408, 408));
    for line in plain.door.logged("\"client: slow body\"", 2).await {
        assert_eq!(line["reason"], "less of the body than 256 bytes a second");
        assert_eq!(line["status"], 408);
    }
    tls.door.logged("\"client: slow body\"", 1).await;
    let traffic = plain.door.environment("prod").await.services[0].traffic;
    assert_eq!((traffic.app_errors, traffic.proxy_errors), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_over_http2_too_and_the_other_streams_go_on() {
    let pair = Pair::tls("").hasty(TIMES).await;
    let mut frames = Frames::connect(&pair.door, HOST).await;
    let head = |method: &'static [u8], path: &'static [u8]| {
        [
            (":method", method),
            (":scheme", &b"https"[..]),
            (":authority", HOST.as_bytes()),
            (":path", path),
        ]
    };
    frames.request(1, &head(b"POST", b"/echo"), false).await;
    let (mut heads, mut slow) = (Heads::default(), None);
    let until = Instant::now() + secs(10);
    while slow.is_none() && Instant::now() < until {
        frames.send(DATA, 0, 1, b"x").await;
        let answered = tokio::time::timeout(ms(50), frames.head(&mut heads, 1));
        slow = answered.await.ok();
    }
    let slow = slow.expect("an answer to the slow stream");
    assert_eq!(field(&slow, ":status"), Some("408"));
    assert!(
        !pair.blue.whole("/echo").await,
        "the app was told that the body was cut"
    );
    pair.door.logged("\"client: slow body\"", 1).await;
    frames.request(3, &head(b"GET", b"/"), true).await;
    let answer = frames.until_end(3).await;
    assert_eq!(answer.iter().find_map(|frame| frame.status()), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_an_upload_that_stands_still_gets_408_and_one_that_is_fast_enough_does_not() {
    let pair = Pair::plain("timeout.idle = \"1s\"\n").hasty(TIMES).await;
    let mut silent = pair.door.plain().await;
    let head = format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: 100000\r\n\r\n");
    silent.send([head.as_bytes(), &[b'x'; 50_000]].concat()).await.unwrap();
    let mut steady = pair.door.plain().await;
    let sent = async {
        let head = format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: 4000\r\n\r\n");
        steady.send(head).await.unwrap();
        // 800 bytes a second, for ten periods; each pause is shorter than `timeout.idle`.
        for _ in 0..10 {
            tokio::time::sleep(ms(500)).await;
            steady.send([b'y'; 400]).await.unwrap();
        }
        steady.response("POST").await.unwrap()
    };
    let (silent, steady) = tokio::join!(silent.response("POST"), sent);
    assert_eq!(silent.unwrap().status, 408);
    assert_eq!((steady.status, steady.body.len()), (200, 4000));
    pair.door
        .logged("\"no byte of the body within `timeout.idle`\"", 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_slow_app_costs_no_client_its_upload() {
    let pair = Pair::plain("timeout.idle = \"1s\"\n").hasty(TIMES).await;
    let app = &pair.blue;
    // It reads late; then the client takes its own time for the rest.
    app.on("/late", vec![Step::Until("read"), Step::ReadBody, send(OK)]);
    let size = 32 << 20;
    let mut client = pair.door.plain().await;
    let head = format!("POST /late HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: {size}\r\n\r\n");
    client.send(head).await.unwrap();
    let answer = async {
        // As much as everybody on the way takes, and no more: the app does not read.
        let mut sent = 0;
        let piece = vec![b'x'; 64 * 1024];
        while sent < size - 1000 {
            let piece = &piece[..piece.len().min(size - 1000 - sent)];
            client.send(piece).await.unwrap();
            sent += piece.len();
        }
        tokio::time::sleep(ms(700)).await;
        client.send(vec![b'x'; size - sent]).await.unwrap();
        client.response("POST").await.unwrap()
    };
    let release = async {
        tokio::time::sleep(ms(700)).await;
        app.release("read");
    };
    let (answer, ()) = tokio::join!(answer, release);
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_an_app_that_does_not_read_at_all_is_the_one_who_failed() {
    let pair = Pair::plain("timeout.idle = \"500ms\"\n").hasty(TIMES).await;
    pair.blue.on("/deaf", vec![Step::Hang]);
    let mut client = pair.door.plain().await;
    let body = vec![b'x'; 32 << 20];
    let answer = client.post(PLAIN, "/deaf", &body).await.unwrap();
    assert_eq!(answer.status, 504);
    pair.door.logged("\"app: timed out\"", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_an_app_may_think_as_long_as_it_may_when_the_body_is_there() {
    let pair = Pair::plain("timeout.idle = \"300ms\"\n").hasty(TIMES).await;
    pair.blue
        .on("/thinks", vec![Step::ReadBody, Step::Wait(secs(1)), send(OK)]);
    let answer = pair.door.plain().await.post(PLAIN, "/thinks", b"short").await.unwrap();
    assert_eq!(answer.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_client_that_stops_sending_while_it_is_answered_is_the_one_who_failed() {
    let pair = Pair::plain("timeout.idle = \"500ms\"\n").hasty(TIMES).await;
    let begun = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n";
    pair.blue
        .on("/echoes", vec![send(begun), Step::ReadBody, send("0\r\n\r\n")]);
    let mut client = pair.door.plain().await;
    let head = format!("POST /echoes HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: 100\r\n\r\nhalf");
    client.send(head).await.unwrap();
    assert_eq!(client.head().await.unwrap().0, 200);
    client.until_end().await.unwrap();
    pair.door.logged("\"client: slow body\"", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_tunnels_may_be_as_slow_as_they_like() {
    let idle = "timeout.idle = \"300ms\"\n";
    let (plain, tls) = (Pair::plain(idle).hasty(TIMES).await, Pair::tls(idle).hasty(TIMES).await);
    tokio::join!(is_slow(&plain, PLAIN), is_slow(&tls, HOST));
}

/// A tunnel in which a byte goes there and back now and then.
async fn is_slow(pair: &Pair, host: &str) {
    let mut tunnel = pair.target().client().await.unwrap();
    let open = format!("GET /tunnel HTTP/1.1\r\nHost: {host}\r\n{WEB_SOCKET}\r\n");
    tunnel.send(open).await.unwrap();
    assert_eq!(tunnel.head().await.unwrap().0, 101);
    for _ in 0..3 {
        tokio::time::sleep(ms(600)).await;
        tunnel.send(b"x").await.unwrap();
        while tunnel.incoming.buffer.is_empty() {
            assert_ne!(tunnel.incoming.fill().await.unwrap(), 0, "the tunnel was cut");
        }
        tunnel.incoming.buffer.clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_request_that_waits_for_its_app_is_not_slow() {
    let pair = Pair::plain("timeout.idle = \"300ms\"\n").hasty(TIMES).await;
    pair.blue.stop_hard().await;
    let mut client = pair.door.plain().await;
    let head = format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: 8\r\n\r\nhalf");
    client.send(head).await.unwrap();
    pair.door.held("prod", 1).await;
    tokio::time::sleep(secs(1)).await;
    App::listen(&pair.blue).await;
    pair.blue.reached("/echo").await;
    client.send("half").await.unwrap();
    assert_eq!(client.response("POST").await.unwrap().text(), "halfhalf");
}
