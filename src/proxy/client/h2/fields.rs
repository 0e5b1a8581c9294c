//! Fields of an answer as HTTP/2 carries them: names in lower case, and what is worth a place in the table of both sides.

use smallvec::SmallVec;

use crate::http2::connection::Fields;
use crate::http2::field::is_text;
use crate::http2::hpack::Indexing;
use crate::proxy::exchange::reply::{Length, Reply};

/// Adds every field of a reply, and the length of its body (RFC 9113 §8.2).
pub(crate) fn add_all(to: &mut Fields<'_>, reply: &Reply) {
    reply.for_each_field(|name, value| add(to, name, value));
    match reply.length() {
        Length::Known(length) => add(to, b"content-length", itoa::Buffer::new().format(length).as_bytes()),
        Length::OfGet(length) => add(to, b"content-length", length),
        Length::Open | Length::Unsaid => {}
    }
}

/// Adds a field. One whose value has a control character is left out: HTTP/1.1 apps get away with it, and clients would take the
/// whole answer for malformed (RFC 9113 §8.2.1).
pub(crate) fn add(to: &mut Fields<'_>, name: &[u8], value: &[u8]) {
    if !is_text(value) {
        return;
    }
    if !name.iter().any(u8::is_ascii_uppercase) {
        return to.add(name, value, indexing(name));
    }
    let lower: SmallVec<[u8; 64]> = name.iter().map(u8::to_ascii_lowercase).collect();
    to.add(&lower, value, indexing(&lower));
}

/// Adds field lines, as HTTP/1.1 has them.
pub(crate) fn add_lines(to: &mut Fields<'_>, lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n') {
        if let Some(colon) = memchr::memchr(b':', line) {
            add(to, &line[..colon], line[colon + 1..].trim_ascii());
        }
    }
}

/// What is different in each answer only drives others out of the table, and secrets do not belong there (RFC 7541 §7.1.3).
fn indexing(name: &[u8]) -> Indexing {
    match name {
        b"set-cookie" | b"authorization" | b"proxy-authorization" | b"www-authenticate" => Indexing::Never,
        b"age" | b"content-length" | b"content-range" | b"etag" | b"last-modified" | b"location" | b"server-timing"
        | b"x-request-id" => Indexing::Pass,
        _ => Indexing::Keep,
    }
}
