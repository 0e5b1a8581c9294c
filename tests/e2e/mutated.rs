//! Requests with something wrong in them, through the whole door: whatever it makes of the bytes, it lives on, and the app sees
//! no request whose client got no answer. `SEED=` replays one.

#[path = "../http1_codec/generated.rs"]
#[allow(dead_code, reason = "a part of what the codec's tests generate")]
mod generated;

use std::collections::HashMap;
use std::net::Ipv4Addr;

use crate::common::client::Client;
use crate::common::fixture::Pair;
use crate::common::{count, eventually, holds, secs};
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
    pair.blue.remember_all();
    let mut answered = HashMap::new();
    for seed in first..first + rounds {
        let bytes = mutated(&mut Rng::with_seed(seed), SEEDS);
        let mut client = Client::plain_from(client_of(seed), pair.door.http()).await.unwrap();
        client.incoming.patience = secs(15);
        // The door may have closed before everything was sent.
        let _ = client.send(&bytes).await;
        let _ = client.half_close().await;
        let read = client
            .until_end()
            .await
            .unwrap_or_else(|broken| panic!("SEED={seed}: {broken}: {:?}", String::from_utf8_lossy(&bytes)));
        answered.insert(client_of(seed).to_string(), (seed, answers(&read)));
    }
    assert_eq!(pair.get("/").await.status, 200);
    // An app may see a request after its client has given up: whatever is on its way has arrived when nobody is connected to it.
    pair.door.sigterm();
    pair.door.end(secs(90)).await;
    eventually(secs(10), || async {
        let open = pair.blue.open_connections();
        holds(open == 0, || format!("{open} connections to the app are open"))
    })
    .await;
    let mut reached: HashMap<String, u64> = HashMap::new();
    for seen in pair.blue.seen() {
        *reached
            .entry(seen.head.fields.get("x-real-ip").unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    for (client, (seed, got)) in &answered {
        let saw = reached.get(client).copied().unwrap_or_default();
        assert!(
            saw <= *got,
            "SEED={seed}: the app saw {saw} requests, the client got {got} answers to {:?}",
            String::from_utf8_lossy(&mutated(&mut Rng::with_seed(*seed), SEEDS))
        );
    }
    // Otherwise this would prove nothing.
    let known = reached.keys().filter(|client| answered.contains_key(*client)).count() as u64;
    assert!(
        std::env::var_os("SEED").is_some() || known > rounds / 10,
        "of {rounds} clients the app saw {known}"
    );
}

/// An address of the loopback for each seed.
fn client_of(seed: u64) -> Ipv4Addr {
    let [.., high, low] = seed.to_be_bytes();
    Ipv4Addr::new(127, 77, high, low)
}
