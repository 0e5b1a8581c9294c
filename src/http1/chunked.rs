//! Bodies on the wire, read by their framing; chunked coding with trailers (RFC 9112 §7).
//!
//! What is passed on is data and trailers. Chunk sizes and extensions end here: the side that sends makes its own.

use std::fmt;
use std::ops::Range;

use super::extension::Part;
use super::framing::Framing;
use super::lines::{self, Source, Stop};
use super::trailers::Trailers;

/// Bytes of extensions behind one chunk size.
const EXTENSION_LINE: u16 = 4 * 1024;

/// Bytes of extensions that may come before data has earned them: each byte of data earns one back. An extension per chunk is
/// fine in a body of any length; a body of little else is not.
const EXTENSION_CREDIT: u16 = 16 * 1024;

/// Digits of a chunk size, leading zeros included.
const SIZE_DIGITS: u8 = 16;

/// The largest chunk; sums with it do not overflow.
const SIZE_MAX: u64 = u64::MAX >> 1;

/// Reads one body out of the bytes that arrive, whatever its framing.
#[derive(Debug)]
pub struct BodyDecoder {
    phase: Phase,
    /// Bytes of data that are to come, in the body (`Length`) or in this chunk; while a size is read, what it is so far.
    left: u64,
    /// Bytes of extensions on this line.
    extension: u16,
    /// Bytes of extensions that no data has earned yet.
    debt: u16,
    source: Source,
    /// Boxed, because few bodies have any.
    trailers: Option<Box<Trailers>>,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Bytes of a counted body; complete when none is left.
    Length,
    /// Bytes of a body that the connection's end ends.
    UntilClose,
    /// A digit of a chunk size, after so many, or what follows the size.
    Size(u8),
    /// White space after a size, which only an extension may follow.
    Blank,
    /// Bytes of an extension, up to the carriage return.
    Extension,
    /// The same, held to the grammar.
    Strict(Part),
    /// The line feed of a size line.
    SizeEnd,
    /// Bytes of a chunk.
    Data,
    /// The carriage return behind a chunk.
    DataReturn,
    /// The line feed behind a chunk.
    DataEnd,
    /// The first byte of a trailer line.
    TrailerStart,
    /// More of a trailer line.
    Trailer,
    /// The line feed that ends the trailer section.
    TrailersEnd,
    /// Nothing: the chunked body is complete.
    Done,
}

/// What one call of [`BodyDecoder::decode`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// The part of the input that is body; may be empty (framing bytes were consumed). Framing bytes before *and* behind it may
    /// have been consumed in the same step.
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

impl BodyError {
    /// What is wrong, in words that stay the same.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Malformed(what) => what,
            Self::TooLarge => "chunk extensions or trailers too large",
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed chunked body: {what}"),
            Self::TooLarge => f.write_str(self.words()),
        }
    }
}

impl std::error::Error for BodyError {}

impl From<Stop> for BodyError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::TooLarge => Self::TooLarge,
            Stop::Malformed(what) => Self::Malformed(what),
            // A line that ends with a line feed is not partial.
            Stop::Partial | Stop::Version => Self::Malformed("trailer line without an end"),
        }
    }
}

impl BodyDecoder {
    /// A decoder for a request's body that has not begun: what another reader could take in another way is refused, in chunk
    /// extensions too.
    #[must_use]
    pub fn of_request(framing: Framing) -> Self {
        Self::new(framing, Source::Client)
    }

    /// A decoder for a response's body that has not begun: blanks may follow a chunk size, and any text after a semicolon.
    #[must_use]
    pub fn of_response(framing: Framing) -> Self {
        Self::new(framing, Source::App)
    }

    fn new(framing: Framing, source: Source) -> Self {
        let (phase, left) = match framing {
            Framing::None => (Phase::Length, 0),
            Framing::Length(bytes) => (Phase::Length, bytes),
            Framing::Chunked => (Phase::Size(0), 0),
            Framing::UntilClose => (Phase::UntilClose, 0),
        };
        Self {
            phase,
            left,
            extension: 0,
            debt: 0,
            source,
            trailers: None,
        }
    }

    /// Takes the next step; call it again with the rest of the input until it consumes nothing or is at the end.
    ///
    /// # Errors
    /// When the bytes break the framing; the connection cannot be used any more.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyError> {
        let mut at = 0;
        let mut data = 0..0;
        while at < input.len() && !self.is_done() {
            if let Phase::Length | Phase::Data | Phase::UntilClose = self.phase {
                if !data.is_empty() {
                    break;
                }
                data = at..at + self.take(input.len() - at);
                at = data.end;
                continue;
            }
            match self.frame(&input[at..]) {
                Ok(bytes) => at += bytes,
                Err(error) if data.is_empty() => return Err(error),
                // Data that came before the error is data; `frame` has changed nothing, so the next step meets it again.
                Err(_) => break,
            }
        }
        Ok(Decoded {
            consumed: at,
            data,
            end: self.is_done(),
        })
    }

    /// Whether the body is complete. A body until close never is: its end is the connection's.
    #[must_use]
    #[inline]
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done || (self.phase == Phase::Length && self.left == 0)
    }

    /// Whether the connection's end is the body's end (`UntilClose`).
    #[must_use]
    pub fn ends_with_connection(&self) -> bool {
        self.phase == Phase::UntilClose
    }

    /// Whether the bytes so far end where nobody has a reason to pause: in what frames a chunk or the trailers, or, as `after_data`
    /// says, before the first byte of a chunk.
    #[must_use]
    pub fn is_halfway(&self, after_data: bool) -> bool {
        match self.phase {
            Phase::Length | Phase::UntilClose | Phase::Size(0) | Phase::Done => false,
            Phase::Data => !after_data,
            Phase::Size(_)
            | Phase::Blank
            | Phase::Extension
            | Phase::Strict(_)
            | Phase::SizeEnd
            | Phase::DataReturn
            | Phase::DataEnd
            | Phase::TrailerStart
            | Phase::Trailer
            | Phase::TrailersEnd => true,
        }
    }

    /// Bytes of body that are still to come, where the framing knows (`Length`, and 0 where there is no body).
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        (self.phase == Phase::Length).then_some(self.left)
    }

    /// The trailer section as field lines, each ended by CRLF, checked like header fields; empty without any. Fields that a
    /// trailer must not carry are left out (E6). Complete when the body is.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        self.trailers.as_ref().map_or(&[], |trailers| trailers.kept())
    }

    /// Counts data off what is left: at most `bytes`, of which at least one is there.
    fn take(&mut self, bytes: usize) -> usize {
        if self.phase == Phase::UntilClose {
            return bytes;
        }
        let taken = usize::try_from(self.left).map_or(bytes, |left| left.min(bytes));
        self.left -= taken as u64;
        if self.phase == Phase::Data {
            self.debt = self.debt.saturating_sub(u16::try_from(taken).unwrap_or(u16::MAX));
            if self.left == 0 {
                self.phase = Phase::DataReturn;
            }
        }
        taken
    }

    /// Takes framing bytes, at least one, and says how many. Changes nothing if it fails.
    fn frame(&mut self, input: &[u8]) -> Result<usize, BodyError> {
        let byte = input[0];
        self.phase = match (self.phase, byte) {
            (Phase::Size(digits), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                if digits == SIZE_DIGITS {
                    return Err(BodyError::Malformed("chunk size has too many digits"));
                }
                let digit = (byte & 0xf) + if byte.is_ascii_digit() { 0 } else { 9 };
                let size = (if digits == 0 { 0 } else { self.left } << 4) | u64::from(digit);
                if size > SIZE_MAX {
                    return Err(BodyError::Malformed("chunk size is too large"));
                }
                self.left = size;
                Phase::Size(digits + 1)
            }
            (Phase::Size(0), _) => return Err(BodyError::Malformed("no chunk size")),
            (Phase::Size(_), b'\r') => Phase::SizeEnd,
            (Phase::Size(_) | Phase::Blank, b' ' | b'\t') => {
                self.count_blank()?;
                Phase::Blank
            }
            // Some apps write every size in so many places (`5   `).
            (Phase::Blank, b'\r') if self.source == Source::App => Phase::SizeEnd,
            (Phase::Size(_) | Phase::Blank, b';') => {
                self.count_extension(1)?;
                match self.source {
                    Source::Client => Phase::Strict(Part::Start),
                    Source::App => Phase::Extension,
                }
            }
            (Phase::Size(_) | Phase::Blank | Phase::Extension | Phase::Strict(_) | Phase::DataReturn, b'\n') => {
                return Err(BodyError::Malformed("bare line feed"));
            }
            (Phase::Size(_), _) => return Err(BodyError::Malformed("chunk size is not hexadecimal")),
            (Phase::Blank, _) => return Err(BodyError::Malformed("white space after a chunk size")),
            (Phase::Extension, b'\r') => Phase::SizeEnd,
            (Phase::Extension, _) => return self.skip_extension(input),
            (Phase::Strict(part), b'\r') if part.may_end() => Phase::SizeEnd,
            (Phase::Strict(part), _) => {
                let next = part.step(byte).map_err(BodyError::Malformed)?;
                self.count_extension(1)?;
                Phase::Strict(next)
            }
            (Phase::SizeEnd, b'\n') => {
                self.extension = 0;
                if self.left == 0 {
                    Phase::TrailerStart
                } else {
                    Phase::Data
                }
            }
            (Phase::DataReturn, b'\r') => Phase::DataEnd,
            (Phase::DataReturn, _) => return Err(BodyError::Malformed("chunk is longer than its size")),
            (Phase::DataEnd, b'\n') => Phase::Size(0),
            (Phase::TrailerStart, b'\r') => Phase::TrailersEnd,
            (Phase::TrailersEnd, b'\n') => Phase::Done,
            (Phase::TrailerStart | Phase::Trailer, _) => return self.trailer(input),
            (Phase::SizeEnd | Phase::DataEnd | Phase::TrailersEnd, _) => {
                return Err(BodyError::Malformed("bare carriage return"));
            }
            (Phase::Length | Phase::UntilClose | Phase::Data | Phase::Done, _) => return Ok(0),
        };
        Ok(1)
    }

    /// Skips bytes of an extension; they are not looked into, but nothing in them may look like a line's end to anyone.
    fn skip_extension(&mut self, input: &[u8]) -> Result<usize, BodyError> {
        let bytes = match lines::end_of_text::<0x20>(input, 0) {
            0 if input[0] == b'\t' => 1,
            0 => return Err(BodyError::Malformed("control character in a chunk extension")),
            bytes => bytes,
        };
        self.count_extension(bytes)?;
        Ok(bytes)
    }

    /// An app's blanks need not be earned: they come with every chunk, however small.
    fn count_blank(&mut self) -> Result<(), BodyError> {
        let debt = self.debt;
        self.count_extension(1)?;
        if self.source == Source::App {
            self.debt = debt;
        }
        Ok(())
    }

    fn count_extension(&mut self, bytes: usize) -> Result<(), BodyError> {
        let bytes = u16::try_from(bytes).map_err(|_| BodyError::TooLarge)?;
        let line = self.extension.saturating_add(bytes);
        let debt = self.debt.saturating_add(bytes);
        if line > EXTENSION_LINE || debt > EXTENSION_CREDIT {
            return Err(BodyError::TooLarge);
        }
        self.extension = line;
        self.debt = debt;
        Ok(())
    }

    /// Takes bytes of a trailer line, up to its end.
    fn trailer(&mut self, input: &[u8]) -> Result<usize, BodyError> {
        let end = memchr::memchr(b'\n', input);
        let bytes = end.map_or(input.len(), |at| at + 1);
        self.trailers
            .get_or_insert_default()
            .read(&input[..bytes], end.is_some(), self.source)?;
        self.phase = if end.is_some() {
            Phase::TrailerStart
        } else {
            Phase::Trailer
        };
        Ok(bytes)
    }
}

#[cfg(test)]
#[path = "chunked_tests.rs"]
mod tests;
