//! Bodies on the wire, read by their framing; chunked coding with trailers (RFC 9112 §7).

use std::fmt;
use std::ops::Range;

use super::framing::Framing;

/// Reads one body out of the bytes that arrive, whatever its framing.
#[derive(Debug)]
pub struct BodyDecoder {
    _private: (),
}

/// What one call of [`BodyDecoder::decode`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// The part of the input that is body; may be empty (framing bytes were consumed).
    pub data: Range<usize>,
    /// Whether the body is complete; bytes after `consumed` belong to the next message.
    pub end: bool,
}

/// Why bytes are not a body of their framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// They break the chunked grammar.
    Malformed(&'static str),
    /// Extensions or trailers beyond their bounds.
    TooLarge,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed chunked body: {what}"),
            Self::TooLarge => f.write_str("chunk extensions or trailers too large"),
        }
    }
}

impl std::error::Error for BodyError {}

impl BodyDecoder {
    /// A decoder for a body that has not begun.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let _ = framing;
        todo!()
    }

    /// Takes the next step; call it again with the rest of the input until it consumes nothing or is at the end.
    ///
    /// # Errors
    /// When the bytes break the framing; the connection cannot be used any more.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyError> {
        let _ = input;
        todo!()
    }

    /// Whether the body is complete. A body until close never is: its end is the connection's.
    #[must_use]
    pub fn is_done(&self) -> bool {
        todo!()
    }

    /// Whether the connection's end is the body's end (`UntilClose`).
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        todo!()
    }

    /// Bytes of body that are still to come, where the framing knows (`Length`).
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        todo!()
    }

    /// The trailer section as field lines, each ended by CRLF, checked like header fields; empty without any.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        todo!()
    }
}
