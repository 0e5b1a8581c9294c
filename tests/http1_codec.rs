//! The HTTP/1.1 codec against the rules of the edge (E1–E6, E24), against itself on every split, against hyper on the same
//! bytes, and against garbage. A failure of a seeded test names its seed; `SEED=` replays it alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may panic as tests do"
)]

#[path = "http1_codec/generated.rs"]
mod generated;
#[path = "http1_codec/hyper_side.rs"]
mod hyper_side;
#[path = "http1_codec/reading.rs"]
mod reading;

use std::ops::Range;

use fastrand::Rng;
use greengate::http1::chunked::{BodyDecoder, BodyError};
use greengate::http1::framing::{self, Framing, FramingError};
use greengate::http1::head::{HeadError, Limits, Method, Parsed, RequestHead, ResponseHead};
use greengate::http1::write;
use proptest::prelude::*;

use generated::{SEEDS, mutated};
use reading::{LIMITS, Message, Reading, read};

/// Of each kind; `tests/fuzz` makes many more.
const MUTATIONS: u64 = 2_000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn seeds() -> Range<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..MUTATIONS,
    }
}

// --- The rows of the edge ---------------------------------------------------------------------------------------------------

/// A POST with `fields` (each with its CRLF) and whatever stands behind the head.
fn post(fields: &str, body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}").into_bytes()
}

/// Every row is refused as it should be, in one piece and in any two.
fn assert_refused(bytes: &[u8], expected: &Reading) {
    let shown = bytes[..bytes.len().min(200)].escape_ascii();
    assert_eq!(&read(&[bytes]), expected, "{shown}");
    let step = (bytes.len() / 500).max(1);
    for at in (0..bytes.len()).step_by(step) {
        assert_eq!(&read(&[&bytes[..at], &bytes[at..]]), expected, "{shown} split at {at}");
    }
}

#[test]
fn e1_two_framings_are_refused() {
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "transfer-encoding: chunked\r\nX: y\r\ncontent-length: 5\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 0\r\n",
    ] {
        assert_refused(&post(fields, "0\r\n\r\n"), &Reading::Framing(FramingError::Both));
    }
}

#[test]
fn e2_a_length_that_is_not_one_number_is_refused() {
    for value in [
        "+5",
        "-5",
        "5, 5",
        "5,6",
        "0x5",
        "5a",
        "",
        " ",
        "5 5",
        "5;",
        "18446744073709551616",
        "٥",
    ] {
        let fields = format!("Content-Length: {value}\r\n");
        assert_refused(&post(&fields, "hello"), &Reading::Framing(FramingError::Length));
    }
    for second in ["5", "6", "05"] {
        let fields = format!("Content-Length: 5\r\ncontent-length: {second}\r\n");
        assert_refused(&post(&fields, "hello"), &Reading::Framing(FramingError::Length));
    }
}

#[test]
fn e3_a_coding_that_is_not_exactly_chunked_is_refused() {
    for value in [
        "gzip",
        "chunked, gzip",
        "chunked, chunked",
        "chunked,",
        ",chunked",
        "xchunked",
        "\"chunked\"",
        "",
    ] {
        let fields = format!("Transfer-Encoding: {value}\r\n");
        assert_refused(&post(&fields, "0\r\n\r\n"), &Reading::Framing(FramingError::NotChunked));
    }
    let before = "Transfer-Encoding: gzip, chunked\r\n";
    assert_refused(&post(before, "0\r\n\r\n"), &Reading::Framing(FramingError::Coding));
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_refused(&post(twice, "0\r\n\r\n"), &Reading::Framing(FramingError::NotChunked));
    let vertical_tab = "Transfer-Encoding: \x0bchunked\r\n";
    assert_refused(
        &post(vertical_tab, ""),
        &Reading::Head(HeadError::Malformed("control character")),
    );
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_refused(old, &Reading::Framing(FramingError::NotChunked));
}

#[test]
fn e4_lines_that_readers_could_take_in_two_ways_are_refused() {
    let table = [
        ("A: b\r\n c\r\n", "folded line"),
        (" A: b\r\n", "folded line"),
        ("Content-Length : 5\r\n", "space before the colon"),
        ("Content-Length\t: 5\r\n", "space before the colon"),
        ("A: b\rContent-Length: 5\r\n", "bare carriage return"),
        ("A: b\r\r\n", "bare carriage return"),
        ("A: b\0\r\n", "null byte"),
        ("A\0: b\r\n", "null byte"),
        ("A: b\n", "bare line feed"),
        ("A: b\n\n", "bare line feed"),
        ("\n", "bare line feed"),
        ("A: b\x1b[31m\r\n", "control character"),
        (": b\r\n", "empty field name"),
        ("A\r\n", "field line without a colon"),
    ];
    for (fields, why) in table {
        assert_refused(&post(fields, "hello"), &Reading::Head(HeadError::Malformed(why)));
    }
    assert_refused(
        b"GET / HTTP/1.1\nHost: a\n\n",
        &Reading::Head(HeadError::Malformed("bare line feed")),
    );
}

#[test]
fn e5_chunks_beyond_bounds_or_grammar_are_refused() {
    let malformed = |what| Reading::Body(BodyError::Malformed(what));
    let long = |len| "x".repeat(len);
    let table = [
        (
            "10000000000000000\r\n".to_owned(),
            malformed("chunk size has too many digits"),
        ),
        ("ffffffffffffffff\r\n".to_owned(), malformed("chunk size is too large")),
        ("1;a\nb\r\n".to_owned(), malformed("bare line feed")),
        ("1;a\rb\r\n".to_owned(), malformed("bare carriage return")),
        (format!("1;{}", long(5000)), Reading::Body(BodyError::TooLarge)),
        (
            format!("1;{}\r\na\r\n", long(4000)).repeat(5),
            Reading::Body(BodyError::TooLarge),
        ),
        (format!("0\r\nA: {}", long(17_000)), Reading::Body(BodyError::TooLarge)),
        (
            format!("0\r\n{}", "A: b\r\n".repeat(101)),
            Reading::Body(BodyError::TooLarge),
        ),
        ("0\r\nA: b\n\r\n".to_owned(), malformed("bare line feed")),
        ("1\r\na\n0\r\n\r\n".to_owned(), malformed("bare line feed")),
    ];
    for (body, expected) in table {
        assert_refused(&post("Transfer-Encoding: chunked\r\n", &body), &expected);
    }
}

#[test]
fn e6_trailers_that_name_framing_or_identity_are_dropped() {
    let trailers = "Content-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\nHost: c\r\nAuthorization: d\r\nE: f\r\n";
    let bytes = post(
        "Transfer-Encoding: chunked\r\n",
        &format!("1\r\nx\r\n0\r\n{trailers}\r\n"),
    );
    let Reading::Whole(message) = read(&[&bytes]) else {
        panic!("not whole")
    };
    assert_eq!(message.trailers, b"A: b\r\nE: f\r\n");
    assert_eq!(message.body, b"x");
}

/// A Host is judged by whoever routes; the codec shows every one, as it was written.
#[test]
fn e12_every_host_is_shown_as_it_was_written() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a, b\r\nHOST: u@c d\r\n\r\n";
    let Reading::Whole(message) = read(&[bytes]) else {
        panic!("not whole")
    };
    let expected = [
        ("host".to_owned(), b"a, b".to_vec()),
        ("host".to_owned(), b"u@c d".to_vec()),
    ];
    assert_eq!(message.fields, expected);
}

/// E24. One byte at a time, up to the limit and not beyond.
#[test]
fn e24_a_head_that_trickles_in_ends_at_the_limit() {
    let mut bytes = b"GET / HTTP/1.1\r\n".to_vec();
    bytes.extend_from_slice(format!("A: {}\r\n", "x".repeat(1000)).repeat(70).as_bytes());
    let mut head = RequestHead::new();
    let refused = (1..=bytes.len()).find(|&end| head.parse(&bytes[..end], LIMITS) != Ok(Parsed::Partial));
    assert_eq!(refused, Some(LIMITS.bytes));
    assert_eq!(head.parse(&bytes[..LIMITS.bytes], LIMITS), Err(HeadError::TooLarge));
}

#[test]
fn the_preface_of_http_2_is_another_version() {
    assert_refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &Reading::Head(HeadError::Version));
}

// --- Splits -----------------------------------------------------------------------------------------------------------------

#[test]
fn every_split_in_three_gives_the_same_message() {
    for bytes in SEEDS {
        let whole = read(&[bytes]);
        assert!(matches!(whole, Reading::Whole(_)), "{}", bytes.escape_ascii());
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(read(&parts), whole, "{} at {first}, {second}", bytes.escape_ascii());
            }
        }
    }
}

#[test]
fn byte_by_byte_gives_the_same_message_or_the_same_refusal() {
    for seed in seeds() {
        let bytes = mutated(&mut Rng::with_seed(seed), SEEDS);
        let parts: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(read(&parts), read(&[&bytes]), "SEED={seed} {}", bytes.escape_ascii());
    }
}

// --- hyper on the same bytes ------------------------------------------------------------------------------------------------

/// Whether a target is one that only hyper refuses, because it wants a URI. Ours are forwarded as they came (E20); the proxy
/// judges what it routes by.
fn only_hyper_refuses(target: &[u8]) -> bool {
    hyper::Uri::try_from(target).is_err()
        || target.iter().any(|byte| !byte.is_ascii_graphic())
        || httparse::Request::new(&mut [])
            .parse(&[b"GET ", target, b" HTTP/1.1\r\n\r\n"].concat())
            .is_err()
}

/// What we accept, hyper accepts and reads in the same way. True if there was something to compare.
fn compare(runtime: &tokio::runtime::Runtime, bytes: &[u8]) -> bool {
    let Reading::Whole(ours) = read(&[bytes]) else {
        return false;
    };
    let Some(theirs) = hyper_side::read(runtime, bytes) else {
        let connect = ours.method == "CONNECT";
        assert!(
            connect || only_hyper_refuses(&ours.target),
            "only hyper refuses {}",
            bytes.escape_ascii()
        );
        return false;
    };
    assert_same(&ours, theirs, bytes);
    true
}

fn assert_same(ours: &Message, mut theirs: hyper_side::Seen, bytes: &[u8]) {
    let shown = bytes.escape_ascii();
    assert_eq!(ours.method, theirs.method, "{shown}");
    let target = hyper::Uri::try_from(ours.target.as_slice()).unwrap().to_string();
    assert_eq!(target, theirs.target, "{shown}");
    assert_eq!(
        format!("{:?}", ours.version),
        format!("{:?}", theirs.version)
            .replace(['/', '.'], "")
            .replace("HTTP", "Http")
    );
    // hyper's map keeps the order of values with one name, not that of names.
    let mut fields = ours.fields.clone();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    theirs.fields.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(fields, theirs.fields, "{shown}");
    assert_eq!(ours.body, theirs.body, "{shown}");
    for line in ours.trailers.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|&b| b == b':').unwrap();
        let name = String::from_utf8(line[..colon].to_ascii_lowercase()).unwrap();
        let value = line[colon + 1..].trim_ascii().to_vec();
        assert!(theirs.trailers.contains(&(name, value)), "{shown}");
    }
}

#[test]
fn mutated_requests_that_we_accept_hyper_reads_in_the_same_way() {
    let runtime = runtime();
    let mut compared = 0;
    for seed in seeds() {
        let bytes = mutated(&mut Rng::with_seed(seed), SEEDS);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| compare(&runtime, &bytes)));
        match outcome {
            Ok(counts) => compared += u64::from(counts),
            Err(_) => panic!("SEED={seed}"),
        }
    }
    assert!(
        seeds().count() == 1 || compared > MUTATIONS / 10,
        "{compared} were compared"
    );
}

/// The deliberate exceptions in the other direction: hyper takes these, we do not.
#[test]
fn we_are_stricter_than_hyper_only_where_we_mean_to_be() {
    let head = |bytes: &str| format!("{bytes} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let table: [(&str, Vec<u8>); 11] = [
        (
            "bare line feeds end lines (E4)",
            b"GET / HTTP/1.1\nHost: a\n\n".to_vec(),
        ),
        (
            "a bare line feed ends one line (E4)",
            b"GET / HTTP/1.1\r\nHost: a\nA: b\r\n\r\n".to_vec(),
        ),
        ("any number of empty lines comes first", head("\r\n\r\nGET /")),
        ("Transfer-Encoding wins over Content-Length (E1)", {
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")
        }),
        (
            "equal lengths are one (E2)",
            post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"),
        ),
        (
            "other codings come before chunked (E3)",
            post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ),
        ("codings come in two fields (E3)", {
            post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")
        }),
        ("white space pads a chunk size", chunked("1  \r\na\r\n0\r\n\r\n")),
        ("a bare line feed in a trailer (E5)", chunked("0\r\nA: b\n\r\n\r\n")),
        (
            "control characters in a chunk extension",
            chunked("1;\x01\r\na\r\n0\r\n\r\n"),
        ),
        (
            "an extension of more than 4 KiB (E5)",
            chunked(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(5000))),
        ),
    ];
    let runtime = runtime();
    for (what, bytes) in table {
        assert!(
            hyper_side::read(&runtime, &bytes).is_some(),
            "hyper no longer accepts: {what}"
        );
        assert!(read(&[&bytes]).is_refused(), "we accept: {what}");
    }
}

#[test]
fn what_hyper_refuses_we_refuse() {
    let table: [Vec<u8>; 14] = [
        post("Content-Length: +5\r\n", "hello"),
        post("Content-Length: 5, 6\r\n", "hello"),
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
        post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"),
        post("Transfer-Encoding: identity\r\n", ""),
        post("A : b\r\n", ""),
        post("A: b\r\n c\r\n", ""),
        post("A: \0\r\n", ""),
        post("A: b\rc\r\n", ""),
        post("Transfer-Encoding: chunked\r\n", "g\r\n"),
        post("Transfer-Encoding: chunked\r\n", "1;a\nb\r\na\r\n0\r\n\r\n"),
        post("Transfer-Encoding: chunked\r\n", "10000000000000000\r\n"),
        post("Transfer-Encoding: chunked\r\n", "1\r\nab\r\n0\r\n\r\n"),
        b"GET / HTTP/2.0\r\n\r\n".to_vec(),
    ];
    let runtime = runtime();
    for bytes in table {
        let shown = bytes.escape_ascii();
        assert_eq!(hyper_side::read(&runtime, &bytes), None, "hyper accepts {shown}");
        assert!(read(&[&bytes]).is_refused(), "we accept {shown}");
    }
}

// --- Garbage ----------------------------------------------------------------------------------------------------------------

/// Framing fields in a raw head, found without the codec's help.
fn framing_lines(head: &[u8]) -> usize {
    let lines = head.split(|&b| b == b'\r' || b == b'\n');
    let names = lines.map(|line| {
        line.split(|&b| b == b':')
            .next()
            .unwrap_or_default()
            .trim_ascii()
            .to_ascii_lowercase()
    });
    names
        .filter(|name| name == b"content-length" || name == b"transfer-encoding")
        .count()
}

#[test]
fn mutated_requests_do_no_harm() {
    let mut whole = 0;
    for seed in seeds() {
        let rng = &mut Rng::with_seed(seed);
        let bytes = mutated(rng, SEEDS);
        let at = rng.usize(..=bytes.len());
        // `read` itself holds the decoder to consuming no more than it was given.
        let reading = read(&[&bytes[..at], &bytes[at..]]);
        if let Reading::Whole(message) = &reading {
            whole += 1;
            assert!(message.len <= bytes.len(), "SEED={seed}");
            let end = bytes
                .windows(4)
                .skip(2)
                .position(|four| four == b"\r\n\r\n")
                .map(|found| found + 2);
            let head = &bytes[..end.unwrap()];
            assert!(framing_lines(head) <= 1, "SEED={seed} {}", bytes.escape_ascii());
        }
    }
    assert!(seeds().count() == 1 || whole > MUTATIONS / 10, "{whole} were whole");
}

#[test]
fn mutated_responses_do_no_harm() {
    const RESPONSES: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\nSet-Cookie: a=b\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\nServer: x\r\n\r\nuntil the end",
        b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ];
    let mut whole = 0;
    let mut head = ResponseHead::new();
    for seed in seeds() {
        let rng = &mut Rng::with_seed(seed);
        let bytes = mutated(rng, RESPONSES);
        let at = rng.usize(..=bytes.len());
        let first = head.parse(&bytes[..at], LIMITS);
        let second = head.parse(&bytes, LIMITS);
        if first != Ok(Parsed::Partial) {
            assert_eq!(first, second, "SEED={seed}");
        }
        if second != Ok(Parsed::Whole) {
            continue;
        }
        whole += 1;
        assert!(
            (100..=999).contains(&head.status) && head.len <= bytes.len(),
            "SEED={seed}"
        );
        let Ok(framing) = framing::of_response(Method::Get, &head, &bytes) else {
            continue;
        };
        let rest = &bytes[head.len..];
        let mut body = Vec::new();
        let consumed = reading::decode(&mut BodyDecoder::of_response(framing), rest, &mut body);
        assert!(consumed.is_err() || body.len() <= rest.len(), "SEED={seed}");
    }
    assert!(seeds().count() == 1 || whole > MUTATIONS / 10, "{whole} were whole");
}

// --- Properties -------------------------------------------------------------------------------------------------------------

fn token() -> impl Strategy<Value = String> {
    "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}"
}

/// A value as it is after trimming.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![6 => 0x21..0x7fu8, 1 => 0x80..=0xffu8, 1 => Just(b' '), 1 => Just(b'\t')];
    proptest::collection::vec(byte, 0..40).prop_map(|bytes| {
        let blank = |b: &u8| matches!(b, b' ' | b'\t');
        let start = bytes.iter().position(|b| !blank(b)).unwrap_or(bytes.len());
        let end = bytes.iter().rposition(|b| !blank(b)).map_or(start, |at| at + 1);
        bytes[start..end].to_vec()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_made_by_the_rules_is_read_to_its_last_byte_and_no_further((bytes, len) in generated::request()) {
        let Reading::Whole(message) = read(&[&bytes]) else {
            return Err(TestCaseError::fail(format!("{:?}", read(&[&bytes]))));
        };
        prop_assert_eq!(message.len, len);
        prop_assert!(compare(&runtime(), &bytes));
    }

    #[test]
    fn a_request_in_pieces_is_the_same_request((bytes, _) in generated::request(), first: prop::sample::Index, second: prop::sample::Index) {
        let whole = read(&[&bytes]);
        let (first, second) = (first.index(bytes.len() + 1), second.index(bytes.len() + 1));
        let (first, second) = (first.min(second), first.max(second));
        prop_assert_eq!(read(&[&bytes[..first], &bytes[first..second], &bytes[second..]]), whole.clone());
        for at in 0..=bytes.len() {
            prop_assert_eq!(&read(&[&bytes[..at], &bytes[at..]]), &whole);
        }
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index) {
        let at = at.index(bytes.len() + 1);
        prop_assert_eq!(read(&[&bytes[..at], &bytes[at..]]), read(&[&bytes]));
        let mut body = Vec::new();
        let _: Result<usize, BodyError> = reading::decode(&mut BodyDecoder::of_response(Framing::Chunked), &bytes, &mut body);
        prop_assert!(body.len() <= bytes.len());
    }

    #[test]
    fn what_is_written_is_read_again(
        status in 100..=999u16,
        fields in proptest::collection::vec((token(), value()), 0..50),
        reason in value(),
    ) {
        let mut bytes = Vec::new();
        write::status_line(&mut bytes, status, &reason);
        for (name, value) in &fields {
            write::field(&mut bytes, name.as_bytes(), value);
        }
        bytes.extend_from_slice(b"\r\n");
        let mut head = ResponseHead::new();
        prop_assert_eq!(head.parse(&bytes, Limits { bytes: 1 << 20, fields: 50 }), Ok(Parsed::Whole));
        prop_assert_eq!((head.status, head.len), (status, bytes.len()));
        let phrase = if reason.is_empty() { write::phrase(status).as_bytes() } else { &reason };
        prop_assert_eq!(head.reason.of(&bytes), phrase);
        let read: Vec<_> = head.fields.iter().map(|f| (f.name.of(&bytes).to_vec(), f.value.of(&bytes).to_vec())).collect();
        let written: Vec<_> = fields.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn chunks_that_are_written_are_read_again(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..600), 0..8),
        trailers in proptest::collection::vec(value(), 0..4),
        piece in 1..64usize,
    ) {
        let mut bytes = Vec::new();
        for chunk in &chunks {
            write::chunk_size(&mut bytes, chunk.len());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        let mut section = Vec::new();
        for value in &trailers {
            write::field(&mut section, b"X-Trailer", value);
        }
        write::last_chunk(&mut bytes, &section);
        let mut decoder = BodyDecoder::of_response(Framing::Chunked);
        let mut body = Vec::new();
        for part in bytes.chunks(piece) {
            prop_assert_eq!(reading::decode(&mut decoder, part, &mut body), Ok(part.len()));
        }
        prop_assert!(decoder.is_done());
        prop_assert_eq!(body, chunks.concat());
        prop_assert_eq!(decoder.trailers(), section.as_slice());
    }
}
