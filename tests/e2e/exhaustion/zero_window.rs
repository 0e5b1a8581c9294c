//! HTTP/2 clients that hold their windows closed (E28), read nothing, or never go.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::nothing_is_left;
use crate::common::app::{App, Step, send};
use crate::common::client::tls;
use crate::common::door::Door;
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{DATA, Frame, Frames, GOAWAY, RST_STREAM, SETTINGS, WINDOW_UPDATE};
use crate::common::{eventually, holds, ms, secs};

const TIMES: &str = "pace=1000,look_after_client=50,head=500";
const STREAMS: u32 = 100;
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

#[tokio::test(flavor = "multi_thread")]
async fn e28_a_window_that_is_held_at_zero_on_100_streams_costs_the_client_its_connection() {
    let pair = Pair::tls("timeout.idle = \"1s\"\n").await.hasty(TIMES).await;
    serve(&pair.blue, 1 << 20);
    let good = pair.door.h2(HOST).await.unwrap();
    let mut frames = with_window(&pair.door, 0).await;
    for stream in 0..STREAMS {
        ask(&mut frames, 2 * stream + 1, "/much").await;
    }
    pair.blue.reached("/much").await;
    let began = Instant::now();
    let seen = until_the_end(&mut frames).await;
    assert!(began.elapsed() < secs(5), "{:?}", began.elapsed());
    assert!(seen.iter().any(|frame| frame.kind == GOAWAY), "no GOAWAY: {seen:?}");
    assert!(!seen.iter().any(|frame| frame.kind == DATA && !frame.payload.is_empty()));
    let lines = pair.door.logged("\"client: stopped reading\"", STREAMS as usize).await;
    assert!(lines.iter().all(|line| line["status"] == 200));
    // Whoever is well-behaved has seen nothing of it, and nothing of it is left.
    assert_eq!(good.get(HOST, "/").await.unwrap().status, 200);
    nothing_is_left(&pair.door, 1).await;
    eventually(secs(10), || async {
        let open = pair.blue.open_connections();
        holds(open < 10, || format!("{open} connections to the app"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e28_a_well_behaved_slow_stream_keeps_its_connection_and_those_beside_it_do_not_last() {
    let pair = Pair::tls("timeout.idle = \"1s\"\n").await.hasty(TIMES).await;
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
    let pair = Pair::tls("timeout.idle = \"3s\"\n").await.hasty(TIMES).await;
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
    let pair = Pair::tls("").await.hasty("head=500,idle=60000").await;
    let trust = pair.door.trust(&["h2"]);
    let mut silent = tls(pair.door.https(), HOST, &trust).await.unwrap();
    let mut half = tls(pair.door.https(), HOST, &trust).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n\r\n").await.unwrap();
    half.flush().await.unwrap();
    let begun = Frames::narrow(&pair.door, HOST).await;
    let ends = tokio::time::timeout(secs(5), async {
        let (mut one, mut two) = (Vec::new(), Vec::new());
        tokio::join!(silent.read_to_end(&mut one), half.read_to_end(&mut two))
    });
    assert!(ends.await.is_ok(), "a client that said nothing is still connected");
    nothing_is_left(&pair.door, 1).await;
    drop(begun);
}

#[tokio::test(flavor = "multi_thread")]
async fn e28_a_client_that_does_not_answer_the_goodbye_ends_all_the_same() {
    let pair = Pair::tls("").await.hasty("head=300,idle=600").await;
    // It acknowledges neither settings nor pings, because it reads nothing.
    let frames = Frames::narrow(&pair.door, HOST).await;
    nothing_is_left(&pair.door, 1).await;
    nothing_is_left(&pair.door, 0).await;
    drop(frames);
}
