//! Whole connections with `h2`'s client at the other end: both sides see the same requests, answers, trailers and resets, whatever the
//! sizes of windows, frames and tables. Everything goes through heads that were drawn at random, so the field blocks of both sides
//! are read by the other.

use std::collections::BTreeMap;
use std::future::poll_fn;

use bytes::Bytes;
use fastrand::Rng;
use greengate::http2::connection::{Bounds, Connection, Event};
use greengate::http2::error::Code;
use greengate::http2::hpack::Indexing;
use greengate::http2::list::FieldList;
use h2::client::SendRequest;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::kit::{LIMITS, bounds};

/// A field as bytes, and whether it is a secret.
type Field = (String, Vec<u8>, bool);

fn any_fields(rng: &mut Rng, prefix: &str) -> Vec<Field> {
    // Few names, and few values of some of them, so that the tables are of use.
    let field = |rng: &mut Rng| {
        let name = format!("{prefix}-{}", rng.u8(0..12));
        let value = match rng.u8(..8) {
            0 => Vec::new(),
            1..=4 => format!("value {}", rng.u8(0..5)).into_bytes(),
            5 => (0..rng.usize(1..60)).map(|_| rng.u8(0x21..0x7f)).collect(),
            6 => (0..rng.usize(1..60)).map(|_| rng.u8(0x80..)).collect(),
            _ => vec![rng.u8(0x21..0x7f); rng.usize(1..900)],
        };
        (name, value, rng.u8(..8) == 0)
    };
    (0..rng.usize(0..8)).map(|_| field(rng)).collect()
}

/// What of a head is compared: fields whose names begin so, values of one name in their order.
fn with_prefix(prefix: &str, fields: impl Iterator<Item = (String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> = fields.filter(|(name, _)| name.starts_with(prefix)).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

fn of_map(prefix: &str, map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    with_prefix(
        prefix,
        map.iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())),
    )
}

fn of_list(prefix: &str, list: &FieldList) -> Vec<(String, Vec<u8>)> {
    with_prefix(
        prefix,
        list.iter()
            .map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), value.to_vec())),
    )
}

fn of_fields(fields: &[Field]) -> Vec<(String, Vec<u8>)> {
    with_prefix("", fields.iter().map(|(name, value, _)| (name.clone(), value.clone())))
}

fn to_map(fields: &[Field]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value, is_secret) in fields {
        let mut value = HeaderValue::from_bytes(value).unwrap();
        value.set_sensitive(*is_secret);
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
    }
    map
}

/// One request, and what is to become of it.
#[derive(Debug, Clone)]
struct Plan {
    number: usize,
    fields: Vec<Field>,
    body: usize,
    trailers: Vec<Field>,
    /// The client resets it behind so many bytes.
    resets_after: Option<usize>,
    /// The server resets it in place of an answer.
    is_refused: bool,
    answer: Vec<Field>,
    answer_trailers: Vec<Field>,
}

fn any_plan(rng: &mut Rng, number: usize) -> Plan {
    let body = [0, 1, 100, 16_384, 40_000, 150_000][rng.usize(..6)];
    Plan {
        number,
        fields: any_fields(rng, "x-r"),
        body,
        trailers: if rng.bool() { any_fields(rng, "x-t") } else { Vec::new() },
        resets_after: (rng.u8(..8) == 0 && body > 0).then(|| rng.usize(..body)),
        is_refused: rng.u8(..10) == 0,
        answer: any_fields(rng, "x-a"),
        answer_trailers: if rng.bool() { any_fields(rng, "x-z") } else { Vec::new() },
    }
}

/// Byte `at` of the body of a request.
fn byte(number: usize, at: usize) -> u8 {
    (number * 7 + at * 13 + at / 251) as u8
}

fn body(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| byte(number, at)).collect()
}

/// What the server has of one stream.
#[derive(Default)]
struct Echo {
    number: usize,
    waiting: Vec<u8>,
    received: usize,
    has_head: bool,
    has_ended: bool,
    resets: bool,
    trailers: Vec<(String, Vec<u8>)>,
}

/// Serves a connection over our machine: every body comes back.
struct Server<'p> {
    connection: Connection,
    list: FieldList,
    out: Vec<u8>,
    streams: BTreeMap<u32, Echo>,
    plans: &'p [Plan],
    told: BTreeMap<u32, usize>,
    resets: usize,
}

fn indexing(rng: &mut Rng, is_secret: bool) -> Indexing {
    match rng.u8(..4) {
        _ if is_secret => Indexing::Never,
        0 => Indexing::Pass,
        _ => Indexing::Keep,
    }
}

impl Server<'_> {
    fn event(&mut self, event: Event, input: &[u8]) {
        match event {
            Event::Request { stream, end } => {
                let number = self.list.get_number();
                let plan = &self.plans[number];
                assert_eq!(of_list("x-r", &self.list), of_fields(&plan.fields), "request {number}");
                // A secret that h2 has in its table as something else, it takes from there.
                let secrets = plan.fields.iter().filter(|(.., is_secret)| *is_secret).count();
                assert!(self.list.never_indexed.len() <= secrets, "request {number}");
                let echo = Echo {
                    number,
                    has_ended: end,
                    resets: plan.is_refused,
                    ..Echo::default()
                };
                assert!(self.streams.insert(stream, echo).is_none());
                *self.told.entry(stream).or_default() += 1;
            }
            Event::Data { stream, data, end } => {
                let echo = self.streams.get_mut(&stream).unwrap();
                for read in &input[data] {
                    assert_eq!(*read, byte(echo.number, echo.received));
                    echo.received += 1;
                    echo.waiting.push(*read);
                }
                echo.has_ended |= end;
            }
            Event::Trailers { stream } => {
                let echo = self.streams.get_mut(&stream).unwrap();
                echo.has_ended = true;
                echo.trailers = of_list("x-t", &self.list);
                let plan = &self.plans[echo.number];
                assert_eq!(echo.trailers, of_fields(&plan.trailers), "request {}", echo.number);
            }
            Event::Reset { stream, .. } => {
                self.resets += 1;
                assert!(
                    self.streams.remove(&stream).is_some(),
                    "reset of {stream}, of which nothing was told"
                );
            }
            Event::Settings | Event::Room { .. } | Event::Goaway { .. } | Event::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Says what there is room for.
    fn answer(&mut self, rng: &mut Rng) {
        let mut over = Vec::new();
        for (stream, echo) in &mut self.streams {
            let (stream, plan) = (*stream, &self.plans[echo.number]);
            if echo.resets {
                self.connection.reset(stream, Code::REFUSED_STREAM, &mut self.out);
                over.push(stream);
                continue;
            }
            if !echo.has_head {
                echo.has_head = true;
                if rng.bool() {
                    let hint = self.connection.send_head(stream, 103, false, &mut self.out, |fields| {
                        fields.add(b"link", b"</style.css>", Indexing::Keep);
                    });
                    hint.unwrap();
                }
                let head = self.connection.send_head(stream, 200, false, &mut self.out, |fields| {
                    for (name, value, is_secret) in &plan.answer {
                        fields.add(name.as_bytes(), value, indexing(rng, *is_secret));
                    }
                });
                head.unwrap();
            }
            let ends = echo.has_ended && plan.answer_trailers.is_empty();
            let sent = self
                .connection
                .send_data(stream, &echo.waiting, ends, &mut self.out)
                .unwrap();
            echo.waiting.drain(..sent);
            self.connection.release(stream, sent as u32, &mut self.out);
            if !echo.has_ended || !echo.waiting.is_empty() {
                continue;
            }
            if !ends {
                let trailers = self.connection.send_trailers(stream, &mut self.out, |fields| {
                    for (name, value, is_secret) in &plan.answer_trailers {
                        fields.add(name.as_bytes(), value, indexing(rng, *is_secret));
                    }
                });
                trailers.unwrap();
            }
            over.push(stream);
        }
        for stream in over {
            self.streams.remove(&stream);
        }
    }

    /// Until the client closes.
    async fn serve(mut self, mut io: DuplexStream, rng: &mut Rng) -> Self {
        let (mut input, mut part) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            io.write_all(&self.out).await.unwrap();
            self.out.clear();
            let most = rng.usize(1..=part.len());
            let read = io.read(&mut part[..most]).await.unwrap_or(0);
            if read == 0 {
                return self;
            }
            input.extend_from_slice(&part[..read]);
            loop {
                let step = self.connection.step(&input, &mut self.list, &mut self.out);
                let event = step.event.clone();
                if let Some(event) = event {
                    self.event(event, &input);
                }
                input.drain(..step.consumed);
                if step.event.is_none() {
                    break;
                }
            }
            self.answer(rng);
        }
    }
}

trait Number {
    fn get_number(&self) -> usize;
}

impl Number for FieldList {
    fn get_number(&self) -> usize {
        let path = self.pseudo(greengate::http2::field::Pseudo::Path).unwrap();
        str::from_utf8(&path[1..]).unwrap().parse().unwrap()
    }
}

/// How a request ended, for its client.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Answered,
    Reset,
}

async fn ask(sender: SendRequest<Bytes>, plan: Plan) -> Ended {
    let mut sender = sender.ready().await.unwrap();
    let mut request = Request::builder()
        .method("POST")
        .uri(format!("https://example.com/{}", plan.number));
    request.headers_mut().unwrap().extend(to_map(&plan.fields));
    let ends = plan.body == 0 && plan.trailers.is_empty();
    let (response, mut upload) = sender.send_request(request.body(()).unwrap(), ends).unwrap();
    drop(sender);
    let sending = async {
        let bytes = body(plan.number, plan.body);
        let mut sent = 0;
        while sent < bytes.len() {
            if plan.resets_after.is_some_and(|after| sent >= after) {
                upload.send_reset(h2::Reason::CANCEL);
                return;
            }
            upload.reserve_capacity(bytes.len() - sent);
            let Some(Ok(room)) = poll_fn(|cx| upload.poll_capacity(cx)).await else {
                return;
            };
            let until = (sent + room).min(bytes.len());
            let is_last = until == bytes.len() && plan.trailers.is_empty();
            let part = Bytes::copy_from_slice(&bytes[sent..until]);
            if upload.send_data(part, is_last).is_err() {
                return;
            }
            sent = until;
        }
        if !plan.trailers.is_empty() {
            let _ = upload.send_trailers(to_map(&plan.trailers));
        }
    };
    let receiving = async {
        let Ok(response) = response.await else {
            return Ended::Reset;
        };
        assert_eq!(response.status(), 200);
        assert_eq!(of_map("x-a", response.headers()), of_fields(&plan.answer));
        let mut stream = response.into_body();
        let mut received = 0;
        while let Some(data) = stream.data().await {
            let Ok(data) = data else { return Ended::Reset };
            for (at, read) in data.iter().enumerate() {
                assert_eq!(*read, byte(plan.number, received + at));
            }
            received += data.len();
            let _ = stream.flow_control().release_capacity(data.len());
        }
        let Ok(trailers) = stream.trailers().await else {
            return Ended::Reset;
        };
        assert_eq!(received, plan.body);
        assert_eq!(
            of_map("x-z", &trailers.unwrap_or_default()),
            of_fields(&plan.answer_trailers)
        );
        Ended::Answered
    };
    tokio::join!(sending, receiving).1
}

fn play(seed: u64) -> (usize, usize) {
    let rng = &mut Rng::with_seed(seed);
    let plans: Vec<_> = (0..rng.usize(1..24)).map(|number| any_plan(rng, number)).collect();
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(rng.u32(1..100_000))
        .initial_connection_window_size(rng.u32(65_535..200_000))
        .max_frame_size(rng.u32(16_384..40_000))
        .header_table_size([0, 64, 300, 4096, 65_536][rng.usize(..5)])
        // As many as may be open it hears with our SETTINGS.
        .initial_max_send_streams(1)
        .enable_push(false);
    let mut ours: Bounds = bounds();
    ours.settings.max_concurrent_streams = Some(rng.u32(1..30));
    ours.settings.initial_window_size = rng.u32(1..100_000);
    ours.settings.header_table_size = [0, 64, 300, 4096, 65_536][rng.usize(..5)];
    ours.settings.max_frame_size = rng.u32(16_384..40_000);
    ours.window = rng.u32(65_535..200_000);
    ours.encoder_table = [0, 64, 4096, 8192][rng.usize(..4)];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (client_io, server_io) = tokio::io::duplex(rng.usize(1000..100_000));
        let mut out = Vec::new();
        let server = Server {
            connection: Connection::new(ours, &mut out),
            list: FieldList::new(LIMITS),
            out,
            streams: BTreeMap::new(),
            plans: &plans,
            told: BTreeMap::new(),
            resets: 0,
        };
        let client = async {
            let (sender, connection) = builder.handshake::<_, Bytes>(client_io).await.unwrap();
            let asking = async {
                let asks = plans.iter().map(|plan| ask(sender.clone(), plan.clone()));
                let ended = futures_util::future::join_all(asks).await;
                drop(sender);
                ended
            };
            // The connection ends when nobody asks any more.
            let (ended, connection) = tokio::join!(asking, connection);
            connection.unwrap();
            ended
        };
        let mut server_rng = Rng::with_seed(seed + 1);
        let both = async { tokio::join!(client, server.serve(server_io, &mut server_rng)) };
        let both = tokio::time::timeout(std::time::Duration::from_secs(60), both);
        let (ended, server) = both.await.unwrap_or_else(|_| panic!("SEED={seed} stands still"));
        let answered = ended.iter().filter(|ended| **ended == Ended::Answered).count();
        for (plan, ended) in plans.iter().zip(ended) {
            let what = format!("SEED={seed} request {}", plan.number);
            let is_cut = plan.is_refused || plan.resets_after.is_some();
            assert!(is_cut || ended == Ended::Answered, "{what}");
            assert!(!plan.is_refused || ended == Ended::Reset, "{what}");
        }
        assert!(server.told.values().all(|times| *times == 1), "SEED={seed}");
        assert!(server.streams.is_empty(), "SEED={seed}");
        assert_eq!(server.connection.open_streams(), 0, "SEED={seed}");
        assert_eq!(server.connection.received().0, 0, "SEED={seed}");
        assert!(
            server.connection.memory() < 1000,
            "SEED={seed} {}",
            server.connection.memory()
        );
        assert_eq!(server.connection.counts().refused, 0, "SEED={seed}");
        (answered, server.resets)
    })
}

#[test]
fn whole_connections_are_the_same_for_both_sides() {
    let (mut answered, mut resets) = (0, 0);
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..60, |seed: u64| seed..seed + 1) {
        let (more, cut) = play(seed);
        (answered, resets) = (answered + more, resets + cut);
    }
    assert!(
        only.is_some() || (answered > 300 && resets > 5),
        "{answered} answered, {resets} reset"
    );
}
