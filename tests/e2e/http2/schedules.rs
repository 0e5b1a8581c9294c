//! Connections of clients that do whatever HTTP/2 allows, in an order that a seed decides: streams of every kind, uploads, resets, room
//! that comes late, pings, a GOAWAY, and ends of all kinds. Whatever they do, no window is overdrawn, every stream ends once and is
//! recorded once, and nothing is left of them in the process. `SEED=` replays one.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use fastrand::Rng;
use rustls::ClientConfig;
use tokio::task::JoinSet;

use crate::common::app::send;
use crate::common::client::tls_from;
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{
    ACK, DATA, END_STREAM, Frame, Frames, GOAWAY, HEADERS, Heads, PING, PREFACE, PRIORITY_UPDATE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE,
};
use crate::common::{count, eventually, holds, secs};

/// Connections that are there at the same time.
const AT_ONCE: usize = 16;
/// Open streams of one of them.
const STREAMS: usize = 24;
/// Bytes of a large answer.
const LARGE: usize = 200_000;
/// More room than anything of this needs.
const PLENTY: u32 = 1 << 24;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// What a stream asks for, and the length of its answer where that is known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Small,
    Slow,
    Chunks,
    Events,
    Large,
    Echo,
    WebSocket,
    /// What no app answers.
    Nobody,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Small,
        Self::Slow,
        Self::Chunks,
        Self::Events,
        Self::Large,
        Self::Echo,
        Self::WebSocket,
        Self::Nobody,
    ];

    fn path(self) -> &'static str {
        match self {
            Self::Small | Self::Nobody => "/small",
            Self::Slow => "/slow?ms=7",
            Self::Chunks => "/stream?chunks=5&size=3000&ms=1",
            Self::Events => "/sse?n=3&ms=2",
            Self::Large => "/large",
            Self::Echo => "/echo",
            Self::WebSocket => "/ws",
        }
    }

    fn sends(self) -> bool {
        matches!(self, Self::Echo | Self::WebSocket)
    }

    fn expected(self, sent: usize) -> Option<usize> {
        match self {
            Self::Small => Some("blue v1 /small".len()),
            Self::Slow => Some("blue v1 /slow?ms=7".len()),
            Self::Chunks => Some(15_000),
            Self::Large => Some(LARGE),
            Self::Echo => Some(sent),
            Self::Events | Self::WebSocket | Self::Nobody => None,
        }
    }
}

#[derive(Debug)]
struct Stream {
    kind: Kind,
    /// What the client may send, and what it lets the door send.
    window: i64,
    room: i64,
    sent: usize,
    got: usize,
    has_head: bool,
    /// The client has ended it, or given it up.
    is_sent: bool,
    is_given_up: bool,
    /// The door has ended it, or given it up.
    is_answered: bool,
    is_reset: bool,
}

impl Stream {
    fn is_over(&self) -> bool {
        self.is_given_up || self.is_reset || (self.is_answered && self.is_sent)
    }
}

/// One connection.
struct World {
    rng: Rng,
    frames: Frames,
    heads: Heads,
    streams: BTreeMap<u32, Stream>,
    next: u32,
    /// What the client lets the door send: on a stream that begins, and on the whole connection.
    first_room: i64,
    room: i64,
    /// Requests that the door has read for certain.
    confirmed: usize,
    leaving: bool,
}

impl World {
    async fn new(seed: u64, door: SocketAddr, trust: &Arc<ClientConfig>) -> Self {
        let mut rng = Rng::with_seed(seed);
        let wire = tls_from(client_of(seed), door, HOST, trust).await.unwrap();
        let mut frames = Frames::over(wire);
        frames.write(PREFACE).await;
        let first_room = [0, 700, 65_535, 1 << 20][rng.usize(..4)];
        let mut world = Self {
            rng,
            frames,
            heads: Heads::default(),
            streams: BTreeMap::new(),
            next: 1,
            first_room: first_room.into(),
            room: 65_535,
            confirmed: 0,
            leaving: false,
        };
        world.settings(first_room).await;
        world.sync().await;
        world
    }

    async fn settings(&mut self, room: u32) {
        let more = i64::from(room) - self.first_room;
        self.first_room += more;
        for stream in self.streams.values_mut() {
            stream.room += more;
        }
        let payload = [&[0, 4][..], &room.to_be_bytes()].concat();
        self.frames.send(SETTINGS, 0, 0, &payload).await;
    }

    async fn begin(&mut self) {
        let open = self.streams.values().filter(|stream| !stream.is_over()).count();
        if open >= STREAMS || self.leaving {
            return;
        }
        let (number, kind) = (self.next, Kind::ALL[self.rng.usize(..Kind::ALL.len())]);
        self.next += 2 * self.rng.u32(1..3);
        let host = if kind == Kind::Nobody { "nobody.localhost" } else { HOST };
        let mut fields: Vec<(&str, &[u8])> = vec![(":method", if kind.sends() { b"POST" } else { b"GET" })];
        if kind == Kind::WebSocket {
            fields = vec![(":method", b"CONNECT"), (":protocol", b"websocket")];
        }
        fields.extend([
            (":scheme", &b"https"[..]),
            (":authority", host.as_bytes()),
            (":path", kind.path().as_bytes()),
        ]);
        if kind == Kind::WebSocket {
            fields.push(("sec-websocket-version", b"13"));
        } else if self.rng.bool() {
            fields.push(("priority", if self.rng.bool() { b"u=1, i" } else { b"u=5" }));
        }
        self.streams.insert(
            number,
            Stream {
                kind,
                window: self.frames.stream_window(),
                room: self.first_room,
                sent: 0,
                got: 0,
                has_head: false,
                is_sent: !kind.sends(),
                is_given_up: false,
                is_answered: false,
                is_reset: false,
            },
        );
        self.frames.request(number, &fields, !kind.sends()).await;
    }

    /// Any stream that is not over.
    fn any(&mut self) -> Option<u32> {
        let open: Vec<u32> = self.open();
        (!open.is_empty()).then(|| open[self.rng.usize(..open.len())])
    }

    fn open(&self) -> Vec<u32> {
        let open = self.streams.iter().filter(|(_, stream)| !stream.is_over());
        open.map(|(number, _)| *number).collect()
    }

    async fn upload(&mut self, number: u32) {
        let stream = self.streams.get_mut(&number).expect("it is open");
        if stream.is_sent {
            return;
        }
        if stream.kind == Kind::WebSocket {
            // A whole message each, masked with a key of zeros.
            let message = [&[0x82, 0x80 | 100, 0, 0, 0, 0][..], &[b'm'; 100]].concat();
            if stream.window > 1000 && self.frames.send_data(number, &message).await {
                stream.window -= message.len() as i64;
            }
            return;
        }
        let most = self.rng.usize(1..30_000);
        stream.sent += self.frames.data_up_to(number, &mut stream.window, most).await;
        if self.rng.u8(..3) == 0 {
            self.end_upload(number).await;
        }
    }

    async fn end_upload(&mut self, number: u32) {
        let stream = self.streams.get_mut(&number).expect("it is open");
        if !std::mem::replace(&mut stream.is_sent, true) {
            self.frames.send(DATA, END_STREAM, number, b"").await;
        }
    }

    async fn reset(&mut self, number: u32) {
        self.streams.get_mut(&number).expect("it is open").is_given_up = true;
        self.frames.send(RST_STREAM, 0, number, &CANCEL).await;
    }

    async fn grant(&mut self, number: u32, bytes: u32) {
        let room = match number {
            0 => &mut self.room,
            _ => &mut self.streams.get_mut(&number).expect("it is open").room,
        };
        *room += i64::from(bytes);
        self.frames.send(WINDOW_UPDATE, 0, number, &bytes.to_be_bytes()).await;
    }

    async fn step(&mut self) {
        let (choice, bytes) = (self.rng.u8(..20), self.rng.u32(1..40_000));
        match (choice, self.any()) {
            (0..=5, _) | (_, None) => self.begin().await,
            (6..=9, Some(number)) => self.upload(number).await,
            (10, Some(number)) => self.reset(number).await,
            (11 | 12, _) => self.grant(0, bytes).await,
            (13..=15, Some(number)) => self.grant(number, bytes).await,
            (16, _) => self.settings(self.first_room as u32 + bytes).await,
            (17, Some(number)) => {
                let payload = [&number.to_be_bytes()[..], b"u=2, i"].concat();
                self.frames.send(PRIORITY_UPDATE, 0, 0, &payload).await;
            }
            _ => self.sync().await,
        }
    }

    /// Everything that was said so far has been read, on both sides.
    async fn sync(&mut self) {
        let (asked, word) = (self.streams.len(), self.rng.u64(..).to_be_bytes());
        self.frames.send(PING, 0, 0, &word).await;
        loop {
            let frame = self.frames.next(&mut 0).await.expect("no end that nobody asked for");
            if frame.kind == PING && frame.flags & ACK != 0 && frame.payload == word {
                break;
            }
            self.sees(&frame);
        }
        self.confirmed = asked;
    }

    fn sees(&mut self, frame: &Frame) {
        let fields = (frame.kind == HEADERS).then(|| self.heads.read(frame));
        if frame.kind == DATA {
            self.room -= frame.payload.len() as i64;
            assert!(
                self.room >= 0 || frame.payload.is_empty(),
                "{frame:?}: the connection had no room"
            );
        }
        if frame.kind == GOAWAY {
            assert!(self.leaving && frame.code() == 0, "{frame:?}");
            return;
        }
        if frame.stream == 0 {
            return;
        }
        let stream = self.streams.get_mut(&frame.stream).expect("a stream that was begun");
        if frame.kind == WINDOW_UPDATE {
            stream.window += i64::from(u32::from_be_bytes(frame.payload[..4].try_into().expect("four bytes")));
            assert!(stream.kind.sends(), "{frame:?} to {stream:?}");
            return;
        }
        assert!(!stream.is_reset, "{frame:?} behind the end of {stream:?}");
        // What was on its way when the client gave it up.
        if stream.is_given_up {
            stream.is_reset = frame.kind == RST_STREAM;
            return;
        }
        match frame.kind {
            HEADERS => {
                let status = &fields.expect("they were read")[0].1;
                assert!(!stream.is_answered && !stream.has_head, "{frame:?} to {stream:?}");
                let expected = if stream.kind == Kind::Nobody { "421" } else { "200" };
                assert_eq!(status, expected, "{stream:?}");
                stream.has_head = true;
            }
            DATA => {
                assert!(stream.has_head && !stream.is_answered, "{frame:?} to {stream:?}");
                stream.got += frame.payload.len();
                stream.room -= frame.payload.len() as i64;
                assert!(
                    stream.room >= 0 || frame.payload.is_empty(),
                    "{frame:?} overdraws {stream:?}"
                );
            }
            RST_STREAM => {
                assert!(stream.is_answered && !stream.is_sent, "{frame:?} to {stream:?}");
                stream.is_reset = true;
            }
            _ => panic!("{frame:?}"),
        }
        if frame.ends_stream() {
            stream.is_answered = true;
            if let Some(expected) = stream.kind.expected(stream.sent) {
                assert_eq!(stream.got, expected, "{stream:?}");
            }
        }
    }

    /// Reads until all streams have come to their end.
    async fn finish(&mut self) {
        self.end_all().await;
        while !self.open().is_empty() {
            let frame = self.frames.next(&mut 0).await.expect("no end that nobody asked for");
            self.sees(&frame);
        }
        self.sync().await;
    }

    /// Takes its leave, and reads to the end of the connection.
    async fn leave(&mut self) {
        self.leaving = true;
        self.confirmed = self.streams.len();
        self.frames.send(GOAWAY, 0, 0, &[0; 8]).await;
        self.end_all().await;
        while let Some(frame) = self.frames.next(&mut 0).await {
            self.sees(&frame);
        }
        assert!(self.open().is_empty(), "{:?}", self.streams);
    }

    /// Gives room to everything, ends all uploads, and gives WebSockets up.
    async fn end_all(&mut self) {
        self.grant(0, PLENTY).await;
        for number in self.open() {
            if self.streams[&number].kind == Kind::WebSocket {
                self.reset(number).await;
            } else {
                self.grant(number, PLENTY).await;
                self.end_upload(number).await;
            }
        }
    }
}

/// What a client knows of its requests: how many it has begun, and of how many it is certain that the door has read them.
#[derive(Debug)]
struct Played {
    seed: u64,
    begun: usize,
    confirmed: usize,
}

async fn play(seed: u64, door: SocketAddr, trust: Arc<ClientConfig>) -> Played {
    let mut world = World::new(seed, door, &trust).await;
    for _ in 0..world.rng.usize(5..80) {
        world.step().await;
    }
    match world.rng.u8(..4) {
        0 | 1 => world.finish().await,
        2 => world.leave().await,
        // It is gone in the middle of everything.
        _ => {}
    }
    Played {
        seed,
        begun: world.streams.len(),
        confirmed: world.confirmed,
    }
}

/// An address of the loopback for each seed.
fn client_of(seed: u64) -> Ipv4Addr {
    let [.., high, low] = seed.to_be_bytes();
    Ipv4Addr::new(127, 78, high, low)
}

/// Plays these seeds, some at once.
async fn play_all(pair: &Pair, seeds: std::ops::Range<u64>) -> Vec<Played> {
    let (trust, door) = (pair.door.trust(&["h2"]), pair.door.https());
    let (mut running, mut played) = (JoinSet::new(), Vec::new());
    for seed in seeds {
        if running.len() == AT_ONCE {
            played.extend(
                running
                    .join_next()
                    .await
                    .map(|one| one.expect("what went wrong was said")),
            );
        }
        let trust = trust.clone();
        running.spawn(async move {
            let playing = tokio::spawn(play(seed, door, trust));
            match tokio::time::timeout(secs(60), playing).await {
                Ok(Ok(played)) => played,
                Ok(Err(error)) => panic!("SEED={seed}: {error}"),
                Err(_) => panic!("SEED={seed}: it does not come to its end"),
            }
        });
    }
    played.extend(running.join_all().await);
    played
}

/// Waits until nobody is connected and nothing is under way.
async fn at_rest(pair: &Pair) {
    eventually(secs(30), || async {
        let status = pair.door.status().await;
        let service = &status.environments[0].services[0];
        let open = (
            status.connections,
            service.requests,
            service.streams,
            service.web_sockets,
        );
        holds(open == (0, 0, 0, 0), || {
            format!("(connections, requests, streams, WebSockets) {open:?}")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_clients_do_every_stream_ends_once_and_nothing_is_left_of_it() {
    let pair = Pair::tls("").await;
    let large = format!(
        "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: {LARGE}\r\n\r\n{}",
        "x".repeat(LARGE)
    );
    pair.blue.on("/large", vec![send(&large)]);
    let only: Option<u64> = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    // Pools, buffers and the allocator's arenas reach their size first.
    let (first, all) = (count(100, 1_000) as u64, count(200, 10_000) as u64);
    let mut played = play_all(&pair, only.map_or(1..first, |seed| seed..seed)).await;
    at_rest(&pair).await;
    let process = pair.door.process();
    let (before, descriptors) = (process.own_kib(), process.descriptors());
    played.extend(play_all(&pair, only.map_or(first..all, |seed| seed..seed + 1)).await);
    at_rest(&pair).await;
    let after = process.own_kib();
    eprintln!("own KiB {before} → {after}");
    assert!(after < before + 8 * 1024, "memory grew from {before} to {after} KiB");
    eventually(secs(20), || async {
        let now = process.descriptors();
        holds(now <= descriptors + 32, || {
            format!("{now} descriptors, {descriptors} before")
        })
    })
    .await;

    // A claim that was not released would keep the old side from being safe to stop.
    let finished = pair.door.swap("prod", &[]).await;
    finished.assert_done();
    assert_eq!(finished.drained(), (0, 0, 0), "(finished, ended, cut)");

    // Everything was written down when the process has ended.
    let log = pair.door.folder().join("access.log");
    pair.door.sigterm();
    pair.door.end(secs(60)).await;
    let mut lines: HashMap<String, usize> = HashMap::new();
    for line in std::fs::read_to_string(log).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let client = line["client"].as_str().unwrap_or_default().to_owned();
        *lines.entry(client).or_default() += 1;
    }
    for one in &played {
        let recorded = lines.get(&client_of(one.seed).to_string()).copied().unwrap_or_default();
        assert!(
            (one.confirmed..=one.begun).contains(&recorded),
            "{recorded} lines of {one:?}"
        );
    }
    let begun: usize = played.iter().map(|one| one.begun).sum();
    eprintln!("{} connections, {begun} streams", played.len());
    assert!(only.is_some() || begun > 10 * played.len(), "{begun} streams");
}
