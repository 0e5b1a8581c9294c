//! HTTP/2 clients that hold their windows closed (E28) or nearly so (E23), read nothing, or never go.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::nothing_is_left;
use crate::common::app::{App, Step, send};
use crate::common::beside::{Allowed, beside_a_good_client};
use crate::common::client::tls;
use crate::common::door::Door;
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{DATA, Frame, Frames, GOAWAY, Heads, RST_STREAM, SETTINGS, WINDOW_UPDATE, field, text};
use crate::common::{ms, secs};

const TIMES: &str = "pace=1000,look_after_client=50,head=500";
const STREAMS: u32 = 100;
/// More than everybody on the way takes.
const ENDLESS: &str = "/stream?chunks=1000&size=65536&ms=0";
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

fn serve(app: &App, size: usize) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
    app.on("/much", vec![send(head), Step::Send(vec![b'x'; size])]);
}

/// A client whose streams begin with this window.
async fn with_window(door: &Door, window: u32) -> Frames {
    let mut frames = Frames::narrow(door, HOST).await;
    let setting = [&INITIAL_WINDOW_SIZE[..], &window.to_be_bytes()].concat();
    frames.send(SETTINGS, 0, 0, &setting).await;
    frames.send(WINDOW_UPDATE, 0, 0, &(1_u32 << 30).to_be_bytes()).await;
    frames
}

async fn ask(frames: &mut Frames, stream: u32, path: &str) {
    let fields = [
        (":method", &b"GET"[..]),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", path.as_bytes()),
    ];
    frames.request(stream, &fields, true).await;
}

/// Every frame until the end of the connection.
async fn until_the_end(frames: &mut Frames) -> Vec<Frame> {
    let mut seen = Vec::new();
    while let Some(frame) = frames.next(&mut 0).await {
        seen.push(frame);
    }
    seen
}

/// What a hundred streams may cost of which nothing is taken: what is read of each answer ahead, and the time of their requests.
const ALLOWED: Allowed = Allowed { mib: 8, cpu: secs(1) };

#[tokio::test(flavor = "multi_thread")]
async fn e28_a_window_that_is_held_at_zero_on_100_streams_costs_the_client_its_connection() {
    let pair = Pair::tls("timeout.idle = \"3s\"\n").hasty(TIMES).await;
    pair.blue.remember_all();
    let seen = beside_a_good_client(&pair, ALLOWED, async {
        let mut frames = with_window(&pair.door, 0).await;
        for stream in 0..STREAMS {
            ask(&mut frames, 2 * stream + 1, ENDLESS).await;
        }
        pair.blue.reached("/stream").await;
        let began = Instant::now();
        let seen = until_the_end(&mut frames).await;
        assert!((secs(2)..secs(20)).contains(&began.elapsed()), "{:?}", began.elapsed());
        seen
    })
    .await;
    assert!(seen.iter().any(|frame| frame.kind == GOAWAY), "no GOAWAY: {seen:?}");
    assert!(!seen.iter().any(|frame| frame.kind == DATA && !frame.payload.is_empty()));
    let lines = pair.door.logged("\"client: stopped reading\"", STREAMS as usize).await;
    assert!(lines.iter().all(|line| line["status"] == 200));
    // Nothing of it is left, and the app has been told of each.
    nothing_is_left(&pair.door, 0).await;
    assert_eq!(pair.blue.works_for_none("/stream").await, STREAMS as usize);
}

/// The stream of a client that makes room for so many bytes every 50 ms: whether it was ended within some seconds, and how.
async fn sip(pair: &Pair, bytes: u32) -> Option<Frame> {
    let mut frames = with_window(&pair.door, 0).await;
    ask(&mut frames, 1, ENDLESS).await;
    let end = Instant::now() + secs(5);
    while Instant::now() < end {
        frames.send(WINDOW_UPDATE, 0, 1, &bytes.to_be_bytes()).await;
        let until = Instant::now() + ms(50);
        while let Ok(frame) = tokio::time::timeout_at(until, frames.next(&mut 0)).await {
            let Some(frame) = frame else {
                panic!("an end without a word")
            };
            if matches!(frame.kind, RST_STREAM | GOAWAY) {
                return Some(frame);
            }
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_window_that_is_opened_by_a_few_bytes_at_a_time_is_less_than_the_rate() {
    // Nothing but the rate can end it.
    let pair = Pair::tls("timeout.idle = \"60s\"\n").hasty(TIMES).await;
    pair.blue.remember_all();
    let (slow, slower, steady) = tokio::join!(sip(&pair, 5), sip(&pair, 1), sip(&pair, 400));
    assert!(slow.is_some() && slower.is_some(), "{slow:?}, {slower:?}");
    assert_eq!(steady, None, "8,000 bytes a second");
    let lines = pair.door.logged("\"client: slow reading\"", 2).await;
    assert_eq!(
        lines[0]["reason"],
        "the client read less of the answer than 256 bytes a second"
    );
    // The third has gone by itself.
    assert_eq!(pair.blue.works_for_none("/stream").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_event_streams_and_web_sockets_may_stand_still_over_http2() {
    let pair = Pair::tls("timeout.idle = \"500ms\"\n")
        .hasty("pace=500,look_after_client=50,head=60000")
        .await;
    let mut frames = with_window(&pair.door, 0).await;
    ask(&mut frames, 1, "/sse?n=0&ms=10").await;
    let mut heads = Heads::default();
    assert_eq!(field(&frames.head(&mut heads, 1).await, ":status"), Some("200"));
    frames.web_socket(3, HOST, "/ws", &[]).await;
    assert_eq!(field(&frames.head(&mut heads, 3).await, ":status"), Some("200"));
    frames.send(DATA, 0, 3, &text("late")).await;
    // Nothing is taken for a while, and then some bytes a second.
    let until = Instant::now() + secs(2);
    while let Ok(frame) = tokio::time::timeout_at(until, frames.next(&mut 0)).await {
        let frame = frame.expect("the connection stays");
        assert!(!matches!(frame.kind, RST_STREAM | GOAWAY), "{frame:?}");
    }
    for _ in 0..20 {
        for stream in [1, 3] {
            frames.send(WINDOW_UPDATE, 0, stream, &1_u32.to_be_bytes()).await;
        }
        tokio::time::sleep(ms(100)).await;
    }
    let (mut events, mut socket) = (Vec::new(), Vec::new());
    while events.len() < 20 || socket.len() < 6 {
        let frame = frames.next(&mut 0).await.expect("the connection stays");
        assert!(!matches!(frame.kind, RST_STREAM | GOAWAY), "{frame:?}");
        if frame.kind == DATA {
            let of = if frame.stream == 1 { &mut events } else { &mut socket };
            of.extend_from_slice(&frame.payload);
        }
    }
    assert!(events.starts_with(b"id: 0"), "{:?}", String::from_utf8_lossy(&events));
    assert_eq!(socket, b"\x81\x04late");
    assert!(
        !pair.door.access_log().contains("client:"),
        "{}",
        pair.door.access_log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e28_a_well_behaved_slow_stream_keeps_its_connection_and_those_beside_it_do_not_last() {
    let pair = Pair::tls("timeout.idle = \"1s\"\n").hasty(TIMES).await;
    serve(&pair.blue, 200_000);
    let mut frames = with_window(&pair.door, 0).await;
    for stream in 0..20 {
        ask(&mut frames, 2 * stream + 1, "/much").await;
    }
    // The first stream is granted 20,000 bytes ten times a second, at most; all the others nothing.
    let (mut got, mut reset, mut end) = (0, 0, None);
    while end.is_none() {
        frames.send(WINDOW_UPDATE, 0, 1, &10_000_u32.to_be_bytes()).await;
        let until = Instant::now() + ms(150);
        while let Ok(frame) = tokio::time::timeout_at(until, frames.next(&mut 0)).await {
            let frame = frame.expect("the connection stays");
            assert_ne!(frame.kind, GOAWAY, "{frame:?}");
            if frame.kind == DATA && frame.stream == 1 {
                got += frame.payload.len();
            }
            reset += usize::from(frame.kind == RST_STREAM && frame.stream != 1);
            if frame.stream == 1 && (frame.ends_stream() || frame.kind == RST_STREAM) {
                end = Some(frame.kind);
            }
        }
    }
    assert_eq!((got, end), (200_000, Some(DATA)));
    assert_eq!(reset, 19, "the streams that stood still");
    ask(&mut frames, 1001, "/status/204").await;
    assert_eq!(frames.until_end(1001).await.iter().find_map(Frame::status), Some(204));
}

#[tokio::test(flavor = "multi_thread")]
async fn e28_a_client_that_never_reads_its_socket_is_given_up() {
    // An app in this process may get no time for a second when the machine is busy; it is not the one that is to be given up.
    let pair = Pair::tls("timeout.idle = \"3s\"\n").hasty(TIMES).await;
    serve(&pair.blue, 24 << 20);
    let mut frames = with_window(&pair.door, 1 << 30).await;
    for stream in 0..10 {
        ask(&mut frames, 2 * stream + 1, "/much").await;
    }
    pair.door.logged("\"client: stopped reading\"", 10).await;
    nothing_is_left(&pair.door, 0).await;
    drop(frames);
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_a_connection_that_never_becomes_http2_ends_in_time() {
    let pair = Pair::tls("").hasty("head=500,idle=60000").await;
    let trust = pair.door.trust(&["h2"]);
    let mut silent = tls(pair.door.https(), HOST, &trust).await.unwrap();
    let mut half = tls(pair.door.https(), HOST, &trust).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n\r\n").await.unwrap();
    half.flush().await.unwrap();
    let begun = Frames::narrow(&pair.door, HOST).await;
    let ends = tokio::time::timeout(secs(20), async {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        tokio::join!(silent.read_to_end(&mut one), half.read_to_end(&mut two))
    });
    assert!(ends.await.is_ok(), "a client that said nothing is still connected");
    nothing_is_left(&pair.door, 1).await;
    drop(begun);
}

#[tokio::test(flavor = "multi_thread")]
async fn e28_a_client_that_does_not_answer_the_goodbye_ends_all_the_same() {
    let pair = Pair::tls("").hasty("head=300,idle=600").await;
    // It acknowledges neither settings nor pings, because it reads nothing.
    let frames = Frames::narrow(&pair.door, HOST).await;
    nothing_is_left(&pair.door, 1).await;
    nothing_is_left(&pair.door, 0).await;
    drop(frames);
}
