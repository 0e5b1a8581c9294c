//! Request and response heads: parse, refuse, keep order and case.
//!
//! A head is parsed in one pass, and again from its first byte when more came: nothing is remembered between two calls, so that
//! no call can go on from another message's bytes. A head that trickles in stays cheap all the same, see `BULK`.
//! Whether a target or a Host is acceptable is not judged here.

use std::fmt;

pub use super::field::{Field, Span, Version};
use super::lines::{self, Line, Source, Stop};
pub use super::names::{Method, Name};

/// A head that is longer than this and has no end yet is no longer parsed whole at each call, only searched for ends.
const BULK: usize = 16 * 1024;

/// As much of such a head's end is judged.
const TAIL: usize = 2 * 1024;

/// Bounds of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes from the first of the start line to the end of the empty line; fewer than 4 GiB.
    pub bytes: usize,
    /// Fields.
    pub fields: usize,
}

/// A request head. Spans point into the buffer that it was parsed from. Kept and filled again, so that a connection allocates once.
#[derive(Debug, Clone)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The method as it was written.
    pub method_text: Span,
    /// The request target as it was written.
    pub target: Span,
    /// The version.
    pub version: Version,
    /// Every field line, in order.
    pub fields: Vec<Field>,
    /// Bytes of the head, with the empty line at its end and the one that may stand before it.
    pub len: usize,
}

/// A response head; as [`RequestHead`].
#[derive(Debug, Clone)]
pub struct ResponseHead {
    /// The version.
    pub version: Version,
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase, possibly empty.
    pub reason: Span,
    /// Every field line, in order.
    pub fields: Vec<Field>,
    /// Bytes of the head, with the empty line.
    pub len: usize,
}

/// Whether a head was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// It is; the head was filled.
    Whole,
    /// More bytes are needed.
    Partial,
}

/// Why bytes are not a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadError {
    /// They break the grammar; the text says where (`bare line feed`, `space before the colon`).
    Malformed(&'static str),
    /// More bytes or fields than the limits allow.
    TooLarge,
    /// A version other than HTTP/1.0 and HTTP/1.1.
    Version,
}

impl HeadError {
    /// What is wrong, in words that stay the same.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Malformed(what) => what,
            Self::TooLarge => "head too large",
            Self::Version => "version is neither HTTP/1.0 nor HTTP/1.1",
        }
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed head: {what}"),
            Self::TooLarge | Self::Version => f.write_str(self.words()),
        }
    }
}

impl std::error::Error for HeadError {}

impl RequestHead {
    /// An empty head, to be filled by [`RequestHead::parse`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            method: Method::Other,
            method_text: Span::default(),
            target: Span::default(),
            version: Version::Http11,
            fields: Vec::new(),
            len: 0,
        }
    }

    /// Parses the head at the start of `buffer` into `self`, whose contents mean something only if it was whole.
    ///
    /// One empty line before the request line is skipped (RFC 9112 §2.2).
    ///
    /// # Errors
    /// When the bytes can no longer become a head within `limits`; bytes so far are judged even while it is partial.
    pub fn parse(&mut self, buffer: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let start = match buffer {
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        within(buffer, start, limits, Source::Client, |head| {
            let fields = self.request_line(head, start)?;
            self.len = field_lines(head, fields, limits.fields, Source::Client, &mut self.fields)?;
            Ok(())
        })
    }

    /// `method SP request-target SP HTTP-version CRLF` (RFC 9112 §3), with exactly these spaces.
    #[inline]
    fn request_line(&mut self, head: &[u8], start: usize) -> Result<usize, Stop> {
        let method = lines::end_of_token(head, start);
        match head.get(method) {
            Some(b' ') if method > start => {}
            Some(b'\r' | b'\n') if method == start => {
                lines::end_of_line(head, method, "")?;
                return Err(Stop::Malformed("more than one empty line before the request line"));
            }
            Some(_) if method == start => return Err(Stop::Malformed("method is not a token")),
            _ => {
                lines::end_of_line(head, method, "method is not a token")?;
                return Err(Stop::Malformed("request line without a target"));
            }
        }
        let target = method + 1;
        let target_end = lines::end_of_text::<0x21>(head, target);
        match head.get(target_end) {
            Some(b' ') if target_end > target => {}
            Some(b' ') => return Err(Stop::Malformed("empty target")),
            _ => {
                lines::end_of_line(head, target_end, "control character in the target")?;
                return Err(Stop::Malformed("request line without a version"));
            }
        }
        let (version, end) = version(head, target_end + 1)?;
        self.method = Method::of(&head[start..method]);
        self.method_text = Span::between(start, method);
        self.target = Span::between(target, target_end);
        self.version = version;
        lines::end_of_line(head, end, "request line does not end with its version")
    }

    /// The value of the first field of a kind.
    #[must_use]
    pub fn get<'b>(&self, kind: Name, buffer: &'b [u8]) -> Option<&'b [u8]> {
        first(&self.fields, kind, buffer)
    }

    /// How many fields of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Name) -> usize {
        self.fields.iter().filter(|field| field.kind == kind).count()
    }
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

impl ResponseHead {
    /// An empty head, to be filled by [`ResponseHead::parse`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            version: Version::Http11,
            status: 0,
            reason: Span::default(),
            fields: Vec::new(),
            len: 0,
        }
    }

    /// Parses the head at the start of `buffer` into `self`, whose contents mean something only if it was whole.
    ///
    /// Blanks between a field's name and its colon are no part of either (RFC 9112 §5.1).
    ///
    /// # Errors
    /// As [`RequestHead::parse`].
    pub fn parse(&mut self, buffer: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        within(buffer, 0, limits, Source::App, |head| {
            let fields = self.status_line(head)?;
            self.len = field_lines(head, fields, limits.fields, Source::App, &mut self.fields)?;
            Ok(())
        })
    }

    /// `HTTP-version SP 3DIGIT [ SP reason-phrase ] CRLF` (RFC 9112 §4; apps leave out the second space).
    #[inline]
    fn status_line(&mut self, head: &[u8]) -> Result<usize, Stop> {
        let (version, at) = version(head, 0)?;
        match head.get(at) {
            None => return Err(Stop::Partial),
            Some(b' ') => {}
            Some(_) => return Err(Stop::Malformed("status line without a status")),
        }
        let mut status = 0;
        for at in at + 1..at + 4 {
            match head.get(at) {
                None => return Err(Stop::Partial),
                Some(digit @ b'0'..=b'9') => status = status * 10 + u16::from(digit - b'0'),
                Some(_) => return Err(Stop::Malformed("status is not three digits")),
            }
        }
        if status < 100 {
            return Err(Stop::Malformed("status below 100"));
        }
        let end = at + 4;
        self.version = version;
        self.status = status;
        if head.get(end) != Some(&b' ') {
            self.reason = Span::default();
            return lines::end_of_line(head, end, "status is not three digits");
        }
        let (reason_end, next) = lines::rest_of_line(head, end + 1)?;
        self.reason = Span::between(end + 1, reason_end);
        Ok(next)
    }

    /// The value of the first field of a kind.
    #[must_use]
    pub fn get<'b>(&self, kind: Name, buffer: &'b [u8]) -> Option<&'b [u8]> {
        first(&self.fields, kind, buffer)
    }

    /// How many fields of a kind there are.
    #[must_use]
    pub fn count(&self, kind: Name) -> usize {
        self.fields.iter().filter(|field| field.kind == kind).count()
    }
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether bytes are a token (RFC 9110 §5.6.2): a method, a field name, most list elements.
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && lines::end_of_token(bytes, 0) == bytes.len()
}

/// The elements of a comma-separated list, trimmed, without empty ones (RFC 9110 §5.6.1). For lists of tokens: a comma in a
/// quoted string separates too.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// Whether two names or tokens are the same in any case.
#[must_use]
#[inline]
pub fn eq_ignore_case(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}

fn first<'b>(fields: &[Field], kind: Name, buffer: &'b [u8]) -> Option<&'b [u8]> {
    fields
        .iter()
        .find(|field| field.kind == kind)
        .map(|field| field.value.of(buffer))
}

/// Lets `parse` see no more than the limit allows, and says what it means that this was too little. The head begins at `start`.
#[inline]
fn within(
    buffer: &[u8],
    start: usize,
    limits: Limits,
    source: Source,
    parse: impl FnOnce(&[u8]) -> Result<(), Stop>,
) -> Result<Parsed, HeadError> {
    let end = start + limits.bytes.min(u32::MAX as usize - 2);
    let head = &buffer[..buffer.len().min(end)];
    let parsed = if is_bulk_without_end(head) {
        judge_bulk(head, start, limits.fields, source)
    } else {
        parse(head)
    };
    match parsed {
        Ok(()) => Ok(Parsed::Whole),
        Err(Stop::Partial) if buffer.len() < end => Ok(Parsed::Partial),
        Err(Stop::Partial | Stop::TooLarge) => Err(HeadError::TooLarge),
        Err(Stop::Malformed(what)) => Err(HeadError::Malformed(what)),
        Err(Stop::Version) => Err(HeadError::Version),
    }
}

/// Whether a head is so long that parsing it at each call would let a client that sends single bytes keep a core busy, and has
/// no end that would be worth it.
#[inline]
fn is_bulk_without_end(head: &[u8]) -> bool {
    head.len() > BULK && memchr::memmem::find(head, b"\r\n\r\n").is_none()
}

/// Judges of a long head what could be its end to another reader, how many fields it has, and its last lines. Earlier calls have
/// judged most of the rest, and the call that finds it whole judges everything. Always an error, at best [`Stop::Partial`].
#[cold]
fn judge_bulk(head: &[u8], start: usize, fields: usize, source: Source) -> Result<(), Stop> {
    let mut lines = 0;
    for line_feed in memchr::memchr_iter(b'\n', &head[start..]) {
        if !head[start..start + line_feed].ends_with(b"\r") {
            return Err(Stop::Malformed("bare line feed"));
        }
        lines += 1;
        // The start line is none.
        if lines > fields + 1 {
            return Err(Stop::TooLarge);
        }
    }
    let tail = start.max(head.len().saturating_sub(TAIL));
    let Some(line_feed) = memchr::memchr(b'\n', &head[tail..]) else {
        return lines::rest_of_line(head, tail).map(drop);
    };
    let mut at = tail + line_feed + 1;
    loop {
        match lines::line(head, at, source)? {
            Line::Field(_, next) => at = next,
            // The end would have been found.
            Line::End(_) => return Err(Stop::Partial),
        }
    }
}

/// The field lines from `start` to the empty line; returns the offset behind that.
#[inline]
fn field_lines(
    head: &[u8],
    start: usize,
    limit: usize,
    source: Source,
    fields: &mut Vec<Field>,
) -> Result<usize, Stop> {
    fields.clear();
    if fields.capacity() == 0 {
        fields.reserve(16);
    }
    let mut at = start;
    loop {
        match lines::line(head, at, source) {
            Ok(Line::Field(_, _)) if fields.len() == limit => return Err(Stop::TooLarge),
            Ok(Line::Field(field, next)) => {
                fields.push(field);
                at = next;
            }
            Ok(Line::End(end)) => return Ok(end),
            Err(stop) => return Err(stop),
        }
    }
}

/// The version at `at` and the offset behind it (RFC 9112 §2.3).
#[inline]
fn version(head: &[u8], at: usize) -> Result<(Version, usize), Stop> {
    match &head[at..] {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', ..] => Ok((Version::Http11, at + 8)),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0', ..] => Ok((Version::Http10, at + 8)),
        other => Err(no_version(other)),
    }
}

/// What stands in a version's place instead of one of ours.
#[cold]
fn no_version(bytes: &[u8]) -> Stop {
    for (at, byte) in bytes.iter().take(8).enumerate() {
        let fits = match b"HTTP/0.0"[at] {
            b'0' => byte.is_ascii_digit(),
            letter => *byte == letter,
        };
        if !fits {
            return Stop::Malformed("no HTTP version");
        }
    }
    if bytes.len() < 8 { Stop::Partial } else { Stop::Version }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
