//! Seeded interleavings of what a client and this side can do, legal and not, looked at from outside by somebody who keeps books of
//! windows and streams: no window is overdrawn, no frame is on a closed stream, each stream begins and ends once, memory is given back.

use std::collections::BTreeMap;

use fastrand::Rng;
use greengate::http2::connection::Event;
use greengate::http2::error::Code;
use greengate::http2::frame::{Kind, flag};
use greengate::http2::hpack::Indexing;

use crate::kit::{Rig, Seen, block, bounds, frame, frames, get, headers, post, rst_stream, settings, window_update};

const WINDOW: i64 = 8000;
const STREAM_WINDOW: i64 = 3000;
const STREAMS: usize = 8;

/// What is known of a stream from outside.
#[derive(Debug, Default)]
struct Stream {
    /// What the client may send, and what this side may.
    client_window: i64,
    server_window: i64,
    client_ended: bool,
    server_ended: bool,
    /// Reset by either side.
    is_reset: bool,
    has_head: bool,
    /// Bytes that the client has sent, that were told, and that are not released.
    sent: usize,
    told: usize,
    unreleased: u32,
    begun: bool,
    told_end: bool,
}

impl Stream {
    fn is_over(&self) -> bool {
        self.is_reset || (self.client_ended && self.server_ended)
    }
}

struct World {
    rng: Rng,
    rig: Rig,
    /// The client breaks rules, too.
    wild: bool,
    streams: BTreeMap<u32, Stream>,
    next: u32,
    client_window: i64,
    server_window: i64,
    initial: i64,
    /// Streams behind it are dropped.
    last_taken: Option<u32>,
    broken: bool,
    log: Vec<String>,
}

fn byte(stream: u32, at: usize) -> u8 {
    (stream as usize + at * 3) as u8
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut ours = bounds();
        ours.settings.initial_window_size = STREAM_WINDOW as u32;
        ours.settings.max_concurrent_streams = Some(STREAMS as u32);
        ours.settings.enable_connect_protocol = rng.bool();
        let mut rig = Rig::open(ours);
        rig.read(&frame(Kind::SETTINGS, flag::ACK, 0, b""));
        // The least that a connection can have is more than these worlds are to have.
        let mut world = Self {
            wild: rng.u8(..4) == 0,
            rng,
            rig,
            streams: BTreeMap::new(),
            next: 1,
            client_window: 200_000,
            server_window: 65_535,
            initial: 65_535,
            last_taken: None,
            broken: false,
            log: Vec::new(),
        };
        world.settings(WINDOW as u32 / 2);
        world
    }

    fn any_stream(&mut self) -> Option<u32> {
        let most = self.streams.len();
        // Mostly one of the latest.
        let place = most.checked_sub(1 + self.rng.usize(..12))?;
        self.streams.keys().nth(place).copied()
    }

    fn client(&mut self, bytes: &[u8], what: &str) {
        self.log.push(format!("client: {what}"));
        // In parts, so that frames are cut anywhere.
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = self.rng.usize(1..=rest.len());
            for seen in self.rig.read(&rest[..len]) {
                self.told(seen);
            }
            rest = &rest[len..];
        }
        self.said();
    }

    fn told(&mut self, seen: Seen) {
        self.log.push(format!("told: {seen:?}"));
        match seen {
            Seen::Request { stream, end, .. } => {
                let known = self.streams.get_mut(&stream).unwrap();
                assert!(!known.begun && !known.is_reset, "{stream} begins twice");
                (known.begun, known.told_end) = (true, end);
            }
            Seen::Data { stream, data, end } => {
                let known = self.streams.get_mut(&stream).unwrap();
                assert!(known.begun && !known.told_end && !known.is_reset, "data of {stream}");
                for read in &data {
                    assert_eq!(*read, byte(stream, known.told));
                    known.told += 1;
                }
                known.unreleased += data.len() as u32;
                known.told_end = end;
            }
            Seen::Trailers { stream, .. } => {
                let known = self.streams.get_mut(&stream).unwrap();
                assert!(
                    known.begun && !known.told_end && !known.is_reset,
                    "trailers of {stream}"
                );
                known.told_end = true;
            }
            Seen::Reset { stream, .. } | Seen::Failed { stream, .. } => {
                let known = self.streams.get_mut(&stream).unwrap();
                assert!(known.begun && !known.is_reset, "{stream} ends twice");
                assert!(matches!(seen, Seen::Reset { .. }) || self.wild, "{stream} fails");
                known.is_reset = true;
                known.unreleased = 0;
            }
            Seen::Broken { code } => {
                assert!(self.wild, "{code} in a world of order");
                self.broken = true;
            }
            Seen::Other(Event::Room { .. } | Event::Settings | Event::Priority { .. }) => {}
            Seen::Malformed { .. } | Seen::TooLarge { .. } | Seen::Other(_) => panic!("{seen:?}"),
        }
    }

    /// Looks at what this side has said.
    fn said(&mut self) {
        let bytes = std::mem::take(&mut self.rig.out);
        for (head, payload) in frames(&bytes) {
            self.log.push(format!("server: {head:?}"));
            let word = payload.first_chunk::<4>().map_or(0, |word| u32::from_be_bytes(*word));
            match head.kind {
                Kind::DATA | Kind::HEADERS => {
                    let stream = self.streams.get_mut(&head.stream).unwrap();
                    assert!(!stream.server_ended && !stream.is_reset, "{head:?} on a closed stream");
                    if head.kind == Kind::DATA {
                        stream.server_window -= payload.len() as i64;
                        self.server_window -= payload.len() as i64;
                        let is_paid = stream.server_window >= 0 && self.server_window >= 0;
                        assert!(is_paid || payload.is_empty(), "{head:?} overdraws a window");
                    }
                    stream.server_ended = head.has(flag::END_STREAM);
                }
                Kind::RST_STREAM => {
                    let Some(stream) = self.streams.get_mut(&head.stream) else {
                        panic!("{head:?} of a stream that was not begun")
                    };
                    let refused = word == Code::REFUSED_STREAM.0 && !stream.begun;
                    let failed = stream.is_reset && self.wild;
                    assert!(refused || failed || !stream.is_over(), "{head:?} on a closed stream");
                    stream.is_reset = true;
                    stream.unreleased = 0;
                }
                Kind::WINDOW_UPDATE if head.stream == 0 => {
                    self.client_window += i64::from(word);
                    assert!(self.client_window <= 200_000);
                }
                Kind::WINDOW_UPDATE => {
                    let stream = self.streams.get_mut(&head.stream).unwrap();
                    stream.client_window += i64::from(word);
                    assert!(!stream.is_reset && !stream.told_end, "{head:?}");
                    assert!(stream.client_window <= STREAM_WINDOW, "{head:?}");
                }
                Kind::SETTINGS | Kind::PING | Kind::GOAWAY => assert_eq!(head.stream, 0),
                _ => panic!("{head:?}"),
            }
        }
        let (held, left) = self.rig.connection.received();
        assert!(
            left >= 0 && i64::from(held) + i64::from(left) <= 200_000,
            "{held} {left}"
        );
        assert!(self.rig.connection.open_streams() <= STREAMS);
    }

    fn settings(&mut self, initial: u32) {
        let by = i64::from(initial) - self.initial;
        self.initial = i64::from(initial);
        for stream in self.streams.values_mut() {
            stream.server_window += by;
        }
        self.client(&settings(&[(4, initial), (0x0a0a, 7)]), &format!("window {initial}"));
    }

    fn begin(&mut self) {
        let id = self.next;
        self.next += 2 * self.rng.u32(1..3);
        let ends = self.rng.u8(..3) == 0;
        self.streams.insert(
            id,
            Stream {
                client_window: STREAM_WINDOW,
                server_window: self.initial,
                client_ended: ends,
                ..Stream::default()
            },
        );
        let bytes = if ends {
            get(id)
        } else if self.rng.bool() {
            post(id, &[("x-a", "some value")])
        } else {
            let block = block(&[
                (":method", "PUT"),
                (":scheme", "https"),
                (":authority", "a"),
                (":path", "/x"),
            ]);
            let (first, rest) = block.split_at(self.rng.usize(..block.len()));
            [
                frame(Kind::HEADERS, 0, id, first),
                frame(Kind::CONTINUATION, flag::END_HEADERS, id, rest),
            ]
            .concat()
        };
        self.client(&bytes, &format!("begins {id}"));
    }

    fn upload(&mut self, id: u32) {
        let wants = self.rng.usize(..1500);
        let padding = if self.rng.u8(..4) == 0 { self.rng.u8(..) } else { 0 };
        let end = self.rng.u8(..4) == 0;
        let stream = self.streams.get_mut(&id).unwrap();
        let overhead = if padding > 0 { 1 + i64::from(padding) } else { 0 };
        let room = stream.client_window.min(self.client_window) - overhead;
        let len = if self.wild {
            wants as i64
        } else {
            room.min(wants as i64)
        };
        if len < 0 || (!self.wild && (stream.client_ended || stream.is_reset)) {
            return;
        }
        let bytes: Vec<u8> = (0..len as usize).map(|at| byte(id, stream.sent + at)).collect();
        stream.sent += bytes.len();
        stream.client_window -= len + overhead;
        self.client_window -= len + overhead;
        stream.client_ended |= end;
        let payload = if padding > 0 {
            [&[padding][..], &bytes, &vec![0; padding.into()]].concat()
        } else {
            bytes
        };
        let flags = u8::from(end) | if padding > 0 { flag::PADDED } else { 0 };
        self.client(
            &frame(Kind::DATA, flags, id, &payload),
            &format!("sends {len} on {id}, end {end}"),
        );
    }

    fn client_step(&mut self) {
        let open = |world: &Self| world.streams.values().filter(|stream| !stream.is_over()).count();
        let choice = self.rng.u8(..20);
        if choice < 5 && (open(self) < STREAMS || self.rng.u8(..8) == 0) {
            return self.begin();
        }
        if choice < 7 {
            let increment = self.rng.u32(u32::from(!self.wild)..3000);
            self.server_window += i64::from(increment);
            return self.client(&window_update(0, increment), "connection's window");
        }
        match choice {
            7 => {
                let initial = self.rng.u32(..6000);
                return self.settings(initial);
            }
            8 => return self.client(&frame(Kind::PING, 0, 0, b"12345678"), "ping"),
            9 => return self.client(&frame(Kind(0xb0), 9, self.next, b"grease"), "grease"),
            _ => {}
        }
        let Some(id) = self.any_stream() else { return };
        let stream = self.streams.get_mut(&id).unwrap();
        match choice {
            10..=14 => self.upload(id),
            15 if self.wild || !(stream.client_ended || stream.is_reset) => {
                stream.client_ended = true;
                self.client(&headers(id, true, &[("x-sum", "1")]), &format!("trailers on {id}"));
            }
            16 if self.wild || !stream.is_over() => {
                self.client(&rst_stream(id), &format!("resets {id}"));
                let stream = self.streams.get_mut(&id).unwrap();
                stream.is_reset = true;
                stream.client_ended = true;
            }
            17 | 18 => {
                let increment = self.rng.u32(u32::from(!self.wild)..3000);
                stream.server_window += i64::from(increment);
                self.client(&window_update(id, increment), &format!("window of {id}"));
            }
            19 => self.client(&frame(Kind::PRIORITY, 0, id, &[0, 0, 0, 0, 7]), "priority"),
            _ => {}
        }
    }

    fn server_step(&mut self) {
        let choice = self.rng.u8(..40);
        let (connection, out) = (&mut self.rig.connection, &mut self.rig.out);
        if choice == 0 && self.rng.u8(..8) == 0 {
            connection.announce_end(out);
        } else if choice == 1 && self.rng.u8(..16) == 0 {
            connection.end(Code::NO_ERROR, out);
            self.last_taken
                .get_or_insert(self.streams.keys().last().copied().unwrap_or(0));
        }
        self.said();
        let Some(id) = self.any_stream() else { return };
        let stream = &self.streams[&id];
        // What is not in turn is refused, and says nothing.
        let is_open = stream.begun && !stream.is_over() && !self.broken;
        let can_send = is_open && stream.has_head && !stream.server_ended;
        let (has_head, server_ended, unreleased) = (stream.has_head, stream.server_ended, stream.unreleased);
        self.log.push(format!("server step {choice} on {id}"));
        let (connection, out) = (&mut self.rig.connection, &mut self.rig.out);
        match choice {
            2..=5 => {
                let said = connection.send_head(id, 103, false, out, |fields| {
                    fields.add(b"link", b"</a>", Indexing::Keep);
                });
                assert_eq!(said.is_ok(), is_open && !has_head, "{said:?}");
            }
            6..=15 => {
                let end = self.rng.u8(..3) == 0;
                let said = connection.send_head(id, 200, end, out, |fields| {
                    fields.add(b"server", b"x", Indexing::Keep);
                });
                assert_eq!(said.is_ok(), is_open && !has_head, "{said:?}");
                if said.is_ok() {
                    self.streams.get_mut(&id).unwrap().has_head = true;
                }
            }
            16..=25 => {
                let (wants, end) = (self.rng.usize(..4000), self.rng.u8(..3) == 0);
                let room = connection.room(id);
                let said = connection.send_data(id, &vec![7; wants], end, out);
                assert_eq!(said.is_ok(), can_send, "{said:?}");
                assert!(said.is_err() || said == Ok(wants.min(room)));
            }
            26..=28 => {
                let said = connection.send_trailers(id, out, |_| {});
                assert_eq!(said.is_ok(), can_send, "{said:?}");
            }
            29 | 30 if is_open => {
                connection.reset(id, Code::CANCEL, out);
                // What follows of its client was on its way.
                assert!(!server_ended || self.streams.contains_key(&id));
            }
            31.. => {
                let bytes = self.rng.u32(..=unreleased);
                self.streams.get_mut(&id).unwrap().unreleased -= bytes;
                connection.release(id, bytes, out);
            }
            _ => {}
        }
        self.said();
    }

    fn finish(&mut self) {
        let ids: Vec<u32> = self.streams.keys().copied().collect();
        for id in ids {
            if self.broken {
                break;
            }
            let stream = &self.streams[&id];
            let is_told = !stream.is_reset && stream.begun;
            if is_told && stream.client_ended {
                assert!(stream.told_end && stream.told == stream.sent, "{id}: {stream:?}");
            }
            if stream.is_over() {
                continue;
            }
            if self.rng.bool() {
                self.client(&rst_stream(id), &format!("resets {id} at last"));
            } else {
                self.rig.connection.reset(id, Code::CANCEL, &mut self.rig.out);
                self.said();
                self.client(&rst_stream(id), &format!("resets {id}, too"));
            }
            self.streams.get_mut(&id).unwrap().is_reset = true;
        }
        if !self.broken {
            assert_eq!(self.rig.connection.open_streams(), 0);
            assert_eq!(self.rig.connection.received().0, 0);
            assert!(self.rig.connection.memory() < 2000, "{}", self.rig.connection.memory());
        }
    }
}

fn play(seed: u64) -> (u32, bool) {
    let mut world = World::new(seed);
    let steps = world.rng.usize(10..200);
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..steps {
            if world.broken {
                break;
            }
            if world.rng.bool() {
                world.client_step()
            } else {
                world.server_step()
            }
        }
        world.finish();
    }));
    if played.is_err() {
        // What went wrong was said; here is what led to it.
        let last = world.log.len().saturating_sub(40);
        panic!("SEED={seed}\n{}", world.log[last..].join("\n"));
    }
    (world.rig.connection.counts().requests, world.broken)
}

#[test]
fn ten_thousand_interleavings_keep_the_books() {
    let (mut requests, mut broken) = (0, 0);
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..10_000, |seed: u64| seed..seed + 1) {
        let (more, is_broken) = play(seed);
        requests += more;
        broken += u32::from(is_broken);
    }
    assert!(
        only.is_some() || (requests > 50_000 && broken > 500 && broken < 3000),
        "{requests} requests, {broken} connections broken"
    );
}
