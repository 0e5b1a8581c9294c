//! How long is this body? (RFC 9112 §6)

use std::fmt;

use super::head::{Method, RequestHead, ResponseHead};

/// How a message's body is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// Exactly so many bytes, at least one.
    Length(u64),
    /// Chunked coding.
    Chunked,
    /// Until the connection closes; responses only.
    UntilClose,
}

/// Why the framing of a message cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingError {
    /// Both Content-Length and Transfer-Encoding.
    Both,
    /// Content-Length that is repeated, a list, signed, hex or empty.
    Length,
    /// A transfer coding other than exactly one `chunked` (501 for requests), or one on HTTP/1.0.
    Coding,
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "both Content-Length and Transfer-Encoding",
            Self::Length => "Content-Length is not one decimal number",
            Self::Coding => "Transfer-Encoding is not exactly `chunked`",
        })
    }
}

impl std::error::Error for FramingError {}

/// The framing of a request (RFC 9112 §6.3; stricter: E1–E3).
///
/// # Errors
/// When it is ambiguous.
pub fn of_request(head: &RequestHead, buffer: &[u8]) -> Result<Framing, FramingError> {
    let _ = (head, buffer);
    todo!()
}

/// The framing of the final response to a request with `method` (RFC 9112 §6.3: HEAD, 1xx, 204 and 304 have no body).
/// Two equal Content-Length fields are tolerated here, because apps send them.
///
/// # Errors
/// When it is ambiguous.
pub fn of_response(method: Method, head: &ResponseHead, buffer: &[u8]) -> Result<Framing, FramingError> {
    let _ = (method, head, buffer);
    todo!()
}
