//! More connections than there are places (E29): who gets one, who is told, and what each of them costs.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::nothing_is_left;
use crate::common::app::{Step, send};
use crate::common::client::{Client, connect, handshake, narrow};
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{Frames, PING, SETTINGS, WINDOW_UPDATE, body};
use crate::common::load::bytes;
use crate::common::{count, eventually, holds, secs};

// With one worker, because each looks for room among its own connections.
const CROWD: &str = "as many connections are open as `max_connections` lets";
const GREED: &str = "a client has as many connections as `max_connections_per_client` lets";

/// Connections that say nothing.
async fn silent(address: std::net::SocketAddr, number: usize) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..number {
        all.push(connect(address).await.unwrap());
    }
    all
}

/// Waits until so many are open. Who has a request after that has waited less long than all of them.
async fn open(pair: &Pair, wanted: u64) {
    eventually(secs(30), || async {
        let connections = pair.door.status().await.connections;
        holds(connections == wanted, || format!("{connections} are open"))
    })
    .await;
}

/// How many of them were closed.
fn closed(all: &[TcpStream]) -> usize {
    all.iter()
        .filter(|one| match one.try_read(&mut [0; 64]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        })
        .count()
}

/// A request on a connection of its own that stays. Whoever behaves is let in at the first attempt.
async fn newcomer(pair: &Pair) -> Client {
    let mut client = pair.target().client().await.expect("a place");
    let answer = client.get(&pair.target().host, "/").await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    client
}

fn told(pair: &Pair, words: &str) -> usize {
    let log = pair.door.process().log().text();
    log.lines()
        .filter(|line| line.contains("WARN") && line.contains(words))
        .count()
}

/// The log arrives a moment after what it tells of.
async fn told_once(pair: &Pair, words: &str) {
    eventually(secs(10), || async {
        let lines = told(pair, words);
        holds(lines == 1, || format!("{lines} lines have {words:?}"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e29_newcomers_take_the_places_of_those_who_say_nothing() {
    let pair = Pair::plain_with("max_connections = 10\nworkers = 1", "")
        .hasty("spare=0")
        .await;
    let mut kept = pair.door.plain().await;
    assert_eq!(kept.get(PLAIN, "/").await.unwrap().status, 200);
    let mut attack = silent(pair.door.http(), 6).await;
    // A head that has begun is no request yet.
    let mut halves = silent(pair.door.http(), 3).await;
    for half in &mut halves {
        half.write_all(b"GET / HT").await.unwrap();
    }
    attack.extend(halves);
    open(&pair, 10).await;
    assert_eq!(kept.get(PLAIN, "/").await.unwrap().status, 200);
    let mut newcomers = Vec::new();
    for _ in 0..5 {
        newcomers.push(newcomer(&pair).await);
    }
    eventually(secs(10), || async {
        let closed = closed(&attack);
        holds(closed >= 5, || format!("{closed} were closed"))
    })
    .await;
    // Those who had a request are not in danger while there are others.
    for client in newcomers.iter_mut().chain([&mut kept]) {
        assert_eq!(client.get(PLAIN, "/").await.unwrap().status, 200);
    }
    told_once(&pair, CROWD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e29_what_is_under_way_is_never_closed_for_a_newcomer() {
    let pair = Pair::plain_with("max_connections = 4\nworkers = 1", "")
        .hasty("spare=0")
        .await;
    pair.blue.answer_when("/wait", "go", "done");
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(pair.ask("/wait").await);
    }
    eventually(secs(10), || async {
        holds(pair.blue.requests() == 4, || "not all of them are there".into())
    })
    .await;
    for _ in 0..10 {
        let mut refused = connect(pair.door.http()).await.unwrap();
        assert_eq!(refused.read(&mut [0; 64]).await.unwrap_or(0), 0, "closed unread");
    }
    pair.blue.release("go");
    for client in &mut busy {
        assert_eq!(client.response("GET").await.unwrap().text(), "done");
    }
    // Now they are idle, and the one that is so for the longest time makes room.
    nothing_is_left(&pair.door, 4).await;
    let _newcomer = newcomer(&pair).await;
    told_once(&pair, CROWD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e29_who_has_just_come_keeps_its_place() {
    let pair = Pair::plain_with("max_connections = 4\nworkers = 1", "")
        .hasty("spare=60000")
        .await;
    let all = silent(pair.door.http(), 4).await;
    open(&pair, 4).await;
    for _ in 0..10 {
        let mut refused = connect(pair.door.http()).await.unwrap();
        assert_eq!(refused.read(&mut [0; 64]).await.unwrap_or(0), 0, "closed unread");
    }
    assert_eq!(closed(&all), 0);
    told_once(&pair, CROWD).await;
}

/// To what an HTTP/2 client says of its download, an RST of a closed socket would answer, and take away the rest.
#[tokio::test(flavor = "multi_thread")]
async fn e29_who_makes_room_gets_the_answer_that_was_on_its_way() {
    let pair = Pair::tls_with("max_connections = 1\nworkers = 1", "")
        .hasty("spare=0")
        .await;
    let large = bytes(256 * 1024);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len());
    pair.blue.on("/large", vec![send(&head), Step::Send(large.clone())]);
    let tcp = narrow(pair.door.https()).await.unwrap();
    let wire = handshake(tcp, HOST, &pair.door.trust(&["h2"])).await.unwrap();
    let mut frames = Frames::begin(wire).await;
    // SETTINGS_INITIAL_WINDOW_SIZE, and the connection's.
    let room = (1_u32 << 30).to_be_bytes();
    frames.send(SETTINGS, 0, 0, &[&[0, 4][..], &room].concat()).await;
    frames.send(WINDOW_UPDATE, 0, 0, &room).await;
    let ask = [
        (":method", &b"GET"[..]),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", b"/large"),
    ];
    frames.request(1, &ask, true).await;
    pair.door.logged("/large", 1).await;
    let _newcomer = newcomer(&pair).await;
    frames.send(PING, 0, 0, b"12345678").await;
    let answer = frames.until_end(1).await;
    assert!(body(&answer) == large, "{} frames", answer.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn e29_unfinished_handshakes_and_idle_http2_connections_make_room_too() {
    let pair = Pair::tls_with("max_connections = 6\nworkers = 1", "")
        .hasty("spare=0")
        .await;
    let h2 = pair.door.h2(HOST).await.unwrap();
    assert_eq!(h2.get(HOST, "/").await.unwrap().status, 200);
    let mut attack = silent(pair.door.https(), 5).await;
    open(&pair, 6).await;
    assert_eq!(h2.get(HOST, "/").await.unwrap().status, 200);
    let mut newcomers = Vec::new();
    for _ in 0..5 {
        newcomers.push(newcomer(&pair).await);
    }
    // They may hear of it a moment after the newcomer has its answer.
    for one in &mut attack {
        let read = tokio::time::timeout(secs(30), one.read(&mut [0; 64])).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    }
    assert_eq!(h2.get(HOST, "/").await.unwrap().status, 200);
    let idle = h2.clone();
    // All of them had a request by now, and one after the other makes room.
    for _ in 0..6 {
        newcomers.push(newcomer(&pair).await);
    }
    eventually(secs(10), || async {
        holds(!idle.is_open(), || "the idle HTTP/2 connection is still open".into())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e29_one_client_has_no_more_than_its_share_and_the_others_have_theirs() {
    let server = "trusted_proxies = [\"127.0.0.0/8\"]\nproxy_protocol = true\nmax_connections_per_client = 3";
    let pair = Pair::plain_with(server, "").await;
    let from = async |client: &str, family: &str| {
        let mut connection = Client::plain(pair.door.http()).await.unwrap();
        let to = if family == "TCP4" {
            "192.0.2.200"
        } else {
            "2001:db8:ffff::1"
        };
        connection
            .send(format!("PROXY {family} {client} {to} 40000 80\r\n"))
            .await
            .unwrap();
        let answer = connection.get(PLAIN, "/").await;
        answer.is_ok().then_some(connection)
    };
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(from("192.0.2.1", "TCP4").await.expect("its share"));
    }
    for _ in 0..5 {
        assert!(from("192.0.2.1", "TCP4").await.is_none());
    }
    open.push(from("192.0.2.2", "TCP4").await.expect("another client"));
    // A customer has a /64 of IPv6, and is one client with all of it.
    for host in 1..=3 {
        open.push(from(&format!("2001:db8::{host}"), "TCP6").await.expect("its share"));
    }
    assert!(from("2001:db8::4", "TCP6").await.is_none());
    open.push(from("2001:db8:0:1::4", "TCP6").await.expect("another network"));
    told_once(&pair, GREED).await;
    let log = pair.door.process().log().text();
    assert!(log.contains("192.0.2.1"), "{log}");
    // What is closed counts no longer.
    open.clear();
    nothing_is_left(&pair.door, 0).await;
    assert!(from("192.0.2.1", "TCP4").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn e29_loopback_is_a_tunnel_with_many_clients_and_has_no_share() {
    let pair = Pair::plain_with("max_connections_per_client = 2", "").await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(newcomer(&pair).await);
    }
    assert_eq!(told(&pair, GREED), 0);
}

/// Each costs the same, however many there are, and a client that is well-behaved sees nothing of them.
#[tokio::test(flavor = "multi_thread")]
async fn e29_each_slow_connection_costs_a_constant() {
    let number = count(300, 2000);
    let pair = Pair::plain("").hasty("head=60000").await;
    // What the allocator and the buffers begin with is there.
    drop(slow(&pair, 50).await);
    nothing_is_left(&pair.door, 0).await;
    let own = || pair.door.process().own_kib();
    let before = own();
    let all = slow(&pair, number).await;
    let mut good = pair.door.plain().await;
    assert_eq!(good.get(PLAIN, "/").await.unwrap().status, 200);
    let each = own().saturating_sub(before) as f64 / number as f64;
    eprintln!("{number} connections with half a head or half a body: {each:.1} KiB each");
    assert!(each < 48.0, "{each:.1} KiB for each of {number} connections");
    drop(all);
    nothing_is_left(&pair.door, 1).await;
}

/// A client that has had its answer keeps what TLS needs to go on, and not the buffers that its bytes were in.
#[tokio::test(flavor = "multi_thread")]
async fn e29_a_connection_over_tls_that_waits_keeps_no_buffer() {
    let number = count(400, 4000);
    let pair = Pair::tls("").await;
    // What the allocator and the buffers begin with is there.
    let first = answered(&pair, 100).await;
    let before = pair.door.process().own_kib();
    let all = answered(&pair, number).await;
    let each = pair.door.process().own_kib().saturating_sub(before) as f64 / number as f64;
    eprintln!("{number} connections over TLS that wait: {each:.1} KiB each");
    assert!(each < 8.0, "{each:.1} KiB for each of {number} connections");
    drop((first, all));
}

/// So many clients over TLS that wait with their next request.
async fn answered(pair: &Pair, number: usize) -> Vec<Client> {
    let mut all = Vec::new();
    for _ in 0..number {
        let mut client = pair.door.tls(HOST).await.unwrap();
        assert_eq!(client.get(HOST, "/").await.unwrap().status, 200);
        all.push(client);
    }
    all
}

/// Half of them with half a head, half of them with half a body.
async fn slow(pair: &Pair, number: usize) -> Vec<Client> {
    let mut all = Vec::new();
    for index in 0..number {
        let mut client = pair.door.plain().await;
        let begun = if index % 2 == 0 {
            format!("GET / HTTP/1.1\r\nHost: {PLAIN}\r\nX-Half: ")
        } else {
            format!("POST /echo HTTP/1.1\r\nHost: {PLAIN}\r\nContent-Length: 100\r\n\r\nhalf")
        };
        client.send(begun).await.unwrap();
        all.push(client);
    }
    eventually(secs(30), || async {
        let connections = pair.door.status().await.connections;
        holds(connections >= number as u64, || format!("{connections} connections"))
    })
    .await;
    all
}
