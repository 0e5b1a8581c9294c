//! The same of HTTP/2: whole connections of clients with something wrong in their frames, field blocks, bodies and padding.
//!
//! A client parses what it is about to send, completes a frame that was cut short, and asks at its end for the answer to a PING: so it knows
//! of each stream that it has begun what became of it, and of none that is merely late.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use fastrand::Rng;
use rustls::ClientConfig;

use super::{client_of, each, is_replay, seeds};
use crate::common::client::tls_from;
use crate::common::door::{Door, QUICK};
use crate::common::fixture::HOST;
use crate::common::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, Frames, GOAWAY, HEADERS, Heads, PADDED, PING, PREFACE,
    PRIORITY, PRIORITY_UPDATE, RST_STREAM, SETTINGS, WINDOW_UPDATE, encode, literal,
};
use crate::common::recorder::Recorder;
use crate::common::secs;

/// HEADERS with the priority of RFC 7540.
const WITH_PRIORITY: u8 = 0x20;
/// The largest frame that the door takes (RFC 9113 §4.2).
const LARGEST: usize = 16_384;
const FRAME_HEAD: usize = 9;
/// Asked once everything was sent, and once all is known.
const SENT: &[u8; 8] = b"all sent";
const KNOWN: &[u8; 8] = b"is known";
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// What would be a request, if anybody took it for one.
const INNER: &[u8] = b"GET /inner HTTP/1.1\r\nHost: app.localhost\r\nX: y\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Frame {
    Frame {
        kind,
        flags,
        stream,
        payload: payload.to_vec(),
    }
}

/// A block: static entries for scheme and method (RFC 7541, Appendix A), and literals that the table keeps.
fn head(method: u8, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![method, 0x87];
    block.extend(literal(0x40, ":authority", HOST.as_bytes()));
    block.extend(literal(0, ":path", path.as_bytes()));
    for (name, value) in fields {
        block.extend(literal(0x40, name, value.as_bytes()));
    }
    block
}

const GET: u8 = 0x82;
const POST: u8 = 0x83;
const WHOLE: u8 = END_HEADERS | END_STREAM;

/// What clients say behind their preface and settings, with nothing wrong in it.
fn conversations() -> Vec<Vec<Frame>> {
    let named = |method: &str, path: &str, fields: &[(&str, &str)]| {
        let mut block = literal(0, ":method", method.as_bytes());
        block.extend(&head(GET, path, fields)[1..]);
        block
    };
    let again = |path: &str| [&[GET, 0x87, 0xbe][..], &literal(0, ":path", path.as_bytes())].concat();
    let split = head(
        GET,
        "/split",
        &[("x-a", "some value"), ("cookie", "a=b"), ("cookie", "c=d")],
    );
    let web_socket = [
        literal(0, ":method", b"CONNECT"),
        literal(0, ":protocol", b"websocket"),
        head(GET, "/ws", &[("sec-websocket-version", "13")])[1..].to_vec(),
    ];
    let padded = [&[7][..], b"padded", &[0; 7]].concat();
    let inner_length = INNER.len().to_string();
    vec![
        vec![frame(HEADERS, WHOLE, 1, &head(GET, "/", &[("accept", "*/*")]))],
        vec![
            frame(HEADERS, END_HEADERS, 1, &head(POST, "/a", &[("content-length", "11")])),
            frame(DATA, 0, 1, b"hello"),
            frame(DATA, END_STREAM, 1, b" world"),
        ],
        vec![
            frame(HEADERS, END_HEADERS, 1, &head(POST, "/b", &[("te", "trailers")])),
            frame(DATA, PADDED, 1, &padded),
            frame(HEADERS, WHOLE, 1, &literal(0, "x-sum", b"1")),
            frame(HEADERS, WHOLE, 3, &head(GET, "/c", &[])),
        ],
        vec![
            frame(HEADERS, END_STREAM, 1, &split[..9]),
            frame(CONTINUATION, 0, 1, &split[9..40]),
            frame(CONTINUATION, END_HEADERS, 1, &split[40..]),
            frame(
                HEADERS,
                WHOLE | WITH_PRIORITY,
                3,
                &[&[0, 0, 0, 1, 9][..], &head(GET, "/d", &[])].concat(),
            ),
        ],
        vec![
            frame(HEADERS, WHOLE, 1, &head(GET, "/e", &[])),
            frame(PRIORITY_UPDATE, 0, 0, &[&[0, 0, 0, 3][..], b"u=1, i"].concat()),
            frame(HEADERS, WHOLE, 3, &again("/f")),
            frame(PING, 0, 0, b"12345678"),
            frame(
                HEADERS,
                WHOLE,
                5,
                &[&[0x20, 0x3f, 0xe1, 0x1f][..], &head(GET, "/g", &[])].concat(),
            ),
            frame(WINDOW_UPDATE, 0, 0, &[0, 0, 16, 0]),
        ],
        vec![
            frame(HEADERS, END_HEADERS, 1, &head(POST, "/h", &[])),
            frame(HEADERS, END_HEADERS, 3, &head(POST, "/i", &[])),
            frame(DATA, 0, 1, b"one"),
            frame(DATA, 0, 3, b"two"),
            frame(RST_STREAM, 0, 1, &CANCEL),
            frame(DATA, END_STREAM, 3, b"three"),
            frame(HEADERS, WHOLE, 5, &head(GET, "/j", &[])),
        ],
        vec![
            frame(
                HEADERS,
                END_HEADERS,
                1,
                &head(
                    POST,
                    "/k",
                    &[("content-length", &inner_length), ("x-b", "tab\tand blank ")],
                ),
            ),
            frame(DATA, END_STREAM, 1, INNER),
            frame(HEADERS, WHOLE, 3, &named("DELETE", "/l", &[])),
        ],
        vec![
            frame(HEADERS, END_HEADERS, 1, &web_socket.concat()),
            frame(DATA, 0, 1, INNER),
            frame(HEADERS, WHOLE, 3, &head(GET, "/m", &[])),
            frame(DATA, END_STREAM, 1, b""),
        ],
        vec![
            frame(
                HEADERS,
                END_HEADERS,
                1,
                &named("PUT", "/n", &[("expect", "100-continue"), ("content-length", "3")]),
            ),
            frame(DATA, END_STREAM, 1, b"abc"),
            frame(HEADERS, WHOLE, 3, &named("HEAD", "/o?p=q", &[("x-c", "")])),
        ],
        vec![
            frame(HEADERS, WHOLE, 1, &head(GET, "/r", &[])),
            frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0]),
            frame(PRIORITY, 0, 7, &[0, 0, 0, 0, 1]),
            frame(HEADERS, WHOLE, 3, &head(GET, "/s", &[])),
            frame(0xba, 9, 0, b"grease"),
            frame(GOAWAY, 0, 0, &[0; 8]),
        ],
    ]
}

/// Frames that do not belong where they are put.
fn strangers() -> Vec<Frame> {
    vec![
        frame(RST_STREAM, 0, 1, &CANCEL),
        frame(WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff]),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]),
        frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0]),
        frame(DATA, 0, 1, INNER),
        frame(DATA, END_STREAM, 3, b""),
        frame(CONTINUATION, END_HEADERS, 1, &literal(0, "x-d", b"e")),
        frame(HEADERS, WHOLE, 1, &literal(0, "x-trailer", b"t")),
        frame(HEADERS, WHOLE, 9, &head(GET, "/t", &[])),
        frame(PRIORITY_UPDATE, 0, 0, &[0, 0, 0, 1, b'u', b'=', b'9']),
        frame(GOAWAY, 0, 0, &[0; 8]),
    ]
}

/// Fields that mean something else to an app, or nothing that a head may have.
fn smuggled() -> Vec<Vec<u8>> {
    vec![
        literal(0, "transfer-encoding", b"chunked"),
        literal(0, "content-length", b"3"),
        literal(0, "content-length", b"+5"),
        literal(0, "connection", b"x-a, content-length"),
        literal(0, "x", b"a\r\nContent-Length: 3"),
        literal(0, "x\r\ny", b"z"),
        literal(0, "x", b"a\r\n\r\nGET /inner HTTP/1.1"),
        literal(0, ":path", b"/two HTTP/1.1\r\nX: y"),
        literal(0, ":method", b"GET /inner HTTP/1.1\r\n\r\nPOST"),
        literal(0, "host", b"other.test"),
        literal(0, "upgrade", b"websocket"),
        literal(0, "X-Real-IP", b"192.0.2.1"),
        literal(0, "x-real-ip", b"192.0.2.1"),
        vec![0x20],
        vec![0xbe],
        vec![0xff, 0xff, 0xff, 0xff, 0x0f],
    ]
}

/// What the seed's client sends, complete frames to the last.
fn mutated(rng: &mut Rng) -> Vec<u8> {
    let all = conversations();
    let mut frames = all[rng.usize(..all.len())].clone();
    let wild = rng.u8(..6) == 0;
    for _ in 0..rng.usize(usize::from(!wild)..=2) {
        if !frames.is_empty() {
            mutate(rng, &mut frames);
        }
    }
    let mut bytes = [PREFACE, &encode(SETTINGS, 0, 0, b"")].concat();
    // Seldom in what comes first: otherwise little else is tried.
    let from = if rng.u8(..16) == 0 { 0 } else { bytes.len() };
    for one in &frames {
        bytes.extend(encode(one.kind, one.flags, one.stream, &one.payload));
    }
    for _ in 0..if wild { rng.usize(1..=2) } else { 0 } {
        if from == bytes.len() {
            break;
        }
        let at = rng.usize(from..bytes.len());
        match rng.u8(..4) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, rng.u8(..)),
            _ => bytes.truncate(at),
        }
    }
    while !Begun::of(&bytes).complete {
        bytes.push(0);
    }
    bytes
}

fn mutate(rng: &mut Rng, frames: &mut Vec<Frame>) {
    let place = rng.usize(..frames.len());
    let one = &mut frames[place];
    let at = rng.usize(..one.payload.len().max(1));
    match rng.u8(..15) {
        0..=3 if !one.payload.is_empty() => match rng.u8(..4) {
            0 => one.payload[at] ^= 1 << rng.u8(..8),
            1 => one.payload[at] = rng.u8(..),
            2 => drop(one.payload.remove(at)),
            _ => one.payload.insert(at, b"\r\n\0 :,\x80\xff"[rng.usize(..8)]),
        },
        4 => one.payload.truncate(at),
        5 => one.flags ^= 1 << rng.u8(..8),
        6 => one.kind = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 42][rng.usize(..12)],
        7 => one.stream = [0, 1, 2, 3, 5, 0x8000_0001][rng.usize(..6)],
        8 => {
            let one = one.clone();
            frames.insert(rng.usize(..=place), one);
        }
        9 => drop(frames.remove(place)),
        10 => {
            let other = rng.usize(..frames.len());
            frames.swap(place, other);
        }
        11 => {
            let strangers = strangers();
            frames.insert(place, strangers[rng.usize(..strangers.len())].clone());
        }
        12 | 13 => {
            let smuggled = smuggled();
            let field = &smuggled[rng.usize(..smuggled.len())];
            if let Some(head) = frames.iter_mut().find(|one| one.kind == HEADERS) {
                let at = if rng.bool() { head.payload.len() } else { 0 };
                head.payload.splice(at..at, field.iter().copied());
            }
        }
        // More of padding than there is of anything.
        _ => {
            one.flags |= PADDED;
            one.payload.insert(0, rng.u8(..));
        }
    }
}

/// What a client has begun with these bytes, read as nothing but frames.
#[derive(Default)]
struct Begun {
    /// Streams, and whether the client has ended them.
    streams: BTreeMap<u32, bool>,
    /// Those among them that it has reset.
    reset: BTreeSet<u32>,
    /// The last frame is whole, or none that anybody would read on for.
    complete: bool,
}

impl Begun {
    fn of(bytes: &[u8]) -> Self {
        let (mut begun, mut rest) = (Self::default(), &bytes[PREFACE.len().min(bytes.len())..]);
        if bytes.len() < PREFACE.len() {
            return begun;
        }
        begun.complete = !bytes.starts_with(PREFACE);
        while !rest.is_empty() && !begun.complete {
            let Some(head) = rest.first_chunk::<FRAME_HEAD>() else {
                return begun;
            };
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            if length > LARGEST {
                break;
            }
            if rest.len() < FRAME_HEAD + length {
                return begun;
            }
            let stream = u32::from_be_bytes(head[5..].try_into().expect("four bytes")) & (u32::MAX >> 1);
            let (kind, ends) = (head[3], head[4] & END_STREAM != 0);
            match kind {
                HEADERS if stream % 2 == 1 => *begun.streams.entry(stream).or_default() |= ends,
                DATA => {
                    if let Some(is_over) = begun.streams.get_mut(&stream) {
                        *is_over |= ends;
                    }
                }
                RST_STREAM if begun.streams.contains_key(&stream) => drop(begun.reset.insert(stream)),
                _ => {}
            }
            rest = &rest[FRAME_HEAD + length..];
        }
        begun.complete = true;
        begun
    }
}

/// What became of a client's streams.
#[derive(Debug, Default)]
struct Became {
    /// Those with a final head, or reset by either side, or ended with their connection.
    settled: BTreeSet<u32>,
    /// The numbers of the app's answers.
    answers: Vec<usize>,
    /// The client was told until its last word, which was no error.
    is_clean: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn mutated_connections_of_http2_reach_no_app_without_an_answer() {
    let app = Recorder::start().await;
    let door = Door::start(&format!(
        "{QUICK}\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{}\"\n",
        app.address()
    ))
    .await;
    let (https, trust) = (door.https(), door.trust(&["h2"]));
    let known = each(seeds(1_000, 10_000), |seed| {
        let trust = trust.clone();
        async move {
            match tokio::time::timeout(secs(60), ask(seed, https, trust)).await {
                Ok(became) => (seed, became),
                Err(_) => panic!("SEED={seed}: neither answers nor an end"),
            }
        }
    })
    .await;
    assert_eq!(door.h2(HOST).await.unwrap().get(HOST, "/").await.unwrap().status, 200);
    // An app may see a request after its client has given up: whatever is on its way has arrived when nobody is connected to it.
    door.sigterm();
    door.end(secs(90)).await;

    let requests = app.requests().await;
    let faults = app.faults();
    assert!(faults.is_empty(), "the app saw what no door may send: {faults:#?}");
    let mut reached: HashMap<&str, Vec<&str>> = HashMap::new();
    for seen in &requests {
        reached.entry(&seen.client).or_default().push(&seen.start);
    }
    let mut given = BTreeSet::new();
    for (seed, became) in &known {
        let address = client_of(*seed).to_string();
        let saw = reached.get(&*address).map_or(&[][..], Vec::as_slice);
        assert!(
            saw.len() <= became.settled.len(),
            "SEED={seed}: the app saw {saw:?}, and of the client's streams there is {became:?}"
        );
        for answer in &became.answers {
            assert_eq!(
                requests[answer - 1].client,
                address,
                "SEED={seed}: the answer of another"
            );
            assert!(given.insert(*answer), "SEED={seed}: answer {answer} was given before");
        }
    }
    // Otherwise this would prove nothing.
    let count = |what: &dyn Fn(&Became) -> bool| known.iter().filter(|(_, became)| what(became)).count();
    let (clean, answered) = (count(&|one| one.is_clean), count(&|one| !one.answers.is_empty()));
    eprintln!(
        "{} clients: {clean} to the end, {answered} with answers of the app",
        known.len()
    );
    let enough = known.len() / 10;
    assert!(is_replay() || (clean > enough && answered > enough && clean < known.len() - enough));
}

/// Sends the seed's connection in a few parts, and reads until it is known of each stream what became of it.
async fn ask(seed: u64, https: SocketAddr, trust: Arc<ClientConfig>) -> Became {
    let mut rng = Rng::with_seed(seed);
    let bytes = mutated(&mut rng);
    let Begun {
        streams: begun, reset, ..
    } = Begun::of(&bytes);
    let wire = tls_from(client_of(seed), https, HOST, &trust).await.unwrap();
    let mut frames = Frames::over(wire);
    if is_replay() {
        eprintln!("{begun:?} by \"{}\"", bytes.escape_ascii());
    }
    let size = rng.usize(1..=bytes.len()).max(bytes.len() / 6 + 1);
    for part in bytes.chunks(size) {
        frames.write(part).await;
        tokio::task::yield_now().await;
    }
    frames.send(PING, 0, 0, SENT).await;

    let mut became = Became {
        settled: reset,
        ..Became::default()
    };
    let (mut heads, mut answers) = (Heads::default(), BTreeMap::new());
    // Without a last word that says otherwise, all of them may have been taken.
    let mut last = u32::MAX >> 1;
    let mut was_read = false;
    while let Some(frame) = frames.next(&mut 0).await {
        if is_replay() {
            eprintln!("{frame:?}");
        }
        match frame.kind {
            HEADERS => answer(seed, &mut heads, &frame, &mut became, &mut answers),
            DATA => {
                let answer = answers.get_mut(&frame.stream).expect("a head before a body");
                answer.body.extend_from_slice(&frame.payload);
            }
            RST_STREAM => drop(became.settled.insert(frame.stream)),
            GOAWAY => {
                last = u32::from_be_bytes(frame.payload[..4].try_into().expect("four bytes"));
                if frame.code() != 0 {
                    break;
                }
            }
            PING if frame.flags & ACK != 0 && frame.payload == SENT => {
                was_read = true;
                // What the client will never end, it gives up.
                for (stream, _) in begun.iter().filter(|(_, is_over)| !**is_over) {
                    if became.settled.insert(*stream) {
                        frames.send(RST_STREAM, 0, *stream, &CANCEL).await;
                    }
                }
            }
            PING if frame.flags & ACK != 0 && frame.payload == KNOWN => {
                became.is_clean = true;
                break;
            }
            _ => {}
        }
        if frame.ends_stream()
            && let Some(answer) = answers.get(&frame.stream)
            && let Some(number) = answer.number
        {
            let expected = if answer.is_bare {
                String::new()
            } else {
                format!("answer {number}\n")
            };
            assert_eq!(String::from_utf8_lossy(&answer.body), expected, "SEED={seed}");
        }
        // Of streams behind its last word the door does nothing.
        if was_read
            && begun
                .keys()
                .all(|stream| *stream > last || became.settled.contains(stream))
        {
            was_read = false;
            frames.send(PING, 0, 0, KNOWN).await;
        }
    }
    if !became.is_clean {
        became.settled.extend(begun.keys().filter(|stream| **stream <= last));
    }
    became.settled.retain(|stream| begun.contains_key(stream));
    became
}

/// An answer, as far as it has come: the app's has a number.
#[derive(Default)]
struct Answer {
    number: Option<usize>,
    /// It is one to HEAD.
    is_bare: bool,
    body: Vec<u8>,
}

/// A head has come: final unless its status says otherwise.
fn answer(seed: u64, heads: &mut Heads, frame: &Frame, became: &mut Became, answers: &mut BTreeMap<u32, Answer>) {
    let fields = heads.read(frame);
    let field = |wanted: &str| {
        let found = fields.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_str())
    };
    let status: u16 = field(":status")
        .and_then(|status| status.parse().ok())
        .expect("a status");
    if status < 200 {
        return;
    }
    let number = field("x-answer").and_then(|number| number.parse().ok());
    became.settled.insert(frame.stream);
    became.answers.extend(number);
    let before = answers.insert(
        frame.stream,
        Answer {
            number,
            is_bare: field("x-method") == Some("HEAD"),
            body: Vec::new(),
        },
    );
    assert!(before.is_none(), "SEED={seed}: two heads");
}
