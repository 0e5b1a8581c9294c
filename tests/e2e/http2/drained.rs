//! WebSockets on streams when their side, their environment or their process comes to its end: drained as those of HTTP/1.1 are (N13, N20, N24, N26).

use std::time::Duration;

use greengate::model::api::exit;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::web_sockets::{open, receive};
use crate::common::app::{Step, send};
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{DATA, END_STREAM, Frame, Frames, GOAWAY, Heads, RST_STREAM, WINDOW_UPDATE, text};
use crate::common::h2::H2;
use crate::common::socket::{ACCEPT, ECHO, MESSAGE, NORMAL, RESTART, Socket, echo, messages, next, over_http2, whole};
use crate::common::{eventually, holds, ms, secs};

/// How long a client that reads slowly rests behind each part that it has read.
const REST: Duration = ms(2);
/// Bytes of such a part.
const PART: usize = 32 * 1024;

/// A connection, and a WebSocket on it that the app has answered.
async fn socket(pair: &Pair) -> (H2, Socket) {
    let h2 = pair.target().h2().await.unwrap();
    let mut socket = over_http2(&h2, HOST, "/ws").await.unwrap();
    echo(&mut socket, "hello").await;
    (h2, socket)
}

async fn is_told_to_come_again(socket: &mut Socket) {
    match next(socket).await.unwrap() {
        Message::Close(Some(frame)) => assert_eq!(frame.code, CloseCode::Restart),
        other => panic!("{other:?} instead of a close"),
    }
}

fn get(path: &str) -> [(&str, &[u8]); 4] {
    [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", path.as_bytes()),
    ]
}

/// The process is told to stop while a WebSocket is all that a connection has: that goes on, and nothing is begun beside it.
#[tokio::test(flavor = "multi_thread")]
async fn n26_a_web_socket_on_a_stream_goes_on_behind_sigterm_and_the_process_ends_with_it() {
    let pair = Pair::tls("").await;
    let (mut frames, mut heads) = (Frames::connect(&pair.door, HOST).await, Heads::default());
    open(&mut frames, &mut heads, 1, "/ws").await;
    pair.door.sigterm();
    // It is told twice, without a word of its own.
    let mut goodbyes = Vec::new();
    while goodbyes.len() < 2 {
        let frame = frames.next(&mut 0).await.expect("a frame");
        assert!(!matches!(frame.kind, DATA | RST_STREAM), "{frame:?}");
        goodbyes.extend(Some(frame).filter(|frame| frame.kind == GOAWAY));
    }
    assert_eq!(goodbyes[1].payload[..4], 1_u32.to_be_bytes(), "the last stream");
    // Behind the last word no stream begins, and the one that has goes on.
    frames.request(3, &get("/who"), true).await;
    frames.send(DATA, 0, 1, &text("still here")).await;
    assert_eq!(receive(&mut frames, 1, 12).await.0, b"\x81\x0astill here");
    frames.send(DATA, 0, 1, &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await;
    let (close, end) = receive(&mut frames, 1, 100).await;
    assert_eq!(close, NORMAL);
    assert!(end.is_some_and(|end| end.ends_stream()));
    frames.send(DATA, END_STREAM, 1, b"").await;
    while let Some(frame) = frames.next(&mut 0).await {
        assert!(frame.stream != 3 || frame.kind == RST_STREAM, "{frame:?}");
    }
    drop(frames);
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    let line = &pair.door.logged("\"/ws\"", 1).await[0];
    assert_eq!(line["termination"], "done", "{line}");
    let targets = pair.blue.targets();
    assert!(
        !targets.iter().any(|target| target == "GET /who"),
        "begun behind the last word: {targets:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_one_that_does_not_end_is_cut_when_the_time_of_a_stop_is_over() {
    let pair = Pair::tls("drain.requests = \"1s\"\n").await;
    let (_h2, mut socket) = socket(&pair).await;
    pair.door.sigterm();
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    assert!(next(&mut socket).await.is_err(), "a clean end that nobody has said");
}

#[tokio::test(flavor = "multi_thread")]
async fn n13_a_pause_ends_web_sockets_on_streams_politely_and_their_connection_waits_for_its_end() {
    let pair = Pair::tls("").await;
    let (h2, mut socket) = socket(&pair).await;
    let begin = tokio::time::Instant::now();
    let pause = pair.door.watch(&["pause", "prod"]);
    is_told_to_come_again(&mut socket).await;
    drop(socket);
    pause.finish().await.assert_code(exit::DONE);
    // `drain.streams` is a minute.
    assert!(begin.elapsed() < secs(30), "it took {:?}", begin.elapsed());
    // What comes back is held, on the same connection.
    let again = tokio::spawn(async move {
        let socket = over_http2(&h2, HOST, "/ws").await;
        (h2, socket)
    });
    pair.door.held("prod", 1).await;
    pair.door.proxyctl(&["resume", "prod"]).await.assert_code(exit::DONE);
    let (h2, socket) = again.await.unwrap();
    echo(&mut socket.unwrap(), "again").await;
    assert_eq!(h2.get(HOST, "/who").await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn n24_a_web_socket_on_a_stream_ends_in_the_process_in_which_it_has_begun() {
    let pair = Pair::tls("").await;
    let (h2, mut socket) = socket(&pair).await;
    let old = pair.door.status().await.pid;
    pair.door.upgrade().await;
    eventually(secs(10), || async {
        let earlier = pair.door.status().await.earlier;
        let left: Vec<_> = earlier.iter().map(|one| (one.pid, one.requests, one.streams)).collect();
        holds(left == [(old, 0, 1)], || format!("{earlier:?}"))
    })
    .await;
    echo(&mut socket, "still here").await;
    // Its connection takes nothing new, and the client has another one.
    eventually(secs(10), || async {
        let answer = h2.get(HOST, "/who").await;
        holds(answer.is_err(), || "no last word".into())
    })
    .await;
    assert_eq!(pair.serving().await, "blue");
    socket.close(None).await.unwrap();
    assert!(matches!(next(&mut socket).await, Ok(Message::Close(_))));
    drop((socket, h2));
    pair.door.alone().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_a_swap_and_a_pause_end_those_of_the_earlier_process_too() {
    let pair = Pair::tls("drain.streams = \"1s\"\n").await;
    let (_first, mut swapped) = socket(&pair).await;
    pair.door.upgrade().await;
    let (_second, mut paused) = socket(&pair).await;
    pair.door.upgrade().await;
    let swap = pair.door.watch(&["swap", "prod"]);
    for socket in [&mut swapped, &mut paused] {
        is_told_to_come_again(socket).await;
    }
    drop((swapped, paused));
    let finished = swap.finish().await;
    finished.assert_done();
    assert_eq!(finished.safe_to_stop(), pair.safe(&pair.blue));
    let (_third, mut paused) = socket(&pair).await;
    pair.door.upgrade().await;
    let pause = pair.door.watch(&["pause", "prod"]);
    is_told_to_come_again(&mut paused).await;
    drop(paused);
    pause.finish().await.assert_code(exit::DONE);
    assert!(pair.door.status().await.earlier.iter().all(|one| one.streams == 0));
}

/// What a WebSocket on stream 1 has got.
#[derive(Default)]
struct Got {
    bytes: Vec<u8>,
    ungranted: usize,
    end: Option<Frame>,
}

impl Got {
    /// Reads slowly, with no more room than everybody has, until `is_over` or the end of the stream.
    async fn read_slowly(&mut self, frames: &mut Frames, is_over: impl Fn(&[u8]) -> bool) {
        while self.end.is_none() && !is_over(&self.bytes) {
            let frame = frames.next(&mut 0).await.expect("a frame");
            if frame.stream != 1 {
                continue;
            }
            if frame.kind == DATA {
                self.bytes.extend_from_slice(&frame.payload);
                self.ungranted += frame.payload.len();
            }
            if self.ungranted >= PART {
                tokio::time::sleep(REST).await;
                let room = (std::mem::take(&mut self.ungranted) as u32).to_be_bytes();
                for stream in [0, 1] {
                    frames.send(WINDOW_UPDATE, 0, stream, &room).await;
                }
            }
            self.end = Some(frame).filter(|frame| frame.kind == RST_STREAM || frame.ends_stream());
        }
    }
}

async fn narrow(pair: &Pair, path: &str) -> Frames {
    let (mut frames, mut heads) = (Frames::narrow(&pair.door, HOST).await, Heads::default());
    let head = open(&mut frames, &mut heads, 1, path).await;
    assert_eq!(head[0].1, "200");
    frames
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_app_says_last_arrives_on_a_stream_too_however_slowly_its_client_reads() {
    let pair = Pair::tls("").await;
    let all = [&messages(80), NORMAL].concat();
    pair.blue.on("/far", vec![send(ACCEPT), Step::Send(all), Step::Close]);
    let mut frames = narrow(&pair, "/far").await;
    let mut got = Got::default();
    got.read_slowly(&mut frames, |_| false).await;
    assert_eq!(whole(&got.bytes), (80, NORMAL));
    assert_eq!(got.end.map(|end| end.kind), Some(DATA), "a clean end");
    frames.send(DATA, END_STREAM, 1, b"").await;
    let line = &pair.door.logged("\"/far\"", 1).await[0];
    assert_eq!(line["termination"], "done", "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn n20_one_on_a_stream_that_never_rests_is_told_to_come_again_between_two_messages() {
    let pair = Pair::tls("drain.streams = \"300ms\"\n")
        .hasty("spread=100,echo=30000")
        .await;
    pair.blue
        .on("/busy", vec![send(ACCEPT), Step::Send(messages(400)), Step::Hang]);
    let mut frames = narrow(&pair, "/busy").await;
    let mut got = Got::default();
    got.read_slowly(&mut frames, |bytes| bytes.len() > MESSAGE).await;
    let swap = pair.door.watch(&["swap", "prod"]);
    got.read_slowly(&mut frames, |bytes| bytes.ends_with(RESTART)).await;
    let (count, rest) = whole(&got.bytes);
    assert_eq!(rest, RESTART, "behind {count} messages; the end: {:?}", got.end);
    assert!((1..400).contains(&count));
    frames.send(DATA, 0, 1, ECHO).await;
    got.read_slowly(&mut frames, |_| false).await;
    assert_eq!(whole(&got.bytes), (count, RESTART));
    let finished = swap.finish().await;
    finished.assert_done();
    assert_eq!(finished.drained(), (0, 1, 0), "(finished, ended, cut)");
}
