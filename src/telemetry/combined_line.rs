//! A line as Apache's and nginx' combined format has it, which GoAccess, awstats and fail2ban read:
//! `CLIENT - USER [TIME] "METHOD TARGET PROTOCOL" STATUS BYTES "REFERER" "USER AGENT"`.
//!
//! As nginx writes them, quotes, backslashes, control characters and all bytes that are no ASCII become `\x22` and the like, an empty
//! value is `-`, and an exchange without an answer has the status 499. What was cut ends with `...`.

use super::line::Line;
use super::stamp::Stamp;
use super::value::{address, is_plain, number, shortened};

/// The client was gone before there was an answer.
const NO_ANSWER: u16 = 499;

/// Appends a line, with the newline. Of the line's path and referer `path` and `referer` may be written.
pub(super) fn write(line: &Line<'_>, path: &[u8], referer: &[u8], stamp: &mut Stamp, out: &mut Vec<u8>) {
    address(line.client, out);
    out.extend_from_slice(b" - ");
    push(line.user.as_bytes(), is_word, out);
    out.extend_from_slice(b" [");
    out.extend_from_slice(stamp.of(line.time).0);
    out.extend_from_slice(b"] \"");
    if line.method.is_empty() && path.is_empty() {
        out.push(b'-');
    } else {
        push(line.method, is_word, out);
        out.push(b' ');
        push(path, is_word, out);
        out.push(b' ');
        out.extend_from_slice(line.protocol.as_bytes());
    }
    out.extend_from_slice(b"\" ");
    number(u64::from(if line.status == 0 { NO_ANSWER } else { line.status }), out);
    out.push(b' ');
    number(line.bytes_out, out);
    out.extend_from_slice(b" \"");
    push(referer, is_plain, out);
    out.extend_from_slice(b"\" \"");
    push(line.user_agent, is_plain, out);
    out.extend_from_slice(b"\"\n");
}

/// Whether a byte stands for itself where blanks separate values.
fn is_word(byte: u8) -> bool {
    is_plain(byte) & (byte != b' ')
}

fn push(value: &[u8], is_plain: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    let kept = shortened(value);
    if kept.is_empty() {
        out.push(b'-');
    } else if kept.iter().fold(true, |plain, &byte| plain & is_plain(byte)) {
        out.extend_from_slice(kept);
    } else {
        escaped(kept, is_plain, out);
    }
    if kept.len() < value.len() {
        out.extend_from_slice(b"...");
    }
}

#[cold]
fn escaped(value: &[u8], is_plain: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in value {
        if is_plain(byte) {
            out.push(byte);
        } else {
            let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
            out.extend_from_slice(b"\\x");
            out.extend_from_slice(&digits);
        }
    }
}
