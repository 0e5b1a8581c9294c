//! What a steady request costs, counted and not timed: instructions, system calls, allocations and looks at the clock of the thread
//! that serves, in the real `proxyd` under callgrind, beside the figures in `baseline.toml`. The same bytes cost the same on every
//! machine, whatever else runs there. `benches/README.md` says how to read them and when to renew them.
//!
//! A client asks again and again on a connection that stays open, one request at a time, of an app that answers at once. What is left
//! to chance is kept out: one thread serves; its chores, which come with the time, are seldom; and the seeds of hash tables, which are
//! other ones in each process, weigh next to nothing beside a whole request.

mod baseline;
mod callgrind;

use std::collections::BTreeMap;

use http::Request;

use crate::common::app::{App, send};
use crate::common::client::Client;
use crate::common::door::{Door, environment};
use crate::common::h2::H2;
use baseline::Figures;
use callgrind::Profile;

/// Requests that are counted. What the last one has left to do when its answer is there is counted with others, or not at all.
const REQUESTS: u32 = 100;

/// Requests before: connections are open then, and memory that is kept has been asked for.
const BEFORE: u32 = 20;

const TARGET: &str = "/assets/app.js?v=3";

/// What a browser says beside the target and the host.
const FIELDS: [(&str, &str); 10] = [
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    ),
    ("Accept", "*/*"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "no-cors"),
    ("Sec-Fetch-Dest", "script"),
    ("Referer", "https://app.example.com/"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en;q=0.9"),
    ("Cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
    ("If-None-Match", "\"5f3-abc\""),
];

const ANSWER: &str = "HTTP/1.1 200 OK\r\nX-Powered-By: Express\r\nContent-Type: text/javascript; charset=utf-8\r\n\
                      Content-Length: 13\r\nETag: W/\"d-kzTCYBHZqCqMXwqGGyGQVQ\"\r\nDate: Sat, 01 Aug 2026 12:00:00 GMT\r\n\
                      Connection: keep-alive\r\nKeep-Alive: timeout=72\r\n\r\nHello, world!";

/// Without probes, sweeps and closed connections in between.
const DEFAULTS: &str = "\n[defaults]\nkeepalive.idle = \"60s\"\n";

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Tls,
    Http2,
}

/// What a core does in each round of its chores, and at no other time.
const CHORES: &str = "greengate::proxy::stock::waiting::Waiting::tick";

/// Each request is decided once, by the thread that serves.
const DECIDES: &str = "greengate::proxy::exchange::decide::decide";

impl Protocol {
    const ALL: [Self; 3] = [Self::Http1, Self::Tls, Self::Http2];

    fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Tls => "HTTP/1.1 over TLS",
            Self::Http2 => "HTTP/2 over TLS",
        }
    }

    /// What a request's way consists of: a name, and the functions that do it. Some are parts of others: route, claim and the head for the
    /// app are decided together.
    fn pieces(self, logged: bool) -> Vec<(&'static str, &'static [&'static str])> {
        let mut pieces: Vec<(_, &'static [_])> = match self {
            Self::Http1 | Self::Tls => vec![
                ("parse the request", &["greengate::http1::head::RequestHead::parse"]),
                (
                    "frame the answer",
                    &["greengate::proxy::client::h1::response::Response::write_head"],
                ),
            ],
            Self::Http2 => vec![
                ("read the request", &["greengate::proxy::message::request::of_http2"]),
                ("frame the answer", &["greengate::proxy::client::h2::fields::add_all"]),
            ],
        };
        pieces.extend::<[(_, &'static [_]); 5]>([
            ("decide", &[DECIDES]),
            ("route", &["greengate::proxy::route::route::route"]),
            (
                "claim",
                &[
                    "greengate::proxy::core::claim::Claim::of",
                    "<greengate::proxy::core::claim::Claim as core::ops::drop::Drop>::drop",
                ],
            ),
            (
                "rewrite and frame the request",
                &["greengate::proxy::message::headers::request"],
            ),
            ("parse the answer", &["greengate::http1::head::ResponseHead::parse"]),
        ]);
        if logged {
            pieces.push(("log", &["greengate::telemetry::access_log::Lines::write"]));
        }
        pieces
    }
}

/// Environments of both kinds, logged and not, behind a door that is counted.
struct Counted {
    door: Door,
    _apps: Vec<App>,
}

impl Counted {
    async fn start() -> Self {
        let (mut apps, mut config) = (Vec::new(), DEFAULTS.to_owned());
        for protocol in [Protocol::Http1, Protocol::Tls] {
            for logged in [false, true] {
                let (name, host) = place(protocol, logged);
                let (blue, green) = (App::start("blue", "v1").await, App::stopped("green", "v2"));
                blue.on("/assets/app.js", vec![send(ANSWER)]);
                config.push_str(&environment(name, host, &blue, &green));
                let tls = if protocol == Protocol::Http1 { "off" } else { "internal" };
                config.push_str(&format!("tls = \"{tls}\"\nlog = {logged}\n"));
                apps.extend([blue, green]);
            }
        }
        let door = callgrind::start("workers = 1", &config).await;
        Self { door, _apps: apps }
    }

    /// Asks, and says what a request has cost.
    async fn ask(&self, protocol: Protocol, logged: bool) -> Profile {
        let (name, host) = place(protocol, logged);
        let name = format!("{name} {protocol:?}");
        let mut asking = Asking::connect(&self.door, protocol, host).await;
        asking.times(BEFORE).await;
        callgrind::dump(&self.door, &format!("before {name}")).await;
        asking.times(REQUESTS).await;
        callgrind::dump(&self.door, &name).await;
        callgrind::of_thread(&self.door, &name, DECIDES)
    }
}

/// An environment and its host.
fn place(protocol: Protocol, logged: bool) -> (&'static str, &'static str) {
    match (protocol, logged) {
        (Protocol::Http1, false) => ("plain", "plain.test"),
        (Protocol::Http1, true) => ("plain-logged", "logged.test"),
        (Protocol::Tls | Protocol::Http2, false) => ("tls", "tls.localhost"),
        (Protocol::Tls | Protocol::Http2, true) => ("tls-logged", "logged.localhost"),
    }
}

/// A connection that asks the same again and again.
enum Asking {
    Http1(Client, String),
    Http2(H2, &'static str),
}

impl Asking {
    async fn connect(door: &Door, protocol: Protocol, host: &'static str) -> Self {
        let fields: String = FIELDS
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let text = format!("GET {TARGET} HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n{fields}\r\n");
        match protocol {
            Protocol::Http1 => Self::Http1(door.plain().await, text),
            Protocol::Tls => Self::Http1(door.tls(host).await.unwrap(), text),
            Protocol::Http2 => Self::Http2(door.h2(host).await.unwrap(), host),
        }
    }

    async fn times(&mut self, times: u32) {
        for _ in 0..times {
            let answer = match self {
                Self::Http1(client, text) => {
                    client.send(&text).await.unwrap();
                    client.response("GET").await
                }
                Self::Http2(client, host) => {
                    let request = Request::get(format!("https://{host}{TARGET}"));
                    let request = FIELDS
                        .iter()
                        .fold(request, |request, (name, value)| request.header(*name, *value));
                    client.send(request, bytes::Bytes::new()).await
                }
            };
            let answer = answer.unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, world!"));
        }
    }
}

/// What a request has cost, from what all of them have.
fn figures(profile: &Profile, protocol: Protocol, logged: bool) -> Figures {
    let decided = profile.calls(&[DECIDES]);
    assert_eq!(decided, u64::from(REQUESTS), "each request is decided once");
    let each = |count: u64| count as f64 / f64::from(REQUESTS);
    let mut instructions = BTreeMap::from([("whole".to_owned(), each(profile.instructions()).round() as u64)]);
    for (name, functions) in protocol.pieces(logged) {
        if profile.calls(functions) > 0 {
            instructions.insert(name.to_owned(), each(profile.inclusive(functions)).round() as u64);
        } else if cfg!(debug_assertions) {
            // A compiler that optimises may have made it a part of something else.
            panic!("nobody called any of {functions:?}: has it another name now?");
        }
    }
    let (clock, system_calls): (Vec<_>, Vec<_>) = profile
        .system_calls()
        .into_iter()
        .partition(|(name, _)| name.starts_with("clock_gettime"));
    Figures {
        instructions,
        system_calls: each(system_calls.iter().map(|(_, calls)| calls).sum()),
        named: system_calls
            .into_iter()
            .map(|(name, calls)| (name, each(calls)))
            .collect(),
        allocations: each(profile.calls(&["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"])),
        chores: each(profile.calls(&[CHORES])),
        looks_at_the_clock: each(clock.iter().map(|(_, calls)| calls).sum()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_steady_request_costs_what_it_did() {
    let counted = Counted::start().await;
    let mut work = Vec::new();
    for protocol in Protocol::ALL {
        for logged in [false, true] {
            let profile = counted.ask(protocol, logged).await;
            let figures = figures(&profile, protocol, logged);
            let name = format!("{}, {}", protocol.name(), if logged { "logged" } else { "not logged" });
            // Shown when the test fails.
            eprintln!("{name}: {figures:?}");
            work.push((name, figures));
        }
    }
    drop(counted);
    baseline::judge(&work);
}
