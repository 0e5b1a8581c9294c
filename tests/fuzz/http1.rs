//! The HTTP/1 codec: heads, framing, chunked bodies and whole connections, read in parts and in one piece, and beside hyper.
//!
//! Where the codec accepts, hyper accepts, and both see the same; where hyper alone accepts, the codec's reason is one of
//! [`STRICTER`].

use greengate::http1::chunked::BodyDecoder;
use greengate::http1::framing::Framing;
use greengate::http1::head::{Method, Version};
use greengate::http1::write;

use crate::connection::{self, Conversation, End, Message, Side, decode};
use crate::{fuzz, hyper_side};

/// Words that mean something in HTTP/1.
const WORDS: &[&[u8]] = &[
    b"Content-Length: 3\r\n",
    b"Content-Length: 11\r\n",
    b"Content-Length : 3\r\n",
    b"Content-Length: +3\r\n",
    b"Content-Length: 18446744073709551615\r\n",
    b"content-length: 0\r\n",
    b"Content_Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Transfer-Encoding: chunked, identity\r\n",
    b"transfer-encoding:\tChunked \r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive, Upgrade\r\n",
    b"Connection: Content-Length, Host\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"Host: b\r\n",
    b"X: y\n",
    b" folded\r\n",
    b": empty\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"0\r\nTrailer: x\r\n\r\n",
    b"5;a=b\r\nhello\r\n",
    b"1;a=\"\\\"\"\r\na\r\n",
    b"1 ;a\r\na\r\n",
    b"00000000000000001\r\na\r\n",
    b"7fffffffffffffff\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"http://a/",
];

/// Where the codec refuses on purpose what hyper takes, by its own words, and why.
const STRICTER: &[(&str, &str)] = &[
    ("bare line feed", "E4: readers differ on where such a line ends"),
    ("bare carriage return", "E4"),
    ("control character", "E4: hyper lets some of them stand in values"),
    (
        "control character in a chunk extension",
        "E5: nobody has a reason to send one",
    ),
    ("chunk extension without a name", "F12: hyper reads over extensions"),
    ("chunk extension without a value", "F12"),
    ("chunk extension is no name and value", "F12"),
    (
        "white space after a chunk size",
        "E5: readers differ on what follows the size",
    ),
    ("chunk size has too many digits", "E5: zeros without an end"),
    ("chunk extensions or trailers too large", "E5: bounded memory"),
    (
        "more than one empty line before the request line",
        "RFC 9112 §2.2 speaks of one; what keeps a connection open skips a few more",
    ),
    (
        "no HTTP version",
        "RFC 9112 §2.2 lets no empty line stand before a status line",
    ),
    (
        "both Content-Length and Transfer-Encoding",
        "E1: hyper lets one of them win",
    ),
    (
        "Content-Length is not one decimal number",
        "E2: hyper takes equal ones for one",
    ),
    (
        "Transfer-Encoding is not exactly `chunked`",
        "E3: nobody here can undo another coding",
    ),
    (
        "Transfer-Encoding does not end in exactly one `chunked`",
        "E3: hyper looks at the last coding only, and at none of an old version's",
    ),
    ("head too large", "E24: 64 KiB"),
    ("trailer line without a field", "E5"),
    ("empty field name", "E5: in a trailer"),
    ("field name is not a token", "E5: in a trailer"),
    ("space before the colon", "E4: in a trailer"),
    ("space in a field name", "E4: in a trailer"),
    ("folded line", "E4: in a trailer"),
    ("null byte", "E4: in a trailer"),
    ("field line without a colon", "E5: in a trailer"),
];

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
}

#[test]
fn requests_are_the_same_in_any_parts_and_for_hyper() {
    fuzz("http1_requests", WORDS, |bytes| {
        let whole = same_in_any_parts(Side::Client, bytes);
        for message in &whole.messages {
            assert!(framing_lines(&message.head) <= 1, "two framings were accepted");
            // The own framing has to fit, too.
            if message.head.len() < connection::LIMITS.bytes / 2 && message.fields.len() < connection::LIMITS.fields {
                assert_eq!(written_and_read(message), plain(message));
            }
        }
        let theirs = RUNTIME.with(|runtime| hyper_side::requests(runtime, bytes));
        compare_requests(&whole, &theirs);
    });
}

#[test]
fn responses_are_the_same_in_any_parts_and_for_hyper() {
    fuzz("http1_responses", WORDS, |bytes| {
        for (method, name) in [(Method::Get, hyper::Method::GET), (Method::Head, hyper::Method::HEAD)] {
            let whole = same_in_any_parts(Side::App(method), bytes);
            let theirs = RUNTIME.with(|runtime| hyper_side::response(runtime, &name, bytes));
            compare_responses(&whole, theirs);
        }
    });
}

#[test]
fn chunked_bodies_are_the_same_in_any_parts_and_read_again_as_written() {
    fuzz("http1_chunked", WORDS, |bytes| {
        let of_client = || BodyDecoder::of_request(Framing::Chunked);
        let of_app = || BodyDecoder::of_response(Framing::Chunked);
        let strict = body(of_client(), [bytes]);
        let lenient = body(of_app(), [bytes]);
        for size in sizes(bytes) {
            assert_eq!(
                body(of_client(), bytes.chunks(size)),
                strict,
                "a client's in parts of {size}"
            );
            assert_eq!(
                body(of_app(), bytes.chunks(size)),
                lenient,
                "an app's in parts of {size}"
            );
        }
        let Ok((data, trailers, end @ Some(_))) = strict else {
            return;
        };
        // What is taken from a client would mean the same from an app.
        assert_eq!(lenient, Ok((data.clone(), trailers.clone(), end)));
        let mut again = Vec::new();
        for chunk in data.chunks(7) {
            write::chunk_size(&mut again, chunk.len());
            again.extend_from_slice(chunk);
            again.extend_from_slice(b"\r\n");
        }
        write::last_chunk(&mut again, &trailers);
        assert_eq!(body(of_client(), [&again[..]]), Ok((data, trailers, Some(again.len()))));
    });
}

/// Data, trailers, and where the body ended, or why it cannot.
type Body = Result<(Vec<u8>, Vec<u8>, Option<usize>), &'static str>;

fn body<'p>(mut decoder: BodyDecoder, parts: impl IntoIterator<Item = &'p [u8]>) -> Body {
    let (mut data, mut at) = (Vec::new(), 0);
    for part in parts {
        at += decode(&mut decoder, part, &mut data)?;
        if decoder.is_done() {
            return Ok((data, decoder.trailers().to_vec(), Some(at)));
        }
    }
    // Lines of a section that has no end yet count for nothing.
    Ok((data, Vec::new(), None))
}

/// Sizes of parts that bytes arrive in: one by one unless there are very many.
fn sizes(bytes: &[u8]) -> [usize; 3] {
    let least = 1 + bytes.len() / 1024;
    let some = bytes.iter().fold(7usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
    });
    [least, least + 1 + some % 23, (bytes.len() / 2).max(least)]
}

fn same_in_any_parts(side: Side, bytes: &[u8]) -> Conversation {
    let whole = connection::read(side, [bytes]);
    for size in sizes(bytes) {
        let parts = connection::read(side, bytes.chunks(size));
        assert_eq!(parts.messages, whole.messages, "in parts of {size}");
        assert_eq!(parts.unfinished, whole.unfinished, "in parts of {size}");
        // Of a long head without an end only the last lines are judged, lest single bytes of it keep a core busy.
        if whole.left < LONG_HEAD {
            assert_eq!(parts.end, whole.end, "in parts of {size}");
        } else {
            assert_eq!(parts.end == End::Last, whole.end == End::Last, "in parts of {size}");
        }
    }
    whole
}

/// From here on a head that has no end is not judged from its first byte at each call.
const LONG_HEAD: usize = 16 * 1024;

/// Framing fields in a raw head, found without the codec's help.
fn framing_lines(head: &[u8]) -> usize {
    let lines = head.split(|&b| b == b'\r' || b == b'\n');
    let names = lines.map(|line| line.split(|&b| b == b':').next().unwrap_or_default().trim_ascii());
    names
        .filter(|name| name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"transfer-encoding"))
        .count()
}

/// Start line, fields that frame nothing, body and trailers.
type Plain = ((String, Vec<u8>), Vec<(String, Vec<u8>)>, Vec<u8>, Vec<u8>);

fn plain(message: &Message) -> Plain {
    let frames = |name: &str| matches!(name, "content-length" | "transfer-encoding" | "connection");
    let fields = message.fields.iter().filter(|(name, _)| !frames(name));
    let parts = (message.start.clone(), fields.cloned().collect());
    (parts.0, parts.1, message.body.clone(), message.trailers.clone())
}

/// The message as the codec writes it, read again.
fn written_and_read(message: &Message) -> Plain {
    let (start, fields, body, trailers) = plain(message);
    let mut out = [start.0.as_bytes(), b" ", &start.1, b" HTTP/1.1\r\n"].concat();
    for (name, value) in &fields {
        write::field(&mut out, name.as_bytes(), value);
    }
    write::field(&mut out, b"transfer-encoding", b"chunked");
    out.extend_from_slice(b"\r\n");
    if !body.is_empty() {
        write::chunk_size(&mut out, body.len());
        out.extend_from_slice(&body);
        out.extend_from_slice(b"\r\n");
    }
    write::last_chunk(&mut out, &trailers);
    let again = connection::read(Side::Client, [&out[..]]);
    assert_eq!(again.messages.len(), 1, "{} is read as {again:?}", out.escape_ascii());
    plain(&again.messages[0])
}

/// What hyper cannot take although it is no fault in the framing: it wants a URI for a target, which is forwarded here as it
/// came (E20), and does as CONNECT asks.
fn only_hyper_refuses(ours: &Message) -> bool {
    let head = [b"GET ", ours.start.1.as_slice(), b" HTTP/1.1\r\n\r\n"].concat();
    ours.start.0 == "CONNECT"
        || hyper::Uri::try_from(ours.start.1.as_slice()).is_err()
        || ours.start.1.iter().any(|byte| !byte.is_ascii_graphic())
        || httparse::Request::new(&mut []).parse(&head).is_err()
}

fn compare_requests(ours: &Conversation, theirs: &[hyper_side::Seen]) {
    for (at, message) in ours.messages.iter().enumerate() {
        if only_hyper_refuses(message) {
            return;
        }
        let Some(seen) = theirs.get(at) else {
            panic!("hyper refuses request {at}: {message:?}")
        };
        assert_eq!(message.start.0, seen.method);
        let target = hyper::Uri::try_from(message.start.1.as_slice()).unwrap().to_string();
        assert_eq!(target, seen.target);
        assert_same(message, seen.version, &seen.fields, &seen.body, &seen.trailers);
    }
    let more = theirs.get(ours.messages.len());
    match ours.end {
        // A connection that is to close is closed, whatever else its fields say.
        End::Last => {}
        End::Bytes => assert_eq!(more, None, "hyper needs fewer bytes"),
        End::Refused(why) => assert_meant(why, more.is_some()),
    }
}

fn compare_responses(ours: &Conversation, theirs: Option<hyper_side::Answered>) {
    let last = ours.messages.last().filter(|_| ours.end == End::Last);
    match (last, theirs) {
        (Some(message), _) if message.start.0 == "101" => {}
        (Some(message), Some(answered)) => {
            assert_eq!(message.start.0, answered.status.to_string());
            assert_same(
                message,
                answered.version,
                &answered.fields,
                &answered.body,
                &answered.trailers,
            );
        }
        (Some(message), None) => panic!("hyper refuses {message:?}"),
        (None, theirs) => match ours.end {
            End::Refused(why) => assert_meant(why, theirs.is_some()),
            End::Last | End::Bytes => assert_eq!(theirs, None, "hyper needs fewer bytes"),
        },
    }
}

fn assert_meant(why: &str, hyper_accepts: bool) {
    let meant = STRICTER.iter().any(|(words, _)| *words == why);
    assert!(meant || !hyper_accepts, "hyper alone accepts, against {why:?}");
}

fn assert_same(
    ours: &Message,
    version: hyper::Version,
    fields: &[(String, Vec<u8>)],
    body: &[u8],
    trailers: &[(String, Vec<u8>)],
) {
    assert_eq!(ours.version == Version::Http10, version == hyper::Version::HTTP_10);
    // hyper's map keeps the order of values with one name, not that of names.
    let mut own = ours.fields.clone();
    own.sort_by(|a, b| a.0.cmp(&b.0));
    let mut fields = fields.to_vec();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(own, fields);
    assert_eq!(ours.body.escape_ascii().to_string(), body.escape_ascii().to_string());
    for line in ours.trailers.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|&b| b == b':').unwrap();
        let name = String::from_utf8(line[..colon].to_ascii_lowercase()).unwrap();
        let value = line[colon + 1..].trim_ascii().to_vec();
        assert!(
            trailers.contains(&(name, value)),
            "hyper has no trailer {}",
            line.escape_ascii()
        );
    }
}
