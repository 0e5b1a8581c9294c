//! Requests made at random: well-formed ones, and what is left of them after a few mutations.

use std::ops::Range;

use fastrand::Rng;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Requests that a mutation starts from.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    b"GET /a/b?c=d HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    b"\r\nHEAD / HTTP/1.1\r\nhost: a\r\nAccept: text/html, */*;q=0.1\r\nX-A: \t b \r\nEmpty:\r\n\r\n",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\n",
    b"PUT /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
    b"PUT /p HTTP/1.1\r\ntransfer-encoding: Chunked\r\nHost: a\r\n\r\n1\r\na\r\n0\r\nA: b\r\nHost: x\r\n\r\nGET /",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a/b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nCookie: a=b; c=d\r\nUser-Agent: x/1 (y; z)\r\nContent-Length: 3\r\n\r\na\r\n",
];

/// A request that nothing is wrong with, and so many bytes of it as belong to it: what follows is another message's.
pub(crate) fn request() -> impl Strategy<Value = (Vec<u8>, usize)> {
    let token = vec(select(b"!#$%&'*+-.^_`|~0123456789abcxyzABCXYZ".to_vec()), 1..24);
    let blank = vec(select(b" \t".to_vec()), 0..3);
    let inner = prop_oneof![8 => 0x21..0x7fu8, 1 => 0x80..=0xffu8, 1 => Just(b' '), 1 => Just(b'\t')];
    let field = (token.clone(), blank.clone(), vec(inner, 0..40), blank).prop_map(|(name, before, value, after)| {
        // A prefix keeps random names away from those that change the framing.
        [b"x".as_slice(), &name, b":", &before, &value, &after, b"\r\n"].concat()
    });
    let method = prop_oneof![
        select(vec![
            "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"
        ])
        .prop_map(|method| method.as_bytes().to_vec()),
        token.prop_map(|token| [b"M".as_slice(), &token].concat()),
    ];
    let path = vec(select(b"abcXYZ019-._~!$&'()*+,;=:@/%?".to_vec()), 0..40);
    let target = path.prop_map(|path| [b"/".as_slice(), &path].concat());
    let start = (method, target, any::<bool>(), any::<bool>());
    (start, vec(field, 0..12), body(), 0..100usize, vec(any::<u8>(), 0..20)).prop_map(
        |((method, target, old, led), fields, (framing, body), at, rest)| {
            let version: &[u8] = if old && !framing.starts_with(b"T") {
                b"1.0"
            } else {
                b"1.1"
            };
            let mut lines = fields;
            lines.insert(at % (lines.len() + 1), [b"Host: a\r\n".as_slice(), &framing].concat());
            let led: &[u8] = if led { b"\r\n" } else { b"" };
            let start = [led, &method, b" ", &target, b" HTTP/", version, b"\r\n"].concat();
            let mut bytes = [start.as_slice(), &lines.concat(), b"\r\n", &body].concat();
            let len = bytes.len();
            bytes.extend_from_slice(&rest);
            (bytes, len)
        },
    )
}

/// A framing field with its CRLF, and the body in its coding.
fn body() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let counted =
        vec(any::<u8>(), 0..80).prop_map(|data| (format!("Content-Length: {}\r\n", data.len()).into_bytes(), data));
    let extension = select(vec!["", ";a", ";a=b", " ;\ta = \"b;c\""]);
    let chunk = (vec(any::<u8>(), 1..40), extension, 0..4usize, any::<bool>());
    let trailer = select(vec!["A: b\r\n", "grpc-status:0\r\n", "Host: evil\r\n", "B: \t c \r\n"]);
    let chunked = (vec(chunk, 0..4), vec(trailer, 0..3)).prop_map(|(chunks, trailers)| {
        let mut body = Vec::new();
        for (data, extension, zeros, upper) in chunks {
            let size = if upper {
                format!("{:X}", data.len())
            } else {
                format!("{:x}", data.len())
            };
            body.extend_from_slice(format!("{}{size}{extension}\r\n", "0".repeat(zeros)).as_bytes());
            body.extend_from_slice(&data);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("0\r\n{}\r\n", trailers.concat()).as_bytes());
        (b"Transfer-Encoding: chunked\r\n".to_vec(), body)
    });
    prop_oneof![Just((Vec::new(), Vec::new())), counted, chunked]
}

/// A seed with one to four things done to it.
pub(crate) fn mutated(rng: &mut Rng, seeds: &[&[u8]]) -> Vec<u8> {
    let mut bytes = seeds[rng.usize(..seeds.len())].to_vec();
    for _ in 0..rng.usize(1..=4) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.usize(..bytes.len());
        match rng.u8(..9) {
            0 => bytes[at] ^= 1 << rng.u8(..8),
            1 => bytes.insert(at, b"\r\n\0"[rng.usize(..3)]),
            2 => bytes.insert(at, b" \t:;,\x7f\xff\x0b"[rng.usize(..8)]),
            3 => bytes[at] = rng.u8(..),
            4 => drop(bytes.remove(at)),
            5 => bytes.truncate(at),
            6 => {
                let line = bytes[line_around(&bytes, at)].to_vec();
                bytes.splice(at..at, line);
            }
            7 => {
                let range = line_around(&bytes, at);
                let line = bytes[range.clone()].to_vec();
                bytes.splice(range.start..range.start, line);
            }
            _ => {
                let lines: [&[u8]; 8] = [
                    b"Content-Length: 3\r\n",
                    b"Content-Length: 11\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Transfer-Encoding: gzip\r\n",
                    b" folded\r\n",
                    b"A : b\r\n",
                    b"\r\n",
                    b"Upgrade: h2c\n",
                ];
                let start = line_around(&bytes, at).start;
                bytes.splice(start..start, lines[rng.usize(..lines.len())].iter().copied());
            }
        }
    }
    bytes
}

/// The line that holds the byte at `at`, with its end.
fn line_around(bytes: &[u8], at: usize) -> Range<usize> {
    let start = bytes[..at]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |found| found + 1);
    let end = bytes[at..]
        .iter()
        .position(|&b| b == b'\n')
        .map_or(bytes.len(), |found| at + found + 1);
    start..end
}
