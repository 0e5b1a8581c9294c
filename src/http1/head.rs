//! Request and response heads: parse, refuse, keep order and case.

use std::fmt;
use std::ops::Range;

/// Bounds of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes from the first of the start line to the end of the empty line.
    pub bytes: usize,
    /// Fields.
    pub fields: usize,
}

/// A part of the buffer that a head was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Number of bytes.
    pub len: u32,
}

impl Span {
    /// The bytes themselves; `buffer` is the one that was parsed, from its first byte.
    #[must_use]
    pub fn of<'b>(&self, buffer: &'b [u8]) -> &'b [u8] {
        &buffer[self.range()]
    }

    /// As a range of offsets.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// Field names that the proxy treats in a special way; found once, while parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the field of its name")]
pub enum Name {
    Accept,
    Connection,
    ContentLength,
    ContentType,
    Date,
    Expect,
    Forwarded,
    Host,
    KeepAlive,
    ProxyAuthenticate,
    ProxyAuthorization,
    ProxyConnection,
    RetryAfter,
    Server,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    UserAgent,
    XEnvironment,
    XForwardedFor,
    XForwardedHost,
    XForwardedPort,
    XForwardedProto,
    XRealIp,
    XRequestId,
    XRobotsTag,
    /// Any other.
    Other,
}

/// One field line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Which field it is.
    pub kind: Name,
    /// Its name, as it was written.
    pub name: Span,
    /// Its value, without surrounding white space.
    pub value: Span,
}

/// `GET`, `HEAD` … (RFC 9110 §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is the method of its name")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Options,
    Patch,
    Connect,
    Trace,
    /// Any other token.
    Other,
}

/// The versions that this codec speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "each is the version of its name")]
pub enum Version {
    Http10,
    #[default]
    Http11,
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
    /// Bytes of the head, with the empty line.
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

impl fmt::Display for HeadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed head: {what}"),
            Self::TooLarge => f.write_str("head too large"),
            Self::Version => f.write_str("version is neither HTTP/1.0 nor HTTP/1.1"),
        }
    }
}

impl std::error::Error for HeadError {}

impl Name {
    /// Which field a name stands for, in any case.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let _ = name;
        todo!()
    }
}

impl RequestHead {
    /// An empty head, to be filled by [`RequestHead::parse`].
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }

    /// Parses the head at the start of `buffer` into `self`.
    ///
    /// # Errors
    /// When the bytes can no longer become a head within `limits`; bytes so far are judged even while it is partial.
    pub fn parse(&mut self, buffer: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let _ = (buffer, limits);
        todo!()
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
        todo!()
    }

    /// Parses the head at the start of `buffer` into `self`.
    ///
    /// # Errors
    /// As [`RequestHead::parse`].
    pub fn parse(&mut self, buffer: &[u8], limits: Limits) -> Result<Parsed, HeadError> {
        let _ = (buffer, limits);
        todo!()
    }
}

impl Default for ResponseHead {
    fn default() -> Self {
        Self::new()
    }
}
