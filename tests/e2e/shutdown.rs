//! SIGTERM in the moment in which a client sends: nobody is turned away (N26).

use std::time::Duration;

use crate::common::app::{Step, send};
use crate::common::client::{Client, tls};
use crate::common::door::DRAIN_GRACE;
use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::incoming::Incoming;
use crate::common::{count, eventually, holds, ms, secs};
use tokio::time::Instant;

/// A moment up to 5 ms before or after another.
fn around(moment: Instant) -> Instant {
    moment - ms(5) + Duration::from_micros(fastrand::u64(0..10_000))
}

/// Sends SIGTERM at a moment, from a thread that has nothing else to do.
async fn sigterm_at(pair: &Pair, moment: Instant) {
    let process = pair.door.process();
    let moment = moment.into_std();
    let sent = tokio::task::spawn_blocking(move || {
        std::thread::sleep(moment.saturating_duration_since(std::time::Instant::now()));
        process.term();
    });
    sent.await.unwrap();
}

async fn a_thousand_send_around_the_signal(pair: &Pair, connections: usize) {
    let target = pair.target();
    let mut clients = Vec::new();
    for n in 0..connections {
        let mut client = target.client().await.unwrap();
        // Half of them are idle after a request, the others have sent nothing yet.
        if n % 2 == 0 {
            assert_eq!(client.get(&target.host, "/before").await.unwrap().status, 200);
        }
        clients.push(client);
    }
    let signal = Instant::now() + ms(200);
    let mut sending = Vec::new();
    for mut client in clients {
        let host = target.host.clone();
        sending.push(tokio::spawn(async move {
            tokio::time::sleep_until(around(signal)).await;
            client.get(&host, "/around").await.map(|answer| answer.status)
        }));
    }
    sigterm_at(pair, signal).await;
    let mut failures = Vec::new();
    for one in sending {
        match one.await.unwrap() {
            Ok(200) => {}
            other => failures.push(other),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {connections} failed: {:?}",
        failures.len(),
        &failures[..failures.len().min(5)]
    );
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_a_thousand_idle_connections_send_around_the_signal_and_all_are_answered() {
    for _ in 0..count(1, 5) {
        a_thousand_send_around_the_signal(&Pair::plain("").await, 1000).await;
    }
}

/// Its head has said that the connection stays, before anybody knew better.
#[tokio::test(flavor = "multi_thread")]
async fn n26_a_connection_whose_answer_ends_behind_the_grace_has_one_of_its_own() {
    let pair = Pair::plain("").hasty("drain_grace=1000").await;
    let head = "HTTP/1.1 200 OK\r\nX-App: blue\r\nContent-Length: 10\r\n\r\nbegun";
    pair.blue
        .on("/long", vec![send(head), Step::Until("end"), send("ended")]);
    let mut client = pair.begin("/long").await;
    client.incoming.until(b"begun").await.unwrap();
    pair.door.sigterm();
    tokio::time::sleep(ms(1300)).await;
    pair.blue.release("end");
    assert_eq!(client.response("GET").await.unwrap().text(), "begunended");
    tokio::time::sleep(ms(200)).await;
    let answer = client.post(PLAIN, "/who", b"x").await.unwrap();
    assert_eq!((answer.status, answer.field("connection")), (200, Some("close")));
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_over_tls_too() {
    for _ in 0..count(1, 5) {
        a_thousand_send_around_the_signal(&Pair::tls("").await, 1000).await;
    }
}

/// HTTP/2 by hand, to see every frame.
struct Frames(Incoming);

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

impl Frames {
    async fn open(pair: &Pair) -> Self {
        let wire = tls(pair.door.https(), HOST, &pair.door.trust(&["h2"])).await.unwrap();
        let mut frames = Self(Incoming::new(wire, secs(20)));
        frames.0.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        frames.write(SETTINGS, 0, 0, &[]).await;
        frames
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        self.0.send(&bytes).await.unwrap();
    }

    /// `GET`, with fields that are not compressed (RFC 7541 §6.2.2).
    async fn get(&mut self, stream: u32, path: &str) {
        let mut block = vec![0x82, 0x87];
        for (name, value) in [(4_u8, path), (1, HOST)] {
            block.extend_from_slice(&[name, u8::try_from(value.len()).unwrap()]);
            block.extend_from_slice(value.as_bytes());
        }
        self.write(HEADERS, 0x5, stream, &block).await;
    }

    /// The next frame that is no housekeeping.
    async fn next(&mut self) -> Frame {
        loop {
            let head = self.0.exactly(9).await.unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let payload = self.0.exactly(length).await.unwrap();
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let frame = Frame {
                kind: head[3],
                flags: head[4],
                stream,
                payload,
            };
            match frame.kind {
                SETTINGS if frame.flags & 1 == 0 => self.write(SETTINGS, 1, 0, &[]).await,
                DATA | HEADERS | RST_STREAM | PING | GOAWAY => return frame,
                _ => {}
            }
        }
    }

    /// The next frame; a PING is answered.
    async fn answering(&mut self) -> Frame {
        let frame = self.next().await;
        if frame.kind == PING {
            self.write(PING, 1, 0, &frame.payload).await;
        }
        frame
    }

    /// Reads to the end of some streams, all with status 200, answers every PING, and says which frames came beside.
    async fn answers(&mut self, mut streams: Vec<u32>) -> Vec<Frame> {
        let mut others = Vec::new();
        while !streams.is_empty() {
            let frame = self.answering().await;
            match frame.kind {
                HEADERS => assert_eq!(frame.payload[0], 0x88, "not `:status: 200`: {frame:?}"),
                DATA => {}
                _ => {
                    others.push(frame);
                    continue;
                }
            }
            if frame.flags & 1 != 0 {
                streams.retain(|stream| *stream != frame.stream);
            }
        }
        others
    }
}

fn goaways(frames: &[Frame]) -> usize {
    frames.iter().filter(|frame| frame.kind == GOAWAY).count()
}

fn last_stream(goaway: &Frame) -> u32 {
    u32::from_be_bytes(goaway.payload[..4].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_http2_streams_that_are_sent_around_the_signal_are_all_answered() {
    const CONNECTIONS: usize = 100;
    for _ in 0..count(2, 10) {
        let pair = Pair::tls("").await;
        let mut connections = Vec::new();
        for n in 0..CONNECTIONS {
            let mut frames = Frames::open(&pair).await;
            if n % 2 == 0 {
                frames.get(1, "/before").await;
                assert!(frames.answers(vec![1]).await.is_empty());
            }
            connections.push(frames);
        }
        let signal = Instant::now() + ms(200);
        let mut sending = Vec::new();
        for mut frames in connections {
            sending.push(tokio::spawn(async move {
                // On its way before the signal, and for a while after it.
                frames.get(3, "/slow?ms=500").await;
                for stream in [5, 7, 9] {
                    tokio::time::sleep_until(around(signal)).await;
                    frames.get(stream, "/slow?ms=5").await;
                }
                // Only now it reads, and a PING of the proxy is answered after everything that was sent.
                let mut others = frames.answers(vec![3, 5, 7, 9]).await;
                // The second GOAWAY comes once the last PING is answered, which may be behind the last of the answers.
                while goaways(&others) < 2 {
                    others.push(frames.answering().await);
                }
                others
            }));
        }
        sigterm_at(&pair, signal).await;
        for one in sending {
            let others = one.await.unwrap();
            assert!(
                others.iter().all(|frame| matches!(frame.kind, GOAWAY | PING)),
                "{others:?}"
            );
            assert_eq!(goaways(&others), 2, "{others:?}");
        }
        assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_goaway_comes_twice_and_streams_between_them_are_served() {
    let pair = Pair::tls("").await;
    pair.blue.answer_when("/wait", "go", "ok");
    let mut frames = Frames::open(&pair).await;
    frames.get(1, "/wait").await;
    pair.blue.reached("/wait").await;
    pair.door.sigterm();

    let goaway = frames.next().await;
    assert_eq!((goaway.kind, last_stream(&goaway)), (GOAWAY, 0x7fff_ffff), "{goaway:?}");
    let ping = frames.next().await;
    assert_eq!((ping.kind, ping.flags), (PING, 0), "{ping:?}");
    // Sent before we have read that.
    frames.get(3, "/hello").await;
    assert!(frames.answers(vec![3]).await.is_empty());
    frames.write(PING, 1, 0, &ping.payload).await;
    // Begun before we have read that, and sent behind our answer: clients let answers to a PING overtake what waits.
    frames.get(5, "/hello").await;
    let again = frames.next().await;
    assert_eq!((again.kind, again.flags), (PING, 0), "{again:?}");
    assert!(frames.answers(vec![5]).await.is_empty());
    frames.write(PING, 1, 0, &again.payload).await;
    let goaway = frames.next().await;
    assert_eq!((goaway.kind, last_stream(&goaway)), (GOAWAY, 5), "{goaway:?}");
    // What is under way ends by itself.
    pair.blue.release("go");
    assert!(frames.answers(vec![1]).await.is_empty());
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_a_connection_that_was_not_used_is_closed_only_after_a_grace() {
    for pair in [Pair::plain("").await, Pair::tls("").await] {
        let target = pair.target();
        let mut unused: Vec<Client> = Vec::new();
        for _ in 0..3 {
            unused.push(target.client().await.unwrap());
        }
        let h2 = if target.tls.is_some() {
            Some(pair.door.h2(HOST).await.unwrap())
        } else {
            None
        };
        // All of them are accepted.
        eventually(secs(10), || async {
            let open = pair.door.status().await.connections;
            let all = unused.len() as u64 + u64::from(h2.is_some());
            holds(open == all, || format!("{open} of {all} connections"))
        })
        .await;
        let signal = Instant::now();
        pair.door.sigterm();
        // The grace is what is tested: something is sent in it.
        tokio::time::sleep_until(signal + DRAIN_GRACE / 2).await;
        let mut late = unused.pop().unwrap();
        let answer = late.get(&target.host, "/late").await.unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.fields.has_token("connection", "close"), "{answer:?}");
        if let Some(h2) = h2 {
            assert_eq!(h2.get(HOST, "/late").await.unwrap().status, 200);
        }
        let mut idle = unused.pop().unwrap();
        // `Truncated` would be an end without close_notify.
        assert_eq!(idle.incoming.fill().await, Ok(0));
        let lived = signal.elapsed();
        assert!(lived >= DRAIN_GRACE, "an unused connection was closed after {lived:?}");
        assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_a_held_request_is_answered_during_the_shutdown() {
    let pair = Pair::plain("").await;
    pair.blue.stop_hard().await;
    let mut client = pair.ask("/held").await;
    pair.door.held("prod", 1).await;
    pair.door.sigterm();
    // The signal has been heard when every answer is the last of its connection.
    eventually(secs(10), || async {
        let answer = pair.door.plain().await.get("unknown.test", "/").await.unwrap();
        holds(answer.fields.has_token("connection", "close"), || format!("{answer:?}"))
    })
    .await;
    pair.blue.listen().await;
    let answer = client.response("GET").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.fields.has_token("connection", "close"));
    assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn n26_requests_that_are_still_held_when_patience_ends_are_answered_and_not_cut() {
    for paused in [true, false] {
        let pair = Pair::plain("hold.for = \"5m\"\ndrain.requests = \"1s\"\n").await;
        if paused {
            let pause = pair.door.proxyctl(&["pause", "prod", "--timeout", "5m"]).await;
            pause.assert_code(0);
        } else {
            pair.blue.stop_hard().await;
        }
        let mut client = pair.ask("/held").await;
        pair.door.held("prod", 1).await;
        pair.door.sigterm();
        let answer = client.response("GET").await.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(pair.door.end(secs(30)).await.code(), Some(0));
    }
}
