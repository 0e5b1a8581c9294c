//! In which order answers leave that all could: fair where the client says nothing, and as it says where it does (RFC 9218).

use crate::common::app::send;
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{DATA, Frames, WINDOW_UPDATE, encode};

/// Bytes of an answer: more than one turn, and no more than the app is rid of at once.
const LARGE: usize = 48 * 1024;

/// Asks for as many large answers as there are words, with these priorities: of which stream each piece is that comes when the whole
/// connection has room again, and whether it is the last.
async fn order(pair: &Pair, priorities: &[&str]) -> Vec<(u32, bool)> {
    let large = format!(
        "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: {LARGE}\r\n\r\n{}",
        "x".repeat(LARGE)
    );
    pair.blue.on("/large", vec![send(&large)]);
    let mut frames = Frames::narrow(&pair.door, HOST).await;
    // Streams have room for everything, and the connection for nothing but its first 65,535 bytes, which one answer before takes.
    let settings = [&[0, 4][..], &(1_u32 << 24).to_be_bytes()].concat();
    frames.send(4, 0, 0, &settings).await;
    let fill = format!(
        "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: 65535\r\n\r\n{}",
        "x".repeat(65_535)
    );
    pair.blue.on("/fill", vec![send(&fill)]);
    let head = |path: &'static [u8]| -> Vec<(&str, &[u8])> {
        vec![
            (":method", b"GET"),
            (":scheme", b"https"),
            (":authority", HOST.as_bytes()),
            (":path", path),
        ]
    };
    frames.request(1, &head(b"/fill"), true).await;
    frames.until_end(1).await;
    for (n, priority) in priorities.iter().enumerate() {
        let mut fields = head(b"/large");
        if !priority.is_empty() {
            fields.push(("priority", priority.as_bytes()));
        }
        frames.request(3 + 2 * n as u32, &fields, true).await;
    }
    // All heads are there, and all answers wait.
    let mut heads = 0;
    while heads < priorities.len() {
        let frame = frames.next(&mut 0).await.expect("a frame");
        heads += usize::from(frame.kind == 1);
    }
    pair.blue.reached("/large").await;
    let room = (priorities.len() * LARGE) as u32;
    frames.write(&encode(WINDOW_UPDATE, 0, 0, &room.to_be_bytes())).await;
    let (mut order, mut open) = (Vec::new(), priorities.len());
    while open > 0 {
        let frame = frames.next(&mut 0).await.expect("a frame");
        if frame.kind == DATA {
            open -= usize::from(frame.ends_stream());
            order.push((frame.stream, frame.ends_stream()));
        }
    }
    order
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_which_nothing_is_said_take_turns() {
    let pair = Pair::tls("").await;
    let order = order(&pair, &["", "", ""]).await;
    // Until the first has ended, the others have had a good part of theirs.
    let first = order.iter().position(|(_, is_last)| *is_last).expect("an end");
    for stream in [3, 5, 7] {
        let pieces = order[..=first].iter().filter(|(of, _)| *of == stream).count();
        assert!(pieces * 6 > first, "stream {stream} had {pieces} pieces of {first}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_more_urgent_comes_first_and_what_is_not_incremental_comes_whole() {
    let pair = Pair::tls("").await;
    let order = order(&pair, &["u=6", "u=0", "u=2"]).await;
    let ends: Vec<u32> = order
        .iter()
        .filter(|(_, is_last)| *is_last)
        .map(|(stream, _)| *stream)
        .collect();
    assert_eq!(ends, [5, 7, 3]);
    // While there was something of it, nothing else came.
    let end = order
        .iter()
        .position(|(stream, is_last)| *stream == 5 && *is_last)
        .expect("an end");
    let others = order[..end].iter().filter(|(stream, _)| *stream != 5).count();
    assert!(others * 2 < end, "{others} of {end} pieces were of less urgent answers");
}
