//! Clients that take their time for a TLS handshake, a PROXY header or a head (E22): the time is one for all of it, and no byte
//! adds to it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::common::app::Step;
use crate::common::client::{Client, connect};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{CONTINUATION, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, block, encode};
use crate::common::{ms, secs};

const TIMES: &str = "handshake=500,head=500,idle=60000";

/// Sends a byte every 40 ms until the door ends the connection: when it did, and what it said.
async fn dribble<W>(mut wire: W, bytes: impl Iterator<Item = u8>) -> (Duration, Vec<u8>)
where
    W: AsyncRead + AsyncWrite + Unpin,
{
    let began = Instant::now();
    let mut answer = Vec::new();
    for byte in bytes {
        // Whoever has closed takes no more.
        let _ = wire.write_all(&[byte]).await;
        let _ = wire.flush().await;
        match tokio::time::timeout(ms(40), wire.read_buf(&mut answer)).await {
            Err(_) | Ok(Ok(1..)) => {}
            Ok(Ok(0) | Err(_)) => return (began.elapsed(), answer),
        }
        assert!(began.elapsed() < secs(10), "every byte gave it more time");
    }
    panic!("all of it was taken");
}

fn is_in_time(elapsed: Duration) {
    assert!((ms(400)..secs(9)).contains(&elapsed), "{elapsed:?}");
}

/// The beginning of a ClientHello (RFC 8446 §4.1.2) that never ends.
fn hello() -> impl Iterator<Item = u8> {
    [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]
        .into_iter()
        .chain(std::iter::repeat_n(7, 400))
}

fn head() -> impl Iterator<Item = u8> {
    let start = format!("GET / HTTP/1.1\r\nHost: {PLAIN}\r\nX-Long: ");
    start.into_bytes().into_iter().chain(std::iter::repeat_n(b'x', 400))
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_a_handshake_has_its_time_as_a_whole() {
    let pair = Pair::tls("").hasty(TIMES).await;
    let dribbled = dribble(connect(pair.door.https()).await.unwrap(), hello());
    let silent = async {
        let mut tcp = connect(pair.door.https()).await.unwrap();
        let began = Instant::now();
        assert_eq!(tcp.read(&mut [0; 64]).await.unwrap_or(0), 0);
        began.elapsed()
    };
    // It could still become a method in plain text, for as long as a handshake may take.
    let nearly = async {
        let mut tcp = connect(pair.door.https()).await.unwrap();
        tcp.write_all(b"G").await.unwrap();
        let began = Instant::now();
        assert_eq!(tcp.read(&mut [0; 64]).await.unwrap_or(0), 0);
        began.elapsed()
    };
    let ((dribbled, _), silent, nearly) = tokio::join!(dribbled, silent, nearly);
    for elapsed in [dribbled, silent, nearly] {
        is_in_time(elapsed);
    }
    assert_eq!(
        pair.door.h2(HOST).await.unwrap().get(HOST, "/").await.unwrap().status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_a_head_has_its_time_as_a_whole_and_is_answered_with_408() {
    let (plain, tls) = tokio::join!(async { Pair::plain("").hasty(TIMES).await }, async {
        Pair::tls("").hasty(TIMES).await
    },);
    let (elapsed, answer) = dribble(connect(plain.door.http()).await.unwrap(), head()).await;
    is_in_time(elapsed);
    assert!(
        answer.starts_with(b"HTTP/1.1 408 "),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    plain.door.logged("\"client: slow head\"", 1).await;
    let mut client = tls.door.tls(HOST).await.unwrap();
    let began = Instant::now();
    let status = loop {
        client.send(b"G").await.unwrap();
        if let Ok(answer) = tokio::time::timeout(ms(40), client.head()).await {
            break answer.unwrap().0;
        }
    };
    is_in_time(began.elapsed());
    assert_eq!(status, 408);
    // The second head of a connection has as long as the first.
    let mut kept = plain.door.plain().await;
    assert_eq!(kept.get(PLAIN, "/").await.unwrap().status, 200);
    kept.send("GET /").await.unwrap();
    assert_eq!(kept.response("GET").await.unwrap().status, 408);
}

/// `GET TARGET`.
fn request(target: &str) -> Vec<u8> {
    block(&[
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target.as_bytes()),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_a_head_over_http2_has_its_time_for_all_of_its_frames_whatever_else_is_under_way() {
    let pair = Pair::tls("").hasty(TIMES).await;
    pair.blue.on("/held", vec![Step::UntilGone]);
    let field = block(&[("x-long", &b"x".repeat(4000))]);
    let in_one = encode(
        HEADERS,
        END_STREAM | END_HEADERS,
        3,
        &[request("/never"), field.clone()].concat(),
    );
    let begun = encode(HEADERS, END_STREAM, 3, &request("/never"));
    let in_many = [
        begun,
        field
            .chunks(1)
            .flat_map(|byte| encode(CONTINUATION, 0, 3, byte))
            .collect(),
    ]
    .concat();
    for (dribbled, holds_another) in [(&in_one, true), (&in_one, false), (&in_many, true), (&in_many, false)] {
        let mut frames = Frames::connect(&pair.door, HOST).await;
        if holds_another {
            frames
                .send(HEADERS, END_STREAM | END_HEADERS, 1, &request("/held"))
                .await;
            pair.blue.reached("/held").await;
        }
        let (elapsed, answer) = dribble(frames.into_wire(), dribbled.iter().copied()).await;
        is_in_time(elapsed);
        let goaway = [0, 0, 8, GOAWAY];
        assert!(answer.windows(4).any(|bytes| bytes == goaway), "{answer:?}");
    }
    assert!(!pair.blue.targets().contains(&"GET /never".to_owned()));
    pair.door.logged("\"client: slow head\"", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_a_proxy_header_has_its_time_as_a_whole() {
    let server = "trusted_proxies = [\"127.0.0.0/8\"]\nproxy_protocol = true";
    let pair = Pair::plain_with(server, "").hasty(TIMES).await;
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 80";
    let text = header.iter().copied().chain(std::iter::repeat_n(b' ', 0));
    let binary = [
        0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0, 12,
    ];
    let binary = binary.into_iter().chain(std::iter::repeat_n(1, 11));
    let (one, two) = tokio::join!(
        dribble(connect(pair.door.http()).await.unwrap(), text),
        dribble(connect(pair.door.http()).await.unwrap(), binary),
    );
    is_in_time(one.0);
    is_in_time(two.0);
    let mut client = Client::plain(pair.door.http()).await.unwrap();
    client
        .send("PROXY TCP4 192.0.2.1 192.0.2.2 40000 80\r\n")
        .await
        .unwrap();
    assert_eq!(client.get(PLAIN, "/").await.unwrap().status, 200);
}
