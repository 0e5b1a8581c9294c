//! Frames without end (E27): each is a few bytes, and costs its sender nothing. `docs/decisions/e27-floods-over-http2.md` says which end
//! their connection, and which are merely cheap.

use super::attack::{Allowed, Attacker, ENHANCE_YOUR_CALM, Poured, beside_a_good_client};
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, SETTINGS, WINDOW_UPDATE, block, encode,
};
use crate::common::{eventually, holds, secs};

/// What a connection's floods may cost.
const LITTLE: Allowed = Allowed { mib: 6, cpu: secs(1) };

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

/// A connection that has to be ended, for this reason.
async fn is_ended(pair: &Pair, begin: &[u8], flood: &[u8]) {
    beside_a_good_client(pair, LITTLE, async {
        let mut attacker = Attacker::hearing(pair).await;
        attacker.pour(begin).await;
        while !attacker.is_over() && attacker.pour(flood).await == Poured::Taken {}
        // GOAWAY may be lost behind answers that were on their way when the connection ended; the log has it in any case.
        let code = attacker.end().await;
        assert!(matches!(code, None | Some(ENHANCE_YOUR_CALM)), "{code:?}");
    })
    .await;
    eventually(secs(10), || async {
        let log = pair.door.process().log().text();
        holds(log.contains("ENHANCE_YOUR_CALM"), || log)
    })
    .await;
    // Whatever it sends, it fills no disk.
    let lines = pair.door.process().log().text().lines().count();
    assert!(lines < 50, "{lines} lines in the log");
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
    let pair = Pair::tls("").await;
    let more = thousand(CONTINUATION, 0, 1, &block(&[("x-field", b"value")]));
    is_ended(&pair, &encode(HEADERS, END_STREAM, 1, &head("/never")), &more).await;
    let empty = thousand(CONTINUATION, 0, 1, b"");
    is_ended(&pair, &encode(HEADERS, END_STREAM, 1, &head("/never")), &empty).await;
    assert!(!pair.blue.targets().contains(&"GET /never".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_settings_without_end() {
    let pair = Pair::tls("").await;
    // SETTINGS_INITIAL_WINDOW_SIZE, up and down.
    let (up, down) = ([0, 4, 0, 1, 0, 0], [0, 4, 0, 0, 255, 255]);
    let flood = [encode(SETTINGS, 0, 0, &up), encode(SETTINGS, 0, 0, &down)]
        .concat()
        .repeat(500);
    is_ended(&pair, b"", &flood).await;
    is_ended(&pair, b"", &thousand(SETTINGS, 0, 0, b"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_settings_of_a_client_that_reads_no_acknowledgement() {
    let pair = Pair::tls("").await;
    is_held_back(&pair, &thousand(SETTINGS, 0, 0, b"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_pings_without_end() {
    let pair = Pair::tls("").await;
    is_ended(&pair, b"", &thousand(PING, 0, 0, b"12345678")).await;
    // Answers to questions that nobody asked.
    is_ended(&pair, b"", &thousand(PING, 1, 0, b"12345678")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_pings_of_a_client_that_reads_no_answer() {
    let pair = Pair::tls("").await;
    is_held_back(&pair, &thousand(PING, 0, 0, b"12345678")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_data_without_a_byte() {
    let pair = Pair::tls("").await;
    let begin = encode(HEADERS, END_HEADERS, 1, &head("/echo"));
    is_ended(&pair, &begin, &thousand(DATA, 0, 1, b"")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_priorities_without_end() {
    let pair = Pair::tls("").await;
    is_ended(&pair, b"", &thousand(PRIORITY, 0, 3, &[0, 0, 0, 1, 15])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_frames_of_an_unknown_kind_without_end() {
    let pair = Pair::tls("").await;
    is_ended(&pair, b"", &thousand(UNKNOWN, 0, 0, b"")).await;
    is_ended(&pair, b"", &thousand(UNKNOWN, 0, 0, &[0; 16])).await;
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
