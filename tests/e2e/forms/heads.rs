//! Heads as large as they may be, and larger (E24): 64 KiB and 100 fields, over both protocols, to the byte.

use crate::common::fixture::{HOST, PLAIN, Pair};
use crate::common::frames::{CONTINUATION, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, Heads, block};

const BYTES: usize = 64 * 1024;
const FIELDS: usize = 100;

/// Bytes and fields of a head, and what it gets.
const CASES: [(usize, usize, u16); 8] = [
    (BYTES, FIELDS, 200),
    (BYTES, 10, 200),
    (20_000, FIELDS, 200),
    (BYTES + 1, 10, 431),
    (20_000, FIELDS + 1, 431),
    (80 * 1024, 10, 431),
    (250 * 1024, 10, 431),
    (20_000, 150, 431),
];

/// RFC 9113 §7.
const ENHANCE_YOUR_CALM: u32 = 11;

/// Bytes of one head as they come over HTTP/2, which are read so that it can be answered (E27).
const READ: usize = 4 * BYTES;

/// What RFC 9113 §6.5.2 counts for each field, beside its name and value.
const OVERHEAD: usize = 32;

/// The large field's value, and how many others there are beside those of every request, as the app saw them.
fn seen(pair: &Pair, target: &str) -> (usize, usize) {
    let head = pair.blue.last_seen(target).head;
    let large = head.fields.get("x-large").expect("the large field").len();
    let others = head
        .fields
        .0
        .iter()
        .filter(|(name, _)| name.to_lowercase().starts_with("x-f-"));
    (large, others.count())
}

/// `GET TARGET` of so many bytes and fields, Host and the empty line among them; the length of its large field, and the number of others.
fn over_h1(host: &str, target: &str, bytes: usize, fields: usize) -> (String, usize, usize) {
    let begin = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
    let others: String = (2..fields).map(|n| format!("X-F-{n}: v\r\n")).collect();
    let large = bytes - begin.len() - others.len() - "X-Large: \r\n\r\n".len();
    let head = format!("{begin}{others}X-Large: {}\r\n\r\n", "x".repeat(large));
    assert_eq!(head.len(), bytes);
    (head, large, fields - 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn e24_a_head_of_64_kib_and_100_fields_passes_and_one_byte_or_field_more_is_431() {
    let (plain, tls) = (Pair::plain("").await, Pair::tls("").await);
    for (pair, host) in [(&plain, PLAIN), (&tls, HOST)] {
        for (n, (bytes, fields, status)) in CASES.into_iter().enumerate() {
            let target = format!("/large/{n}");
            let (head, large, others) = over_h1(host, &target, bytes, fields);
            let mut client = pair.target().client().await.unwrap();
            client.send(head).await.unwrap();
            let answer = client.response("GET").await.unwrap();
            assert_eq!(answer.status, status, "{host}: {bytes} bytes, {fields} fields");
            if status == 200 {
                assert_eq!(
                    seen(pair, &target),
                    (large, others),
                    "{host}: {bytes} bytes, {fields} fields"
                );
            } else {
                assert!(!pair.blue.targets().contains(&format!("GET {target}")), "{target}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e24_empty_lines_before_a_head_count_for_nothing() {
    let pair = Pair::plain("").await;
    // Eight are passed over before a request, and one more belongs to no line of it.
    for lines in [1, 8, 9] {
        for (bytes, status) in [(BYTES, 200), (BYTES + 1, 431)] {
            let (head, ..) = over_h1(PLAIN, "/led", bytes, 10);
            let mut client = pair.target().client().await.unwrap();
            client.send("\r\n".repeat(lines) + &head).await.unwrap();
            let answer = client.response("GET").await;
            let answer = answer.unwrap_or_else(|broken| panic!("{lines} empty lines, {bytes} bytes: {broken}"));
            assert_eq!(answer.status, status, "{lines} empty lines, {bytes} bytes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e24_over_http2_too_where_each_field_counts_32_bytes_more_and_pseudo_fields_are_no_fields() {
    let pair = Pair::tls("").await;
    for (n, (bytes, fields, status)) in CASES.into_iter().enumerate() {
        let target = format!("/large/{n}");
        let names: Vec<String> = (1..fields).map(|n| format!("x-f-{n}")).collect();
        let mut list = get(&target).to_vec();
        list.extend(names.iter().map(|name| (name.as_str(), &b"v"[..])));
        let counted: usize = list
            .iter()
            .map(|(name, value)| name.len() + value.len() + OVERHEAD)
            .sum();
        let value = "x".repeat(bytes - counted - "x-large".len() - OVERHEAD);
        list.push(("x-large", value.as_bytes()));
        assert_eq!(list.len(), 4 + fields);

        let mut frames = Frames::connect(&pair.door, HOST).await;
        send_in_frames(&mut frames, 1, &block(&list)).await;
        let answer = frames.until_end(1).await;
        let what = format!("{bytes} bytes, {fields} fields: {answer:?}");
        let mut heads = Heads::default();
        assert_eq!(heads.read(&answer[0])[0].1, status.to_string(), "{what}");
        if status == 200 {
            assert_eq!(seen(&pair, &target), (value.len(), names.len()), "{what}");
        } else {
            assert!(!pair.blue.targets().contains(&format!("GET {target}")), "{target}");
            // It was of one stream: the connection serves on.
            frames.request(3, &get("/who"), true).await;
            assert_eq!(frames.head(&mut heads, 3).await[0].1, "200", "{what}");
        }
    }
}

/// `GET TARGET`, without more.
fn get(target: &str) -> [(&str, &[u8]); 4] {
    [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", HOST.as_bytes()),
        (":path", target.as_bytes()),
    ]
}

/// A field block in as few frames as RFC 9113 §4.2 allows.
async fn send_in_frames(frames: &mut Frames, stream: u32, block: &[u8]) {
    let parts: Vec<_> = block.chunks(16_384).collect();
    for (at, part) in parts.iter().enumerate() {
        let kind = if at == 0 { HEADERS } else { CONTINUATION };
        let flags = if at == 0 { END_STREAM } else { 0 } | if at + 1 == parts.len() { END_HEADERS } else { 0 };
        frames.send(kind, flags, stream, part).await;
    }
}

/// What no client means is not read to its end only to be answered (E27).
#[tokio::test(flavor = "multi_thread")]
async fn e24_over_http2_what_comes_as_more_than_four_times_of_that_ends_the_connection() {
    let pair = Pair::tls("").await;
    let head = |bytes: usize| {
        let begin = block(&get("/never"));
        let large = |length: usize| block(&[("x-large", &vec![b'x'; length])]);
        let rest = bytes - begin.len() - (large(READ).len() - READ);
        [begin, large(rest)].concat()
    };
    for (bytes, is_answered) in [(READ, true), (READ + 1, false)] {
        let head = head(bytes);
        assert_eq!(head.len(), bytes);
        let mut frames = Frames::connect(&pair.door, HOST).await;
        send_in_frames(&mut frames, 1, &head).await;
        let answer = frames.until_end(1).await;
        if is_answered {
            assert_eq!(Heads::default().read(&answer[0])[0].1, "431", "{answer:?}");
        } else {
            let end = (GOAWAY, ENHANCE_YOUR_CALM);
            assert_eq!((answer[0].kind, answer[0].code()), end, "{answer:?}");
        }
    }
    assert!(!pair.blue.targets().contains(&"GET /never".to_owned()));
}
