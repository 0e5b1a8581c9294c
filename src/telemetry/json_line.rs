//! A line as a JSON object. It is written for every request, so it is written by hand: no allocation, no formatting machinery, and
//! values are looked at once before they are copied.

use super::line::Line;
use super::stamp::Stamp;
use super::value::{address, number, text};

/// How most exchanges end: at the first attempt, without a wait, and well.
const AS_MEANT: &[u8] = br#","retries":0,"held_ms":0,"termination":"done","request_id":""#;

/// Appends a line, with the newline. Of the line's path and referer `path` and `referer` may be written.
pub(super) fn write(line: &Line<'_>, path: &[u8], referer: &[u8], stamp: &mut Stamp, out: &mut Vec<u8>) {
    let (second, millis) = stamp.of(line.time);
    let digit = |value: u32| b'0' + u8::try_from(value % 10).unwrap_or(0);
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(second);
    out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis)]);
    out.extend_from_slice(b"Z\",");
    out.extend_from_slice(&line.origin.json);
    out.extend_from_slice(b",\"client\":\"");
    address(line.client, out);
    if line.user.is_empty() {
        out.extend_from_slice(b"\",\"host\":");
    } else {
        out.extend_from_slice(b"\",\"user\":");
        text(line.user.as_bytes(), out);
        out.extend_from_slice(b",\"host\":");
    }
    text(line.host, out);
    out.extend_from_slice(b",\"method\":");
    text(line.method, out);
    out.extend_from_slice(b",\"path\":");
    text(path, out);
    out.extend_from_slice(b",\"status\":");
    number(u64::from(line.status), out);
    out.extend_from_slice(b",\"bytes_in\":");
    number(line.bytes_in, out);
    out.extend_from_slice(b",\"bytes_out\":");
    number(line.bytes_out, out);
    out.extend_from_slice(b",\"duration_us\":");
    number(line.duration_us, out);
    out.extend_from_slice(b",\"first_byte_us\":");
    match line.first_byte_us {
        Some(micros) => number(micros, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"upstream\":");
    text(line.upstream.as_bytes(), out);
    if line.retries == 0 && line.held_ms == 0 && line.termination == "done" && line.reason.is_empty() {
        out.extend_from_slice(AS_MEANT);
    } else {
        ending(line, out);
    }
    // Ours, in letters and digits.
    out.extend_from_slice(line.request_id.as_bytes());
    out.extend_from_slice(b"\",\"protocol\":\"");
    out.extend_from_slice(line.protocol.as_bytes());
    out.extend_from_slice(b"\",\"tls\":\"");
    out.extend_from_slice(line.tls.as_bytes());
    out.extend_from_slice(b"\",\"referer\":");
    text(referer, out);
    out.extend_from_slice(b",\"user_agent\":");
    text(line.user_agent, out);
    out.extend_from_slice(b"}\n");
}

/// What [`AS_MEANT`] says, of an exchange that went otherwise.
#[cold]
fn ending(line: &Line<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"retries\":");
    number(u64::from(line.retries), out);
    out.extend_from_slice(b",\"held_ms\":");
    number(line.held_ms, out);
    out.extend_from_slice(b",\"termination\":");
    text(line.termination.as_bytes(), out);
    if !line.reason.is_empty() {
        out.extend_from_slice(b",\"reason\":");
        text(line.reason.as_bytes(), out);
    }
    out.extend_from_slice(b",\"request_id\":\"");
}
