//! HTTP/2: field blocks, frames in any parts, and whole connections beside `h2`'s server.
//!
//! Where ours takes a request, `h2` takes it and sees the same; where `h2` alone takes it, our reason is one of [`STRICTER`].

use std::collections::{BTreeMap, BTreeSet};

use greengate::http2::connection::{Bounds, Connection, Event};
use greengate::http2::error::Code;
use greengate::http2::field::Pseudo;
use greengate::http2::frame::{self, FrameHead, HEAD, Kind, PREFACE, flag};
use greengate::http2::hpack::{Decoder, Encoder, Indexing};
use greengate::http2::list::{FieldList, Limits};
use greengate::http2::settings::Settings;

use crate::fuzz;
use crate::h2_server::{self, Message};

const LIMITS: Limits = Limits {
    bytes: 16 * 1024,
    fields: 200,
};

fn bounds() -> Bounds {
    Bounds {
        settings: Settings {
            max_concurrent_streams: Some(100),
            initial_window_size: 1000,
            max_header_list_size: Some(16 * 1024),
            ..Settings::default()
        },
        window: 65_535,
        block: 32 * 1024,
        continuations: 16,
        encoder_table: 4096,
    }
}

/// Words that mean something in field blocks and frames.
const WORDS: &[&[u8]] = &[
    b"\x82",
    b"\x86\x84\x41\x01a",
    b"\x40\x03x-a\x01b",
    b"\x10\x03x-s\x06secret",
    b"\x00\x03X-A\x01b",
    b"\xbe",
    b"\xbf\xbe",
    b"\x20",
    b"\x3f\xe1\x1f",
    b"\x3f\xe2\x1f",
    b"\xff\xff\xff\xff\x0f",
    b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
    b"\x83\xff\xff\xff",
    b"\x00\x00\x00\x04\x01\x00\x00\x00\x00",
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00",
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff",
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00",
    b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678",
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x01\x7f\xff\xff\xff",
    b"\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08",
    b"\x00\x00\x04\x01\x05\x00\x00\x00\x01\x82\x86\x84\x81",
    b"\x00\x00\x04\x01\x04\x00\x00\x00\x03\x82\x86\x84\x81",
    b"\x00\x00\x02\x01\x01\x00\x00\x00\x05\x82\x86",
    b"\x00\x00\x01\x09\x04\x00\x00\x00\x05\x84",
    b"\x00\x00\x05\x00\x01\x00\x00\x00\x03hello",
    b"\x00\x00\x05\x00\x09\x00\x00\x00\x03\x02ab\x00\x00",
    b"\x00\x00\x05\x02\x00\x00\x00\x00\x01\x00\x00\x00\x01\x10",
    b"\x00\x00\x08\x10\x00\x00\x00\x00\x00\x00\x00\x00\x01u=1i",
    b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x00\x00\x03\xba\xff\x00\x00\x00\x00abc",
];

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

fn fields(list: &FieldList) -> Fields {
    list.iter()
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect()
}

/// The blocks of an input: a byte says how long each is.
fn blocks(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while let [length, rest @ ..] = bytes {
        let (block, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        blocks.push(block);
        bytes = rest;
    }
    blocks
}

#[test]
fn field_blocks_are_read_within_bounds_and_again_as_written() {
    fuzz("http2_field_blocks", WORDS, |bytes| {
        let (mut decoder, mut list) = (Decoder::new(4096), FieldList::new(LIMITS));
        let (mut encoder, mut again) = (Encoder::new(4096), Decoder::new(4096));
        for block in blocks(bytes) {
            list.clear();
            if decoder.decode(block, &mut list).is_err() {
                return;
            }
            assert!(decoder.table_size() <= 4096);
            assert!(list.bytes.len() <= LIMITS.bytes && list.fields.len() <= LIMITS.fields);
            if list.malformed().is_some() || list.is_too_large() {
                continue;
            }
            let (mut written, secrets) = (Vec::new(), &list.never_indexed);
            encoder.begin(&mut written);
            for (place, (name, value)) in list.iter().enumerate() {
                let indexing = match secrets.contains(&(place as u32)) {
                    true => Indexing::Never,
                    false if value.len() % 3 == 0 => Indexing::Pass,
                    false => Indexing::Keep,
                };
                encoder.field(&mut written, name, value, indexing);
            }
            let mut read = FieldList::new(LIMITS);
            again.decode(&written, &mut read).unwrap();
            assert_eq!(fields(&read), fields(&list));
            assert_eq!(&read.never_indexed, secrets);
        }
    });
}

/// What a connection has told and said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    events: Vec<String>,
    messages: BTreeMap<u32, Message>,
    /// Streams that were reset, or told to be malformed, and why.
    refused: BTreeMap<u32, &'static str>,
    broken: Option<(Code, &'static str)>,
    /// Requests that `h2` refuses for what is no fault, and whether it ends the connection for one.
    odd: BTreeSet<u32>,
    is_odd: bool,
    said: Vec<u8>,
    /// Bytes of the input that came before the frame that broke the connection.
    fine: usize,
}

/// Reads a connection in parts; each request that is whole gets an answer, and malformed ones are reset.
fn read(parts: &[&[u8]]) -> Told {
    let (mut told, mut input) = (Told::default(), Vec::new());
    let mut connection = Connection::new(bounds(), &mut told.said);
    let mut list = FieldList::new(LIMITS);
    for part in parts {
        input.extend_from_slice(part);
        loop {
            let before = told.said.len();
            let step = connection.step(&input, &mut list, &mut told.said);
            assert!(step.consumed <= input.len());
            let said = told.said.len() - before;
            assert!(said <= 2 * step.consumed + 64, "{said} bytes said to {}", step.consumed);
            assert!(list.bytes.len() <= LIMITS.bytes);
            let Some(event) = step.event else {
                input.drain(..step.consumed);
                told.fine += step.consumed;
                break;
            };
            tell(&mut told, &mut connection, &list, &event, &input);
            input.drain(..step.consumed);
            if told.broken.is_none() {
                told.fine += step.consumed;
            }
        }
    }
    let (held, left) = connection.received();
    assert!(left >= 0 && held <= 65_535);
    assert!(connection.memory() < 64 * 1024);
    told
}

fn tell(told: &mut Told, connection: &mut Connection, list: &FieldList, event: &Event, input: &[u8]) {
    let out = &mut told.said;
    let mut over = None;
    let shown = match event {
        Event::Request { stream, end } => {
            let text = |pseudo| list.pseudo(pseudo).unwrap_or_default();
            if only_h2_refuses(list) {
                told.odd.insert(*stream);
            }
            let parts = [Pseudo::Path, Pseudo::Authority, Pseudo::Scheme];
            told.is_odd |= parts.iter().any(|part| str::from_utf8(text(*part)).is_err());
            let message = Message {
                method: String::from_utf8_lossy(text(Pseudo::Method)).into_owned(),
                path: text(Pseudo::Path).to_vec(),
                fields: sorted(list),
                ..Message::default()
            };
            assert!(told.messages.insert(*stream, message).is_none(), "{stream} twice");
            over = end.then_some(*stream);
            format!("request {stream} {end}")
        }
        Event::Data { stream, data, end } => {
            let message = told.messages.get_mut(stream).unwrap();
            message.body.extend_from_slice(&input[data.clone()]);
            connection.release(*stream, data.len() as u32, out);
            over = end.then_some(*stream);
            String::new()
        }
        Event::Trailers { stream } => {
            told.messages.get_mut(stream).unwrap().trailers = sorted(list);
            over = Some(*stream);
            format!("trailers {stream}")
        }
        Event::Malformed { stream, why, .. } => {
            told.refused.insert(*stream, why);
            connection.reset(*stream, Code::PROTOCOL_ERROR, out);
            format!("malformed {stream} {why}")
        }
        Event::TooLarge { stream, .. } => {
            told.refused.insert(*stream, "too large");
            connection.reset(*stream, Code::PROTOCOL_ERROR, out);
            format!("too large {stream}")
        }
        Event::Reset { stream, .. } => {
            told.refused.insert(*stream, "reset");
            format!("reset {stream}")
        }
        Event::Failed { stream, broken } => {
            told.refused.insert(*stream, broken.why);
            format!("failed {stream} {broken}")
        }
        Event::Broken(broken) => {
            told.broken = Some((broken.code, broken.why));
            format!("broken {broken}")
        }
        other => format!("{other:?}"),
    };
    told.events.push(shown);
    told.events.retain(|shown| !shown.is_empty());
    if let Some(stream) = over {
        told.messages.get_mut(&stream).unwrap().is_whole = true;
        let answered = connection.send_head(stream, 200, true, out, |_| {});
        assert_eq!(answered, Ok(()));
    }
}

fn sorted(list: &FieldList) -> h2_server::Fields {
    let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
    let mut fields: Vec<_> = list.iter().map(|(name, value)| (text(name), value.to_vec())).collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

/// Frames that were said, all of them whole: how many of each kind.
fn assert_whole_frames(mut bytes: &[u8]) {
    while let Some(head) = FrameHead::read(bytes) {
        bytes = &bytes[HEAD + head.length as usize..];
    }
    assert!(bytes.is_empty());
}

#[test]
fn frames_are_the_same_in_any_parts() {
    fuzz("http2_frames", WORDS, |bytes| {
        let bytes = [&PREFACE[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0], bytes].concat();
        let whole = read(&[&bytes]);
        assert_whole_frames(&whole.said);
        for size in [1 + bytes.len() / 512, 7 + bytes.len() / 100, 1 + bytes.len() / 2] {
            let parts: Vec<_> = bytes.chunks(size).collect();
            let told = read(&parts);
            assert_eq!(told.events, whole.events, "in parts of {size}");
            assert_eq!(told.messages, whole.messages, "in parts of {size}");
            // When windows are given back depends on the parts.
            assert_whole_frames(&told.said);
        }
    });
}

/// Where a request or a connection is refused on purpose that `h2` takes, by our words, and why.
const STRICTER: &[(&str, &str)] = &[
    (
        "a stream depends on itself",
        "RFC 7540 §5.3.1: a stream that was not begun cannot be reset, so the connection ends",
    ),
    (
        "a setting that is 0 or 1 is neither",
        "RFC 9218 §2.1, which h2 does not know",
    ),
    ("PRIORITY_UPDATE of no request", "RFC 9218 §7.1, which h2 does not know"),
    (
        "PUSH_PROMISE from a client",
        "RFC 9113 §8.4: h2 looks at its stream first",
    ),
    (
        "a stream's number is not above those before it",
        "RFC 9113 §5.1.1: h2 takes it for a late frame",
    ),
    (
        "HEADERS on a stream that has ended",
        "RFC 9113 §5.1: h2 has not answered yet, and resets the stream alone",
    ),
    (
        "DATA on a stream that has ended",
        "RFC 9113 §5.1: h2 has not answered yet, and resets the stream alone",
    ),
    (
        "pseudo-header field in trailers",
        "RFC 9113 §8.1: h2 takes no look at trailers",
    ),
    (
        "`:authority` is no authority",
        "RFC 9113 §8.1: h2 takes no look at trailers",
    ),
    (
        "Content-Length is not one decimal number",
        "E2: h2 takes no look at trailers",
    ),
    (
        "`:scheme` is no scheme",
        "RFC 9113 §8.3.1: h2 leaves an empty one to its caller",
    ),
    (
        "`:path` is no path",
        "RFC 9113 §8.3.1: h2 leaves one without a slash to its caller",
    ),
    (
        "no `:path`",
        "RFC 9113 §8.3.1: h2 leaves that to its caller for some methods",
    ),
    (
        "field value begins or ends with white space",
        "RFC 9113 §8.2.1: h2 passes it on",
    ),
];

/// What no comparison is made of, because `h2` sees no more of it once it was reset.
const RESET: &str = "reset";

#[test]
fn connections_are_the_same_for_h2() {
    fuzz("http2_connections", WORDS, |program| {
        let bytes = connection(program);
        let ours = read(&[&bytes]);
        let disturbed = disturbed(&bytes[..ours.fine]);
        let theirs = h2_server::read(&bounds(), &bytes[..ours.fine]);
        let shown = || format!("{:?}\n{:?}\n{theirs:?}", ours.events, ours.messages);
        if theirs.broken.is_some() {
            // F3: h2 ends the connection for many a fault of one request.
            let mut reasons = ours.refused.values().copied();
            let is_meant = reasons.any(|why| why != RESET) || ours.is_odd || !disturbed.is_empty();
            assert!(
                is_meant,
                "h2 ends the connection, against {:?}: {}",
                ours.refused,
                shown()
            );
            return;
        }
        for (stream, message) in &ours.messages {
            if ours.refused.contains_key(stream) || ours.odd.contains(stream) || disturbed.contains(stream) {
                continue;
            }
            let mut seen = theirs.messages.get(stream).cloned();
            // h2 hands data out when its frame is whole.
            if let Some(seen) = &mut seen
                && !message.is_whole
                && message.body.starts_with(&seen.body)
            {
                seen.body.clone_from(&message.body);
            }
            assert_eq!(seen.as_ref(), Some(message), "stream {stream}: {}", shown());
        }
        for (stream, message) in theirs.messages.iter().filter(|(_, message)| message.is_whole) {
            let why = ours.refused.get(stream).copied();
            let is_meant = STRICTER.iter().any(|(words, _)| Some(*words) == why) || why == Some(RESET);
            let is_seen = ours.messages.get(stream) == Some(message) || ours.odd.contains(stream);
            assert!(
                is_seen || is_meant,
                "h2 alone takes stream {stream}, against {why:?}: {}",
                shown()
            );
        }
        let Some((code, why)) = ours.broken else { return };
        let theirs = h2_server::read(&bounds(), &bytes).broken;
        let is_meant = STRICTER.iter().any(|(words, _)| *words == why);
        assert!(
            theirs.is_some() || is_meant,
            "h2 goes on, against {code} {why:?}: {:?}",
            ours.events
        );
    });
}

/// Streams of frames that end one, or say something impossible of it. Where ours has answered already, there is nothing to end; `h2`
/// has read all of them by then, and ends the connection for some.
fn disturbed(bytes: &[u8]) -> BTreeSet<u32> {
    let (mut rest, mut found) = (&bytes[PREFACE.len().min(bytes.len())..], BTreeSet::new());
    while let Some(head) = FrameHead::read(rest) {
        let end = (HEAD + head.length as usize).min(rest.len());
        let payload = &rest[HEAD..end];
        let is_disturbing = match head.kind {
            Kind::RST_STREAM => true,
            Kind::WINDOW_UPDATE => payload.iter().all(|byte| *byte == 0),
            Kind::PRIORITY => payload.len() != 5 || payload[..4] == head.stream.to_be_bytes(),
            _ => false,
        };
        if is_disturbing {
            found.insert(head.stream);
        }
        rest = &rest[end..];
    }
    found
}

/// What `h2` cannot take although nothing is wrong with it: it wants parts of a URI, which are forwarded here as they came (F3), and
/// takes what follows a `#` away.
fn only_h2_refuses(list: &FieldList) -> bool {
    let path = list.pseudo(Pseudo::Path).unwrap_or(b"/");
    let authority = list.pseudo(Pseudo::Authority).unwrap_or(b"a");
    http::Uri::try_from(path).is_err()
        || http::uri::Authority::try_from(authority).is_err()
        || http::uri::Scheme::try_from(list.pseudo(Pseudo::Scheme).unwrap_or(b"https")).is_err()
        || path.contains(&b'#')
}

const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "a"),
    (":path", "/"),
];

fn block(encoder: &mut Encoder, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.begin(&mut out);
    for (name, value) in fields {
        encoder.field(&mut out, name.as_bytes(), value.as_bytes(), Indexing::Keep);
    }
    out
}

/// A connection that an input stands for: two bytes say which frame comes next, so that most of what is mutated still is one.
fn connection(program: &[u8]) -> Vec<u8> {
    let mut out = [&PREFACE[..], &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
    let encoder = &mut Encoder::new(4096);
    let (mut rest, mut words) = (program, 0);
    while let [verb, argument, behind @ ..] = rest {
        rest = behind;
        words += 1;
        // Fewer than h2 takes for a flood.
        if words > 60 {
            break;
        }
        let (stream, number) = (1 + 2 * u32::from(argument & 3), argument >> 2);
        let mut put = |kind: Kind, flags: u8, stream: u32, payload: &[u8]| {
            frame::head(&mut out, payload.len(), kind, flags, stream);
            out.extend_from_slice(payload);
        };
        let mut request = |more: &[(&str, &str)]| {
            let fields: Vec<_> = GET.iter().chain(more).copied().collect();
            block(encoder, &fields)
        };
        let end_headers = flag::END_HEADERS;
        match verb % 24 {
            0 => put(Kind::HEADERS, end_headers | flag::END_STREAM, stream, &request(&[])),
            1 => put(Kind::HEADERS, end_headers, stream, &request(&[("x-a", "some value")])),
            2 => {
                let length = (number & 15).to_string();
                put(
                    Kind::HEADERS,
                    end_headers,
                    stream,
                    &request(&[("content-length", &length)]),
                );
            }
            3 => put(Kind::DATA, 0, stream, &vec![b'x'; number.into()]),
            4 => put(
                Kind::DATA,
                flag::END_STREAM,
                stream,
                &vec![b'y'; usize::from(number & 15)],
            ),
            5 => {
                let trailers = block(encoder, &[("x-sum", "1")]);
                put(Kind::HEADERS, end_headers | flag::END_STREAM, stream, &trailers);
            }
            6 => put(Kind::RST_STREAM, 0, stream, &[0, 0, 0, number]),
            7 => put(Kind::WINDOW_UPDATE, 0, stream, &[0, 0, 0, number]),
            8 => put(Kind::WINDOW_UPDATE, 0, 0, &[number << 2, 0, 0, number]),
            9 => put(Kind::SETTINGS, 0, 0, &[0, number & 15, 0, 0, number, *argument]),
            10 => put(Kind::PING, number & 1, 0, b"12345678"),
            11 => put(Kind::PRIORITY, 0, stream, &[0, 0, 0, number, 7]),
            12 => put(Kind(0x20 + number), *argument, stream, b"grease"),
            13 => {
                let whole = request(&[("x-b", "another")]);
                let (first, second) = whole.split_at(usize::from(number) % whole.len());
                put(Kind::HEADERS, flag::END_STREAM, stream, first);
                put(Kind::CONTINUATION, end_headers, stream, second);
            }
            14 => put(Kind::CONTINUATION, number & 4, stream, b""),
            15 => {
                let payload = [&[number & 15][..], b"padded data"].concat();
                put(Kind::DATA, flag::PADDED | (number >> 5 & 1), stream, &payload);
            }
            16 => {
                let odd = [
                    ("connection", "close"),
                    ("te", "gzip"),
                    ("te", "trailers"),
                    ("x", " a"),
                    ("x", "a\u{1}b"),
                    ("x", "a\tb"),
                    (":path", "/again"),
                    (":status", "200"),
                    ("transfer-encoding", "chunked"),
                    ("content-length", "+1"),
                    ("host", "b"),
                    ("cookie", "a=b"),
                    ("x", "caf\u{e9}"),
                    ("x y", "z"),
                    ("", "z"),
                    ("upgrade", "x"),
                ][usize::from(number & 15)];
                let block = request(&[odd]);
                put(Kind::HEADERS, end_headers | flag::END_STREAM, stream, &block);
            }
            17 => {
                let odd = [
                    ("/", "GET", "https"),
                    ("", "GET", "https"),
                    ("x", "GET", "https"),
                    ("*", "OPTIONS", "https"),
                    ("*", "GET", "https"),
                    ("/a b", "GET", "https"),
                    ("/\"<>", "GET", "https"),
                    ("/caf\u{e9}", "GET", "https"),
                    ("/?a=\"b\"", "GET", "https"),
                    ("/", "G ET", "https"),
                    ("/", "", "https"),
                    ("/", "PROPFIND", "http"),
                    ("/", "GET", ""),
                    ("/", "GET", "a b"),
                    ("/#x", "GET", "https"),
                    ("//", "GET", "ftp"),
                ][usize::from(number & 15)];
                let fields = [
                    (":method", odd.1),
                    (":scheme", odd.2),
                    (":authority", "a"),
                    (":path", odd.0),
                ];
                let block = block(encoder, &fields[..]);
                put(Kind::HEADERS, end_headers | flag::END_STREAM, stream, &block);
            }
            18 => {
                let without = usize::from(number & 3);
                let mut fields = GET.to_vec();
                fields.remove(without);
                let block = block(encoder, &fields);
                put(Kind::HEADERS, end_headers | flag::END_STREAM, stream, &block);
            }
            19 => put(Kind::PRIORITY_UPDATE, 0, 0, &[0, 0, 0, number, b'u', b'=', b'1']),
            20 => put(Kind::PUSH_PROMISE, end_headers, stream, b"\0\0\0\x02\x82"),
            21 => put(
                Kind(number & 15),
                *argument >> 4,
                stream,
                &vec![0; usize::from(argument & 15)],
            ),
            // Behind GOAWAY, h2 forgets what it has not handed out yet.
            22 if number & 15 == Kind::GOAWAY.0 => {}
            22 => put(Kind(number & 15), 0, 0, &vec![0; usize::from(argument & 15)]),
            _ => {
                // A field block as it stands here.
                let (block, behind) = rest.split_at(rest.len().min(usize::from(number)));
                rest = behind;
                put(Kind::HEADERS, end_headers | flag::END_STREAM, stream, block);
            }
        }
    }
    out
}
