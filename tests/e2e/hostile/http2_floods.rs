//! Frames without end (E27): each is a few bytes, and costs its sender nothing. `docs/decisions/e27-floods-over-http2.md` says which end
//! their connection, and which are merely cheap.

use super::attack::{Attacker, ENHANCE_YOUR_CALM, Poured};
use crate::common::app::Step;
use crate::common::beside::{Allowed, beside_a_good_client};
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, SETTINGS, WINDOW_UPDATE, block, encode,
};
use crate::common::{eventually, holds, secs};

/// What a connection's floods may cost.
const LITTLE: Allowed = Allowed { mib: 6, cpu: secs(1) };

/// Streams that a flood holds open.
const HELD: u32 = 20;

/// A kind that RFC 9113 does not know.
const UNKNOWN: u8 = 0xfa;

/// `GET TARGET`.
fn head(target: &str) -> Vec<u8> {
    block(&[
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target.as_bytes()),
    ])
}

/// The same frame, a thousand times.
fn thousand(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    encode(kind, flags, stream, payload).repeat(1000)
}

/// A target whose answer never comes.
const NEVER: &str = "/never";

/// Over TLS, with an app that answers [`NEVER`] never.
async fn pair() -> Pair {
    let pair = Pair::tls("").await;
    pair.blue.on(NEVER, vec![Step::UntilGone]);
    pair.blue.remember_all();
    pair
}

/// A connection that has to be ended, for this reason. What it began before is cancelled with it, so often.
async fn is_ended_with(pair: &Pair, begin: &[u8], flood: &[u8], begun: usize) {
    let before = pair.blue.works_for_none(NEVER).await;
    let cut = || {
        pair.door
            .access_log()
            .matches("\"client: HTTP/2 connection error\"")
            .count()
    };
    let cut_before = cut();
    beside_a_good_client(pair, LITTLE, async {
        let mut attacker = Attacker::hearing(pair).await;
        attacker.pour(begin).await;
        eventually(secs(10), || async {
            let reached = pair.blue.asked(NEVER) - before;
            holds(reached == begun, || {
                format!("{reached} of {begun} have reached the app")
            })
        })
        .await;
        while !attacker.is_over() && attacker.pour(flood).await == Poured::Taken {}
        // GOAWAY may be lost behind answers that were on their way when the connection ended; the log has it in any case.
        let code = attacker.end().await;
        assert!(matches!(code, None | Some(ENHANCE_YOUR_CALM)), "{code:?}");
        assert_eq!(pair.blue.works_for_none(NEVER).await, before + begun);
    })
    .await;
    pair.door.says("ENHANCE_YOUR_CALM").await;
    // The log of the daemon is told once in a while; that of requests has all of them, and why.
    eventually(secs(30), || async {
        let cut = cut() - cut_before;
        holds(cut == begun, || format!("{cut} of {begun} were ended by the door"))
    })
    .await;
    // Whatever it sends, it fills no disk.
    let lines = pair.door.process().log().text().lines().count();
    assert!(lines < 50, "{lines} lines in the log");
}

/// A connection that has to be ended, with nothing under way or with streams that it holds open.
async fn is_ended(pair: &Pair, flood: &[u8]) {
    is_ended_with(pair, b"", flood, 0).await;
    let begin: Vec<u8> = (0..HELD)
        .flat_map(|n| encode(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head(NEVER)))
        .collect();
    is_ended_with(pair, &begin, flood, HELD as usize).await;
}

/// A connection whose client reads nothing: it is not read either, long before a megabyte of answers is kept for it.
async fn is_held_back(pair: &Pair, flood: &[u8]) {
    beside_a_good_client(pair, LITTLE, async {
        let mut attacker = Attacker::deaf(pair).await;
        let poured = attacker.pour_times(flood, 2000).await;
        assert_ne!(poured, Poured::Taken, "{} bytes were taken", 2000 * flood.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_a_head_whose_continuations_never_end() {
    let pair = pair().await;
    let more = thousand(CONTINUATION, 0, 1, &block(&[("x-field", b"value")]));
    let begin = encode(HEADERS, END_STREAM, 1, &head(NEVER));
    is_ended_with(&pair, &begin, &more, 0).await;
    let empty = thousand(CONTINUATION, 0, 1, b"");
    is_ended_with(&pair, &begin, &empty, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_settings_without_end() {
    let pair = pair().await;
    // SETTINGS_INITIAL_WINDOW_SIZE, up and down.
    let (up, down) = ([0, 4, 0, 1, 0, 0], [0, 4, 0, 0, 255, 255]);
    let flood = [encode(SETTINGS, 0, 0, &up), encode(SETTINGS, 0, 0, &down)]
        .concat()
        .repeat(500);
    is_ended(&pair, &flood).await;
    is_ended(&pair, &thousand(SETTINGS, 0, 0, b"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_settings_of_a_client_that_reads_no_acknowledgement() {
    let pair = Pair::tls("").await;
    is_held_back(&pair, &thousand(SETTINGS, 0, 0, b"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_pings_without_end() {
    let pair = pair().await;
    is_ended(&pair, &thousand(PING, 0, 0, b"12345678")).await;
    // Answers to questions that nobody asked.
    is_ended(&pair, &thousand(PING, 1, 0, b"12345678")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_pings_of_a_client_that_reads_no_answer() {
    let pair = Pair::tls("").await;
    is_held_back(&pair, &thousand(PING, 0, 0, b"12345678")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_data_without_a_byte() {
    let pair = pair().await;
    // An upload without an end.
    let begin = encode(HEADERS, END_HEADERS, 1, &head(NEVER));
    is_ended_with(&pair, &begin, &thousand(DATA, 0, 1, b""), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_priorities_without_end() {
    let pair = pair().await;
    is_ended(&pair, &thousand(PRIORITY, 0, 3, &[0, 0, 0, 1, 15])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_frames_of_an_unknown_kind_without_end() {
    let pair = pair().await;
    is_ended(&pair, &thousand(UNKNOWN, 0, 0, b"")).await;
    is_ended(&pair, &thousand(UNKNOWN, 0, 0, &[0; 16])).await;
}

/// Downloads bring many of them, the last ones behind the end of their stream, and no rate tells an attack from a fast client.
#[tokio::test(flavor = "multi_thread")]
async fn e27_window_updates_without_end_are_cheap() {
    let pair = Pair::tls("").await;
    beside_a_good_client(&pair, LITTLE, async {
        let mut attacker = Attacker::hearing(&pair).await;
        for (of, next) in [(0, 1), (1, 3)] {
            let flood = thousand(WINDOW_UPDATE, 0, of, &1_u32.to_be_bytes());
            assert_eq!(attacker.pour_times(&flood, 50).await, Poured::Taken);
            attacker
                .pour(&encode(HEADERS, END_HEADERS | END_STREAM, next, &head("/who")))
                .await;
            attacker
                .hears("answered", |heard| heard.heads.contains_key(&next))
                .await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_what_clients_do_send_ends_nothing() {
    let pair = Pair::tls("").await;
    let mut attacker = Attacker::hearing(&pair).await;
    for stream in (1..400).step_by(2) {
        // As much as a client asks and says that measures its line all the time.
        let beside = [
            encode(PING, 0, 0, b"12345678").repeat(10),
            encode(PRIORITY, 0, stream, &[0, 0, 0, 0, 15]),
            encode(UNKNOWN, 0, stream, b"a=b"),
            encode(HEADERS, END_HEADERS | END_STREAM, stream, &head("/who")),
        ];
        assert_eq!(attacker.pour(&beside.concat()).await, Poured::Taken);
        attacker
            .hears("answered", |heard| heard.heads.contains_key(&stream))
            .await;
    }
    assert_eq!(attacker.heard(|heard| heard.goaway), None);
}
