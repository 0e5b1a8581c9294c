//! Streams that are begun and given up (E26): by their client (Rapid Reset, CVE-2023-44487), or by us, because the client
//! provokes it (MadeYouReset, CVE-2025-8671). `docs/decisions/e26-reset-streams.md` says how many are too many.

use tokio::time::Instant;

use super::attack::{Attacker, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR, PROTOCOL_ERROR, Poured, STREAM_CLOSED};
use crate::common::app::Step;
use crate::common::beside::{Allowed, beside_a_good_client};
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{
    DATA, END_HEADERS, END_STREAM, Frames, HEADERS, PRIORITY, RST_STREAM, WINDOW_UPDATE, block, encode,
};
use crate::common::{eventually, holds, secs};

/// What thousands of requests may cost that nobody wants.
const ALLOWED: Allowed = Allowed { mib: 24, cpu: secs(4) };

/// Requests of one connection that may reach the app, and come to nothing: what a connection may give up, and those beside it.
const REACH: usize = 1000 + 2 * 256;

/// What a connection may give up in every second.
const A_SECOND: usize = 100;

/// A target whose answer never comes.
const NEVER: &str = "/never";

/// CANCEL (RFC 9113 §7).
const CANCEL: [u8; 4] = 8_u32.to_be_bytes();

async fn pair() -> Pair {
    let pair = Pair::tls("").await;
    pair.blue.on(NEVER, vec![Step::UntilGone]);
    pair.blue.remember_all();
    pair
}

/// A request for [`NEVER`].
fn request(stream: u32) -> Vec<u8> {
    head(stream, "GET", NEVER, END_HEADERS | END_STREAM)
}

fn head(stream: u32, method: &str, target: &str, flags: u8) -> Vec<u8> {
    let fields = block(&[
        (":method", method.as_bytes()),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target.as_bytes()),
    ]);
    encode(HEADERS, flags, stream, &fields)
}

fn cancel(stream: u32) -> Vec<u8> {
    encode(RST_STREAM, 0, stream, &CANCEL)
}

/// How many requests for [`NEVER`] have reached the app.
fn reached(pair: &Pair) -> usize {
    pair.blue.asked(NEVER)
}

/// Everything that the app did for the attacker was cancelled, and that was not much more than may be given up at once.
async fn nothing_is_left(pair: &Pair, since: Instant) {
    let reached = pair.blue.works_for_none(NEVER).await;
    let most = REACH + A_SECOND * (since.elapsed().as_secs() as usize + 1);
    assert!(reached <= most, "{reached} requests have reached the app, of {most}");
}

/// Sends `burst` for stream after stream until the connection has ended, which it has to because of so many. All of them may fit into
/// what the kernel keeps for a door that is slow.
async fn until_ended(attacker: &mut Attacker, most: u32, burst: impl Fn(u32) -> Vec<u8>) {
    for n in 0..most {
        if attacker.is_over() || attacker.pour(&burst(2 * n + 1)).await != Poured::Taken {
            break;
        }
    }
    assert_eq!(attacker.end().await, Some(ENHANCE_YOUR_CALM));
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_requests_that_are_reset_in_the_same_flight() {
    let pair = pair().await;
    let since = Instant::now();
    beside_a_good_client(&pair, ALLOWED, async {
        let mut attacker = Attacker::hearing(&pair).await;
        until_ended(&mut attacker, 20, |n| {
            // A thousand streams for each of the others' one.
            let streams = (0..1000).map(|m| 1000 * (n - 1) + 2 * m + 1);
            streams
                .flat_map(|stream| [request(stream), cancel(stream)].concat())
                .collect()
        })
        .await;
    })
    .await;
    nothing_is_left(&pair, since).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_requests_that_are_reset_once_the_app_works_for_them() {
    let pair = pair().await;
    let since = Instant::now();
    beside_a_good_client(&pair, ALLOWED, async {
        let mut attacker = Attacker::hearing(&pair).await;
        let mut stream = 1;
        for round in 0.. {
            assert!(round < 60, "nobody ends it");
            let streams: Vec<u32> = (0..200).map(|n| stream + 2 * n).collect();
            stream += 400;
            let already = reached(&pair);
            let requests: Vec<u8> = streams.iter().flat_map(|stream| request(*stream)).collect();
            attacker.pour(&requests).await;
            eventually(secs(30), || async {
                let is_on = attacker.is_over() || reached(&pair) >= already + 200;
                holds(is_on, || format!("{} of 200", reached(&pair) - already))
            })
            .await;
            let resets: Vec<u8> = streams.iter().flat_map(|stream| cancel(*stream)).collect();
            attacker.pour(&resets).await;
            if attacker.is_over() {
                break;
            }
        }
        assert_eq!(attacker.end().await, Some(ENHANCE_YOUR_CALM));
    })
    .await;
    nothing_is_left(&pair, since).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_uploads_that_are_reset() {
    let pair = pair().await;
    let since = Instant::now();
    beside_a_good_client(&pair, ALLOWED, async {
        let mut attacker = Attacker::hearing(&pair).await;
        until_ended(&mut attacker, 20_000, |stream| {
            let begin = head(stream, "POST", NEVER, END_HEADERS);
            [begin, encode(DATA, 0, stream, &[b'x'; 64]), cancel(stream)].concat()
        })
        .await;
    })
    .await;
    nothing_is_left(&pair, since).await;
}

/// A client that makes us reset its own streams by RST_STREAM with this code, with this frame behind a request, until that is too much.
async fn made_us_reset(code: u32, provocation: impl Fn(u32) -> Vec<u8>) {
    let pair = pair().await;
    let since = Instant::now();
    beside_a_good_client(&pair, ALLOWED, async {
        // One such frame costs its stream alone, by this code, and the app's work for it.
        let mut attacker = Attacker::hearing(&pair).await;
        attacker.pour(&request(1)).await;
        pair.blue.reached(NEVER).await;
        attacker.pour(&provocation(1)).await;
        attacker
            .hears("reset", |heard| !heard.resets.is_empty() || heard.goaway.is_some())
            .await;
        attacker.heard(|heard| assert_eq!((&heard.resets, heard.goaway), (&[(code, 1)].into(), None)));
        until_ended(&mut attacker, 20_000, |before| {
            let stream = before + 2;
            [request(stream), provocation(stream)].concat()
        })
        .await;
    })
    .await;
    nothing_is_left(&pair, since).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_resets_provoked_by_window_updates_of_nothing() {
    made_us_reset(PROTOCOL_ERROR, |stream| encode(WINDOW_UPDATE, 0, stream, &[0; 4])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_resets_provoked_by_windows_that_overflow() {
    let most = 0x7fff_ffff_u32.to_be_bytes();
    made_us_reset(FLOW_CONTROL_ERROR, |stream| encode(WINDOW_UPDATE, 0, stream, &most)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_resets_provoked_by_priorities_of_a_stream_over_itself() {
    made_us_reset(PROTOCOL_ERROR, |stream| {
        let payload = [&stream.to_be_bytes()[..], &[15]].concat();
        encode(PRIORITY, 0, stream, &payload)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_resets_provoked_by_data_behind_the_end() {
    made_us_reset(STREAM_CLOSED, |stream| encode(DATA, 0, stream, b"more")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_resets_provoked_by_a_second_head() {
    made_us_reset(STREAM_CLOSED, request).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_a_browser_that_cancels_many_downloads_keeps_its_connection() {
    let pair = Pair::tls("").await;
    let endless = vec![
        crate::common::app::send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun"),
        Step::UntilGone,
    ];
    pair.blue.on("/image", endless);
    let mut attacker = Attacker::hearing(&pair).await;
    let mut stream = 1;
    for _ in 0..5 {
        let streams: Vec<u32> = (0..100).map(|n| stream + 2 * n).collect();
        stream += 200;
        let requests = streams
            .iter()
            .flat_map(|stream| head(*stream, "GET", "/image", END_HEADERS | END_STREAM));
        assert_eq!(attacker.pour(&requests.collect::<Vec<_>>()).await, Poured::Taken);
        let last = *streams.last().expect("a stream");
        attacker
            .hears("begun", |heard| {
                streams.iter().all(|stream| heard.heads.contains_key(stream))
            })
            .await;
        let resets: Vec<u8> = streams.iter().flat_map(|stream| cancel(*stream)).collect();
        assert_eq!(attacker.pour(&resets).await, Poured::Taken);
        // A page beside them.
        attacker
            .pour(&head(last + 2, "GET", "/who", END_HEADERS | END_STREAM))
            .await;
        attacker
            .hears("answered", |heard| heard.heads.contains_key(&(last + 2)))
            .await;
        stream += 2;
    }
    // As many again that are given up before we have looked at them: the machine was busy.
    let flight: Vec<u8> = (0..200)
        .map(|n| stream + 2 * n)
        .flat_map(|stream| [head(stream, "GET", "/image", END_HEADERS | END_STREAM), cancel(stream)].concat())
        .collect();
    assert_eq!(attacker.pour(&flight).await, Poured::Taken);
    stream += 400;
    attacker
        .pour(&head(stream, "GET", "/who", END_HEADERS | END_STREAM))
        .await;
    attacker
        .hears("answered", |heard| heard.heads.contains_key(&stream))
        .await;
    assert_eq!(attacker.heard(|heard| (heard.goaway, heard.ended)), (None, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn e26_work_is_cancelled_with_its_stream() {
    let pair = pair().await;
    let mut frames = Frames::connect(&pair.door, HOST).await;
    frames.write(&request(1)).await;
    pair.blue.reached(NEVER).await;
    assert_eq!(pair.blue.given_up(NEVER), 0);
    frames.write(&cancel(1)).await;
    assert_eq!(pair.blue.works_for_none(NEVER).await, 1);
}
