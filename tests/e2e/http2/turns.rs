//! In which order answers leave that all could: fair where the client says nothing, and as it says where it does (RFC 9218).

use crate::common::app::send;
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{DATA, Frames, PRIORITY_UPDATE, WINDOW_UPDATE, encode};

/// Bytes of an answer: more than one turn, and no more than the app is rid of at once.
const LARGE: usize = 48 * 1024;

/// What a client says of a stream's priority in a frame of its own (RFC 9218 §7.1).
enum Update {
    /// Before it has begun the stream.
    Before(u32, &'static str),
    /// While the answer waits.
    Behind(u32, &'static str),
}

impl Update {
    fn encode(&self) -> Vec<u8> {
        let (Self::Before(stream, said) | Self::Behind(stream, said)) = self;
        let payload = [&stream.to_be_bytes(), said.as_bytes()].concat();
        encode(PRIORITY_UPDATE, 0, 0, &payload)
    }
}

/// Asks for as many large answers as there are words, with these priorities: of which stream each piece is that comes when the whole
/// connection has room again, and whether it is the last.
async fn order(pair: &Pair, priorities: &[&str], updates: &[Update]) -> Vec<(u32, bool)> {
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
    for update in updates.iter().filter(|update| matches!(update, Update::Before(..))) {
        frames.write(&update.encode()).await;
    }
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
    let behind = updates.iter().filter(|update| matches!(update, Update::Behind(..)));
    let mut said: Vec<u8> = behind.flat_map(Update::encode).collect();
    said.extend(encode(WINDOW_UPDATE, 0, 0, &room.to_be_bytes()));
    frames.write(&said).await;
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

/// The streams in the order in which their answers ended.
fn ends(order: &[(u32, bool)]) -> Vec<u32> {
    let ends = order.iter().filter(|(_, is_last)| *is_last);
    ends.map(|(stream, _)| *stream).collect()
}

/// Until the first answer has ended, the others have had a good part of theirs.
fn take_turns(order: &[(u32, bool)], streams: &[u32]) {
    let first = order.iter().position(|(_, is_last)| *is_last).expect("an end");
    for stream in streams {
        let pieces = order[..=first].iter().filter(|(of, _)| of == stream).count();
        assert!(
            pieces * 2 * streams.len() > first,
            "stream {stream} had {pieces} pieces of {first}"
        );
    }
}

/// While there was something of this answer, next to nothing else came.
fn comes_whole(order: &[(u32, bool)], stream: u32) {
    let end = order.iter().position(|one| *one == (stream, true)).expect("an end");
    let others = order[..end].iter().filter(|(of, _)| *of != stream).count();
    assert!(others * 2 < end, "{others} of {end} pieces were of other answers");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_which_nothing_is_said_take_turns() {
    let pair = Pair::tls("").await;
    take_turns(&order(&pair, &["", "", ""], &[]).await, &[3, 5, 7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_more_urgent_comes_first_and_what_is_not_incremental_comes_whole() {
    let pair = Pair::tls("").await;
    let order = order(&pair, &["u=6", "u=0", "u=2"], &[]).await;
    assert_eq!(ends(&order), [5, 7, 3]);
    comes_whole(&order, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_answers_that_are_as_urgent_the_incremental_take_turns_and_the_others_come_whole() {
    let pair = Pair::tls("").await;
    take_turns(&order(&pair, &["u=2, i", "u=2, i", "u=2, i"], &[]).await, &[3, 5, 7]);
    let order = order(&pair, &["u=2", "u=2", "u=2"], &[]).await;
    assert_eq!(ends(&order), [3, 5, 7]);
    comes_whole(&order, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_think_better_of_a_priority_while_the_answer_waits() {
    let pair = Pair::tls("").await;
    let said = [Update::Behind(7, "u=0"), Update::Behind(3, "u=7")];
    let order = order(&pair, &["u=1", "u=2", "u=6"], &said).await;
    assert_eq!(ends(&order), [7, 5, 3]);
    comes_whole(&order, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_has_said_of_a_stream_before_it_began_is_not_forgotten() {
    let pair = Pair::tls("").await;
    let said = [Update::Before(7, "u=0"), Update::Before(3, "u=6")];
    let order = order(&pair, &["u=1", "u=2", "u=3"], &said).await;
    assert_eq!(ends(&order), [7, 5, 3]);
    comes_whole(&order, 7);
}
