//! Heads and bodies over HTTP/2 that are none (E10), and heads that are far larger than they look (E27). An error ends its
//! stream, behind an answer where one is possible, or its connection, and nothing reaches the app.

use super::attack::{Attacker, COMPRESSION_ERROR, ENHANCE_YOUR_CALM, PROTOCOL_ERROR, Poured};
use crate::common::beside::{Allowed, beside_a_good_client};
use crate::common::fixture::{HOST, Pair};
use crate::common::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, Frames, GOAWAY, HEADERS, Heads, RST_STREAM, block, encode,
    integer, literal,
};
use crate::common::{eventually, holds, secs};

type Field = (&'static str, &'static [u8]);

const LITTLE: Allowed = Allowed { mib: 6, cpu: secs(1) };

/// `METHOD /refused`, and these fields.
fn head(method: &'static [u8], more: &[Field]) -> Vec<Field> {
    [&fields_of(method, b"/refused"), more].concat()
}

fn fields_of<'f>(method: &'f [u8], target: &'f [u8]) -> [(&'static str, &'f [u8]); 4] {
    [
        (":method", method),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target),
    ]
}

/// Sends a head: the frames that come for it.
async fn answer(pair: &Pair, block: &[u8], flags: u8) -> Vec<Frame> {
    let mut frames = Frames::connect(&pair.door, HOST).await;
    frames.send(HEADERS, END_HEADERS | flags, 1, block).await;
    all_of(&mut frames).await
}

/// The frames of the first stream. Behind the answer to a request that is malformed, the stream is reset (RFC 9113 §8.1.1).
async fn all_of(frames: &mut Frames) -> Vec<Frame> {
    let mut seen = frames.until_end(1).await;
    if seen.first().and_then(Frame::status) == Some(400) && seen.iter().all(|frame| frame.kind != RST_STREAM) {
        seen.extend(frames.until_end(1).await);
    }
    seen
}

/// A head that is malformed gets 400, and RST_STREAM behind that.
async fn refused(pair: &Pair, fields: &[Field], flags: u8) {
    let mut frames = Frames::connect(&pair.door, HOST).await;
    frames.send(HEADERS, END_HEADERS | flags, 1, &block(fields)).await;
    let seen = all_of(&mut frames).await;
    assert_eq!(seen[0].status(), Some(400), "{fields:?}: {seen:?}");
    is_refused_alone(&mut frames, &seen, &format!("{fields:?}")).await;
}

/// The frames of the first stream say that it is in error, and it is that alone: the next one is answered as ever.
async fn is_refused_alone(frames: &mut Frames, seen: &[Frame], what: &str) {
    let ends = seen.iter().filter(|frame| matches!(frame.kind, RST_STREAM | GOAWAY));
    let ends: Vec<_> = ends.map(|frame| (frame.kind, frame.code())).collect();
    assert_eq!(ends, [(RST_STREAM, PROTOCOL_ERROR)], "{what}: {seen:?}");
    frames.request(3, &fields_of(b"GET", b"/who"), true).await;
    let next = frames.until_end(3).await;
    let status = next.first().and_then(Frame::status);
    assert_eq!(status, Some(200), "{what}, and the next stream: {next:?}");
}

/// Nothing of these heads has reached the app.
fn nothing_reached(pair: &Pair) {
    let targets = pair.blue.targets();
    assert!(targets.iter().all(|target| !target.contains("/refused")), "{targets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_a_head_with_fields_of_a_connection_is_refused() {
    let pair = Pair::tls("").await;
    let fields: [Field; 9] = [
        ("connection", b"close"),
        ("connection", b"x-field"),
        ("keep-alive", b"timeout=5"),
        ("proxy-connection", b"keep-alive"),
        ("transfer-encoding", b"chunked"),
        ("upgrade", b"websocket"),
        ("upgrade", b"h2c"),
        ("te", b"gzip"),
        ("te", b"trailers, deflate"),
    ];
    for field in fields {
        for (method, flags) in [(&b"GET"[..], END_STREAM), (b"POST", 0)] {
            refused(&pair, &head(method, &[field]), flags).await;
        }
    }
    nothing_reached(&pair);
    let te = answer(&pair, &block(&head(b"GET", &[("te", b"trailers")])), END_STREAM).await;
    assert_eq!(te[0].status(), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_a_head_with_a_name_or_a_value_that_is_none_is_refused() {
    let pair = Pair::tls("").await;
    let fields: [Field; 14] = [
        ("", b"value"),
        ("X-Field", b"value"),
        ("x field", b"value"),
        ("x-field:", b"value"),
        ("x-field\r\nx-other", b"value"),
        ("x-field\0", b"value"),
        ("x-f\u{e9}ld", b"value"),
        ("Content-Length", b"5"),
        ("x-field", b"a\r\nx-forwarded-for: 10.0.0.1"),
        ("x-field", b"a\nb"),
        ("x-field", b"a\rb"),
        ("x-field", b"a\0b"),
        ("cookie", b"a=b\r\n"),
        ("host", b"app.localhost\r\nx: y"),
    ];
    for field in fields {
        refused(&pair, &head(b"GET", &[field]), END_STREAM).await;
    }
    nothing_reached(&pair);
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_a_head_whose_pseudo_fields_are_not_each_there_once_and_first_is_refused() {
    let pair = Pair::tls("").await;
    let (method, scheme): (Field, Field) = ((":method", b"GET"), (":scheme", b"https"));
    let (authority, path): (Field, Field) = ((":authority", HOST.as_bytes()), (":path", b"/refused"));
    let good = [method, scheme, authority, path];
    let mut heads: Vec<Vec<Field>> = Vec::new();
    // Twice, alike and not.
    for field in good {
        heads.push([&good[..], &[field]].concat());
    }
    heads.push([&good[..], &[(":path", b"/refused/other")]].concat());
    heads.push([&good[..], &[(":authority", b"evil.localhost")]].concat());
    // Behind a field.
    for at in 0..4 {
        let mut late = good.to_vec();
        let field = late.remove(at);
        heads.push([&late[..], &[("x-field", b"value"), field]].concat());
    }
    // Unknown, of an answer, of an extension that was not agreed on, empty.
    for field in [
        (":unknown", &b"value"[..]),
        (":status", b"200"),
        (":protocol", b"websocket"),
        (":", b""),
    ] {
        heads.push([&good[..], &[field]].concat());
    }
    // Missing.
    heads.push(vec![scheme, authority, path]);
    heads.push(vec![method, authority, path]);
    heads.push(vec![method, scheme, authority]);
    // Empty.
    heads.push(vec![method, scheme, authority, (":path", b"")]);
    heads.push(vec![(":method", b""), scheme, authority, path]);
    heads.push(vec![method, (":scheme", b""), authority, path]);
    for fields in heads {
        refused(&pair, &fields, END_STREAM).await;
    }
    nothing_reached(&pair);
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_trailers_that_are_none_end_their_request() {
    let pair = Pair::tls("").await;
    let trailers: [&[Field]; 7] = [
        &[("connection", b"close")],
        &[("transfer-encoding", b"chunked")],
        &[("X-Trailer", b"value")],
        &[("x-trailer", b"a\nb")],
        &[("x-trailer", b"value"), ("content-length", b"5, 5")],
        &[
            (":path", b"/other"),
            (":authority", b"evil.localhost"),
            ("x-trailer", b"value"),
        ],
        &[("x-trailer", b"value"), (":status", b"200")],
    ];
    for (n, trailer) in trailers.into_iter().enumerate() {
        let target = format!("/echo?trailers={n}");
        let mut frames = Frames::connect(&pair.door, HOST).await;
        begin(&mut frames, &target, &[]).await;
        frames.send(DATA, 0, 1, b"begun").await;
        is_begun(&pair, &target).await;
        frames.send(HEADERS, END_HEADERS | END_STREAM, 1, &block(trailer)).await;
        let seen = frames.until_end(1).await;
        is_refused_alone(&mut frames, &seen, &format!("{trailer:?}")).await;
        assert!(
            !pair.blue.whole(&target).await,
            "{trailer:?}: the app has read a whole request"
        );
    }
}

/// Waits until the head of a request has reached the app.
async fn is_begun(pair: &Pair, target: &str) {
    eventually(secs(10), || async {
        let is_seen = pair.blue.seen().iter().any(|seen| seen.target == target);
        holds(is_seen, || format!("{target} has not reached the app"))
    })
    .await;
}

/// `POST TARGET`, whose body is to come.
async fn begin(frames: &mut Frames, target: &str, more: &[(&str, &[u8])]) {
    let fields = fields_of(b"POST", target.as_bytes());
    frames.request(1, &[&fields, more].concat(), false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_a_body_that_is_not_as_long_as_it_said_is_no_whole_request() {
    let pair = Pair::tls("").await;
    // Too short, too long by the last piece, too long and with no end, with an end in trailers, and without one byte.
    let bodies: [(&str, &[&[u8]], bool); 5] = [
        ("10", &[b"hello"], true),
        ("5", &[b"hell", b"o and more"], true),
        ("5", &[b"hello", b" and more"], false),
        ("5", &[b"hello and more"], true),
        ("5", &[b""], true),
    ];
    for (n, (length, pieces, end)) in bodies.into_iter().enumerate() {
        let target = format!("/echo?body={n}");
        let mut frames = Frames::connect(&pair.door, HOST).await;
        begin(&mut frames, &target, &[("content-length", length.as_bytes())]).await;
        is_begun(&pair, &target).await;
        for (at, piece) in pieces.iter().enumerate() {
            let flags = if end && at + 1 == pieces.len() { END_STREAM } else { 0 };
            frames.send(DATA, flags, 1, piece).await;
        }
        let seen = frames.until_end(1).await;
        is_refused_alone(&mut frames, &seen, &format!("case {n}")).await;
        let head = pair
            .blue
            .seen()
            .into_iter()
            .find(|seen| seen.target == target)
            .unwrap()
            .head;
        assert_eq!(head.fields.get("content-length"), Some(length), "case {n}");
        assert!(
            !pair.blue.whole(&target).await,
            "case {n}: the app has read a whole request"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_a_body_of_unknown_length_that_is_reset_is_no_whole_request() {
    let pair = Pair::tls("").await;
    let mut frames = Frames::connect(&pair.door, HOST).await;
    begin(&mut frames, "/echo?reset", &[]).await;
    frames.send(DATA, 0, 1, b"hello").await;
    pair.blue.reached("/echo").await;
    assert!(
        pair.blue
            .last_seen("/echo")
            .head
            .fields
            .has_token("transfer-encoding", "chunked")
    );
    frames.send(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).await;
    assert!(!pair.blue.whole("/echo?reset").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_a_length_that_is_not_one_number_is_refused() {
    let pair = Pair::tls("").await;
    let lengths: [&[Field]; 8] = [
        &[("content-length", b"5"), ("content-length", b"6")],
        &[("content-length", b"5"), ("content-length", b"5")],
        &[("content-length", b"5, 5")],
        &[("content-length", b"+5")],
        &[("content-length", b"0x5")],
        &[("content-length", b"")],
        &[("content-length", b"-5")],
        &[("content-length", b"99999999999999999999999")],
    ];
    for fields in lengths {
        for ends in [false, true] {
            let mut frames = Frames::connect(&pair.door, HOST).await;
            frames.request(1, &head(b"POST", fields), ends).await;
            if !ends {
                frames.send(DATA, END_STREAM, 1, b"hello").await;
            }
            let seen = all_of(&mut frames).await;
            is_refused_alone(&mut frames, &seen, &format!("{fields:?}, {ends}")).await;
        }
    }
    nothing_reached(&pair);
    // One that is right, and one of nothing.
    for (length, body) in [(&b"5"[..], &b"hello"[..]), (b"0", b"")] {
        let mut frames = Frames::connect(&pair.door, HOST).await;
        let target = format!("/echo?right={}", body.len());
        begin(&mut frames, &target, &[("content-length", length)]).await;
        frames.send(DATA, END_STREAM, 1, body).await;
        assert_eq!(crate::common::frames::body(&frames.until_end(1).await), body);
    }
}

/// Entries of the dynamic table: one large field, and references to it, a byte each (RFC 7541 §6.1).
fn bomb(references: usize) -> Vec<u8> {
    let seed = literal(0x40, "x-seed", &[b'x'; 3900]);
    let begin = block(&head(b"GET", &[]));
    // The first entry behind the static table.
    [begin, seed, integer(0x80, 7, 62).repeat(references)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_a_few_references_to_a_large_field_are_a_head_over_the_bound() {
    let pair = Pair::tls("").await;
    let frames = answer(&pair, &bomb(20), END_STREAM).await;
    assert_eq!(Heads::default().read(&frames[0])[0].1, "431", "{frames:?}");
    nothing_reached(&pair);
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_references_that_multiply_end_their_connection() {
    let pair = Pair::tls("").await;
    beside_a_good_client(&pair, LITTLE, async {
        for _ in 0..10 {
            // 16 KiB that would be 50 MiB.
            let frames = answer(&pair, &bomb(12_000), END_STREAM).await;
            assert!(
                frames
                    .iter()
                    .any(|frame| frame.kind == GOAWAY && frame.code() == ENHANCE_YOUR_CALM),
                "{frames:?}"
            );
        }
    })
    .await;
    nothing_reached(&pair);
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_references_that_multiply_over_many_frames() {
    let pair = Pair::tls("").await;
    beside_a_good_client(&pair, LITTLE, async {
        let mut attacker = Attacker::hearing(&pair).await;
        attacker.pour(&encode(HEADERS, END_STREAM, 1, &bomb(5))).await;
        let more = encode(CONTINUATION, 0, 1, &integer(0x80, 7, 62).repeat(4));
        while !attacker.is_over() && attacker.pour(&more.repeat(20)).await == Poured::Taken {}
        let code = attacker.end().await;
        assert!(matches!(code, Some(ENHANCE_YOUR_CALM | COMPRESSION_ERROR)), "{code:?}");
    })
    .await;
    nothing_reached(&pair);
}

#[tokio::test(flavor = "multi_thread")]
async fn e27_many_heads_at_the_bound_are_kept_within_bounds() {
    let pair = Pair::tls("").await;
    beside_a_good_client(&pair, Allowed { mib: 24, ..LITTLE }, async {
        let mut attacker = Attacker::hearing(&pair).await;
        let heads: Vec<u8> = (0..60)
            .flat_map(|n| {
                let seed = if n == 0 {
                    literal(0x40, "x-seed", &[b'x'; 3900])
                } else {
                    Vec::new()
                };
                let block = [block(&head(b"POST", &[])), seed, integer(0x80, 7, 62).repeat(15)].concat();
                encode(HEADERS, END_HEADERS, 2 * n + 1, &block)
            })
            .collect();
        assert_eq!(attacker.pour(&heads).await, Poured::Taken);
        eventually(secs(20), || async {
            let seen = pair.blue.seen().iter().filter(|seen| seen.target == "/refused").count();
            holds(seen == 60, || format!("{seen} of 60 heads have reached the app"))
        })
        .await;
    })
    .await;
}
