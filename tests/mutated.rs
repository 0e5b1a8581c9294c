//! Requests with something wrong in them, through the whole door: whatever it makes of the bytes, it lives on, and the app sees
//! no request whose client got no answer. `SEED=` replays one.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    reason = "tests panic freely, and use a part of what the codec's tests generate"
)]

mod common;
#[path = "http1_codec/generated.rs"]
mod generated;

use common::fixture::Pair;
use common::{count, secs};
use fastrand::Rng;
use generated::mutated;

const SEEDS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: app.test\r\nAccept: */*\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: app.test\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST /b HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
    b"HEAD /c?d=e HTTP/1.1\r\nHost: app.test:80\r\nCookie: a=b; c=d\r\nConnection: close\r\n\r\n",
    b"GET /1 HTTP/1.1\r\nHost: app.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n",
    b"PUT /f HTTP/1.1\r\nHost: app.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /g HTTP/1.0\r\nHost: app.test\r\nConnection: keep-alive\r\n\r\n",
];

/// Final answers in what a client read to the end. Bodies here hold no status line.
fn answers(read: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(read);
    text.match_indices("HTTP/1.1 ")
        .filter(|(at, _)| !text[at + 9..].starts_with('1'))
        .count() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_requests_reach_no_app_without_an_answer() {
    let pair = Pair::plain("").await;
    let first: u64 = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let rounds = if std::env::var_os("SEED").is_some() {
        1
    } else {
        count(2_000, 10_000) as u64
    };
    let (mut answered, mut reached) = (0, 0);
    // An app may count a request whose client gave up only after that client has been answered: in the next round.
    let mut late = 0;
    for seed in first..first + rounds {
        let bytes = mutated(&mut Rng::with_seed(seed), SEEDS);
        let before = pair.blue.requests();
        let mut client = pair.door.plain().await;
        client.incoming.patience = secs(15);
        // The door may have closed before everything was sent.
        let _ = client.send(&bytes).await;
        let _ = client.half_close().await;
        let shown = String::from_utf8_lossy(&bytes);
        let read = client
            .until_end()
            .await
            .unwrap_or_else(|broken| panic!("SEED={seed}: {broken}: {shown:?}"));
        let saw = pair.blue.requests() - before;
        let got = answers(&read);
        assert!(
            saw <= got + late,
            "SEED={seed}: the app saw {saw} requests, the client got {got} answers to {shown:?}"
        );
        late = got.saturating_sub(saw);
        reached += saw;
        answered += got;
    }
    assert!(reached <= answered, "{reached} {answered}");
    // Otherwise this would prove nothing.
    assert!(
        std::env::var_os("SEED").is_some() || (reached > rounds / 10 && answered > reached),
        "{reached} {answered}"
    );
    assert_eq!(pair.get("/").await.status, 200);
}
