//! Crowds of clients that are slow, silent, or ask for too much (E22 to E25, E29), beside one that behaves: what they cost while they are
//! there, and that the app works for none of them afterwards.

use std::future::Future;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::nothing_is_left;
use crate::common::app::Step;
use crate::common::beside::{Allowed, beside_a_good_client};
use crate::common::client::{Client, connect, tls};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, HEADERS, Heads, block, encode, field, integer, literal,
};
use crate::common::wire::Wire;
use crate::common::{count, ms, secs};

/// Long enough for a client that behaves on a machine that does ten other things.
const TIMES: &str = "handshake=2000,head=2000,pace=1500,look_after_client=50,idle=60000";
/// The same for what the client owes.
const IDLE: &str = "timeout.idle = \"3s\"\n";
/// Whatever is to end, ends within this.
const PATIENCE: std::time::Duration = secs(12);
/// A target whose answer never comes.
const NEVER: &str = "/never";

/// What so many may cost: a constant for each, and what a daemon needs once.
fn each(number: usize, kib: u64, cpu: std::time::Duration) -> Allowed {
    Allowed {
        mib: 4 + number as u64 * kib / 1024,
        cpu: ms(500) + cpu * number as u32,
    }
}

/// Runs so many at once, all to their ends.
async fn crowd<F: Future<Output = ()> + Send + 'static>(number: usize, one: impl Fn(usize) -> F) {
    let mut all = JoinSet::new();
    for index in 0..number {
        all.spawn(one(index));
    }
    while let Some(one) = all.join_next().await {
        one.expect("what it is due");
    }
}

/// Sends `begin`, then `more` again and again, until the door ends the connection: what it has said.
async fn dribble(mut wire: Wire, begin: &[u8], more: &[u8], pause: std::time::Duration) -> Vec<u8> {
    let (began, mut said) = (Instant::now(), Vec::new());
    let _ = wire.write_all(begin).await;
    loop {
        // Whoever has closed takes no more.
        let _ = wire.write_all(more).await;
        let _ = wire.flush().await;
        if let Ok(Ok(0) | Err(_)) = tokio::time::timeout(pause, wire.read_buf(&mut said)).await {
            return said;
        }
        assert!(began.elapsed() < PATIENCE, "every byte gives it more time");
    }
}

async fn plain(address: SocketAddr) -> Wire {
    Wire::Tcp(connect(address).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_a_crowd_of_slow_heads_costs_little_and_nobody_beside_it_notices() {
    let number = count(100, 1000);
    let pair = Pair::plain(IDLE).hasty(TIMES).await;
    let address = pair.door.http();
    beside_a_good_client(&pair, each(number, 24, ms(5)), async {
        crowd(number, |_| async move {
            let begin = format!("GET {NEVER} HTTP/1.1\r\nHost: {PLAIN}\r\nX-Long: ");
            let said = dribble(plain(address).await, begin.as_bytes(), b"x", ms(100)).await;
            assert!(
                said.starts_with(b"HTTP/1.1 408 "),
                "{:?}",
                String::from_utf8_lossy(&said)
            );
        })
        .await;
    })
    .await;
    assert_eq!(pair.blue.asked(NEVER), 0);
    nothing_is_left(&pair.door, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e22_a_crowd_of_slow_handshakes_costs_little_and_nobody_beside_it_notices() {
    let number = count(100, 1000);
    let pair = Pair::tls(IDLE).hasty(TIMES).await;
    let address = pair.door.https();
    beside_a_good_client(&pair, each(number, 24, ms(5)), async {
        crowd(number, |_| async move {
            let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
            let said = dribble(plain(address).await, &hello, &[7], ms(100)).await;
            assert!(said.is_empty() || said[0] == 21, "an alert at most: {said:02x?}");
        })
        .await;
    })
    .await;
    nothing_is_left(&pair.door, 0).await;
}

/// How a head over HTTP/2 may be slow.
#[derive(Debug, Clone, Copy)]
enum Slow {
    /// In many frames.
    Continued,
    /// The same, beside a stream for which the app works.
    Beside,
    /// In one frame, by its bytes.
    Dribbled,
}

/// The head of the second request, so that the time in which a connection has to begin has nothing to do with it.
#[tokio::test(flavor = "multi_thread")]
async fn e22_a_crowd_of_slow_heads_over_http2_costs_little_and_its_work_is_cancelled() {
    let number = count(42, 420);
    let pair = Pair::tls(IDLE).hasty(TIMES).await;
    pair.blue.on(NEVER, vec![Step::UntilGone]);
    pair.blue.remember_all();
    let (address, trust) = (pair.door.https(), pair.door.trust(&["h2"]));
    beside_a_good_client(&pair, each(number, 128, ms(20)), async {
        crowd(number, |index| {
            let slow = [Slow::Continued, Slow::Beside, Slow::Dribbled][index % 3];
            let trust = trust.clone();
            async move {
                let mut frames = Frames::begin(tls(address, HOST, &trust).await.unwrap()).await;
                frames.request(1, &get("/who"), true).await;
                assert_eq!(frames.until_end(1).await[0].status(), Some(200));
                if matches!(slow, Slow::Beside) {
                    frames.request(3, &get(NEVER), true).await;
                }
                // Long before its frames are too many.
                let head = encode(HEADERS, END_STREAM, 5, &block(&get("/slow-head")));
                let more = encode(CONTINUATION, 0, 5, &block(&[("x", b"y")]));
                let (begin, more) = match slow {
                    Slow::Continued | Slow::Beside => (&head[..], &more[..]),
                    Slow::Dribbled => head.split_at(12),
                };
                frames.write(begin).await;
                let mut more = more
                    .chunks(if matches!(slow, Slow::Dribbled) { 1 } else { more.len() })
                    .cycle();
                let began = Instant::now();
                loop {
                    assert!(began.elapsed() < PATIENCE, "{slow:?}: each part gives it more time");
                    frames.write(more.next().expect("more")).await;
                    if let Ok(None) = tokio::time::timeout(ms(300), frames.next(&mut 0)).await {
                        return;
                    }
                }
            }
        })
        .await;
    })
    .await;
    assert_eq!(pair.blue.asked("/slow-head"), 0);
    assert_eq!(pair.blue.works_for_none(NEVER).await, number / 3);
    nothing_is_left(&pair.door, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_crowd_of_slow_bodies_costs_little_and_its_work_is_cancelled() {
    let number = count(100, 1000);
    let pair = Pair::plain(IDLE).hasty(TIMES).await;
    pair.blue.on(NEVER, vec![Step::UntilGone]);
    pair.blue.remember_all();
    let address = pair.door.http();
    beside_a_good_client(&pair, each(number, 48, ms(10)), async {
        crowd(number, |index| async move {
            let (framing, more) = if index % 2 == 0 {
                ("Content-Length: 100000", &b"x"[..])
            } else {
                ("Transfer-Encoding: chunked", &b"1\r\nx\r\n"[..])
            };
            let begin = format!("POST {NEVER} HTTP/1.1\r\nHost: {PLAIN}\r\n{framing}\r\n\r\n");
            let said = dribble(plain(address).await, begin.as_bytes(), more, ms(100)).await;
            assert!(
                said.starts_with(b"HTTP/1.1 408 "),
                "{:?}",
                String::from_utf8_lossy(&said)
            );
        })
        .await;
    })
    .await;
    assert_eq!(pair.blue.works_for_none(NEVER).await, number);
    nothing_is_left(&pair.door, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_crowd_of_slow_bodies_over_http2_costs_little_and_its_work_is_cancelled() {
    let number = count(40, 400);
    let pair = Pair::tls(IDLE).hasty(TIMES).await;
    pair.blue.on(NEVER, vec![Step::UntilGone]);
    pair.blue.remember_all();
    let (address, trust) = (pair.door.https(), pair.door.trust(&["h2"]));
    beside_a_good_client(&pair, each(number, 128, ms(20)), async {
        crowd(number, |_| {
            let trust = trust.clone();
            async move {
                let mut frames = Frames::begin(tls(address, HOST, &trust).await.unwrap()).await;
                let mut fields = get(NEVER);
                fields[0].1 = b"POST";
                frames.request(1, &fields, false).await;
                let (began, mut heads) = (Instant::now(), Heads::default());
                loop {
                    assert!(began.elapsed() < PATIENCE, "every frame gives it more time");
                    frames.send(DATA, 0, 1, b"x").await;
                    let head = tokio::time::timeout(ms(100), frames.head(&mut heads, 1)).await;
                    if let Ok(head) = head {
                        assert_eq!(field(&head, ":status"), Some("408"));
                        return;
                    }
                }
            }
        })
        .await;
    })
    .await;
    assert_eq!(pair.blue.works_for_none(NEVER).await, number);
}

/// Answers of which the client takes next to nothing, far larger than what everybody on the way takes.
const LARGE: &str = "/stream?chunks=1000&size=65536&ms=0";

#[tokio::test(flavor = "multi_thread")]
async fn e23_a_crowd_of_slow_readers_costs_little_and_its_work_is_cancelled() {
    let number = count(30, 200);
    let pair = Pair::plain(IDLE).hasty(TIMES).await;
    pair.blue.remember_all();
    let address = pair.door.http();
    beside_a_good_client(&pair, each(number, 320, ms(25)), async {
        let mut all = Vec::new();
        for _ in 0..number {
            let mut client = Client::narrow(address).await.unwrap();
            client
                .send(format!("GET {LARGE} HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n"))
                .await
                .unwrap();
            all.push(client);
        }
        let sips = async {
            loop {
                for client in &mut all {
                    let _ = tokio::time::timeout(ms(1), client.incoming.wire.read_u8()).await;
                }
                tokio::time::sleep(ms(20)).await;
            }
        };
        tokio::select! {
            () = sips => {}
            _ = pair.door.logged("\"client: stopped reading\"", number) => {}
        }
    })
    .await;
    assert_eq!(pair.blue.works_for_none("/stream").await, number);
    nothing_is_left(&pair.door, 0).await;
}

/// `GET target`.
fn get(target: &str) -> Vec<(&'static str, &[u8])> {
    vec![
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target.as_bytes()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn e24_a_crowd_of_heads_over_the_bounds_costs_little_and_no_app_hears_of_it() {
    let (number, rounds) = (count(20, 100), 10);
    let pair = Pair::plain("").await;
    let address = pair.door.http();
    let (fields, bytes) = ("a: b\r\n".repeat(101), format!("a: {}\r\n", "x".repeat(70 * 1024)));
    beside_a_good_client(&pair, each(number, 160, ms(5) * rounds), async {
        crowd(number, |index| {
            let much = if index % 2 == 0 { fields.clone() } else { bytes.clone() };
            async move {
                for _ in 0..rounds {
                    let mut client = Client::plain(address).await.unwrap();
                    let head = format!("GET {NEVER} HTTP/1.1\r\nHost: {PLAIN}\r\n{much}\r\n");
                    client.send(head).await.unwrap();
                    assert_eq!(client.response("GET").await.unwrap().status, 431);
                }
            }
        })
        .await;
    })
    .await;
    assert_eq!(pair.blue.asked(NEVER), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e24_a_crowd_of_heads_over_the_bounds_over_http2_costs_little_and_no_app_hears_of_it() {
    let (number, rounds) = (count(10, 100), 20);
    let pair = Pair::tls("").await;
    let (address, trust) = (pair.door.https(), pair.door.trust(&["h2"]));
    // Fields one by one; and a few references to a large one, as the first entry of the dynamic table.
    let many = [block(&get(NEVER)), block(&[("a", b"b")]).repeat(105)].concat();
    let seed = literal(0x40, "x-seed", &[b'x'; 3900]);
    let large = [block(&get(NEVER)), seed, integer(0x80, 7, 62).repeat(18)].concat();
    beside_a_good_client(&pair, each(number, 320, ms(40)), async {
        crowd(number, |index| {
            let trust = trust.clone();
            let head = if index % 2 == 0 { many.clone() } else { large.clone() };
            async move {
                let mut frames = Frames::begin(tls(address, HOST, &trust).await.unwrap()).await;
                let mut heads = Heads::default();
                for stream in (1..).step_by(2).take(rounds) {
                    frames.send(HEADERS, END_STREAM | END_HEADERS, stream, &head).await;
                    let head = frames.head(&mut heads, stream).await;
                    assert_eq!(field(&head, ":status"), Some("431"));
                }
            }
        })
        .await;
    })
    .await;
    assert_eq!(pair.blue.asked(NEVER), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn e25_a_crowd_of_bodies_over_the_limit_costs_little_and_its_work_is_cancelled() {
    let number = count(40, 400);
    let pair = Pair::plain("limit.body = 100000\n").await;
    pair.blue.on(NEVER, vec![Step::UntilGone]);
    pair.blue.remember_all();
    let address = pair.door.http();
    let chunks = [b"3e8\r\n", &vec![b'x'; 1000][..], b"\r\n"].concat().repeat(200);
    beside_a_good_client(&pair, each(number, 96, ms(15)), async {
        crowd(number, |index| {
            let chunks = chunks.clone();
            async move {
                let mut client = Client::plain(address).await.unwrap();
                let (framing, body) = if index % 2 == 0 {
                    ("Content-Length: 1000000000", &[b'x'; 1000][..])
                } else {
                    ("Transfer-Encoding: chunked", &chunks[..])
                };
                client
                    .send(format!("POST {NEVER} HTTP/1.1\r\nHost: {PLAIN}\r\n{framing}\r\n\r\n"))
                    .await
                    .unwrap();
                client.send(body).await.unwrap();
                assert_eq!(client.response("POST").await.unwrap().status, 413);
            }
        })
        .await;
    })
    .await;
    // The length of the others was known before an app had heard of them.
    assert_eq!(pair.blue.works_for_none(NEVER).await, number / 2);
}

/// A silent client that comes again whenever it is closed, but not at once: how often it was.
async fn comes_again(address: SocketAddr, pause: std::time::Duration) {
    loop {
        let mut silent: TcpStream = connect(address).await.unwrap();
        let _ = silent.read(&mut [0; 64]).await;
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e29_a_crowd_of_silent_clients_takes_all_places_and_nobody_beside_it_notices() {
    let (places, number) = (300, 400);
    let server = format!("max_connections = {places}");
    let pair = Pair::plain_with(&server, "").await;
    let address = pair.door.http();
    beside_a_good_client(&pair, each(number, 24, ms(5)), async {
        let mut all = JoinSet::new();
        for _ in 0..number {
            all.spawn(comes_again(address, secs(4)));
            // A third of the places in a second: those who wait for one have no reason to take it from who has just come.
            tokio::time::sleep(ms(10)).await;
        }
        let status = pair.door.status().await;
        assert!(
            status.connections >= places * 9 / 10,
            "{} connections",
            status.connections
        );
        tokio::time::sleep(secs(1)).await;
        assert!(all.try_join_next().is_none(), "a silent client was not let in");
        all.shutdown().await;
    })
    .await;
    pair.door
        .says("as many connections are open as `max_connections` lets")
        .await;
}
