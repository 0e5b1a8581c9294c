//! Frames (RFC 9113 §4, §6): their heads, and what each kind carries, read and written.

use super::error::{Broken, Code};

/// Bytes of a frame's head (RFC 9113 §4.1).
pub const HEAD: usize = 9;

/// The largest window, and the largest number of a stream (RFC 9113 §6.9.1, §5.1.1).
pub const MAX_WINDOW: u32 = (1 << 31) - 1;

/// What a client sends before its first frame (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames. Those that nobody knows are ignored (RFC 9113 §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub u8);

#[allow(missing_docs, reason = "each is the frame of its name")]
impl Kind {
    pub const DATA: Self = Self(0x0);
    pub const HEADERS: Self = Self(0x1);
    pub const PRIORITY: Self = Self(0x2);
    pub const RST_STREAM: Self = Self(0x3);
    pub const SETTINGS: Self = Self(0x4);
    pub const PUSH_PROMISE: Self = Self(0x5);
    pub const PING: Self = Self(0x6);
    pub const GOAWAY: Self = Self(0x7);
    pub const WINDOW_UPDATE: Self = Self(0x8);
    pub const CONTINUATION: Self = Self(0x9);
    /// RFC 9218 §7.1.
    pub const PRIORITY_UPDATE: Self = Self(0x10);
}

/// Flags; a frame's kind says which of them it has, the rest is ignored (RFC 9113 §4.1).
pub mod flag {
    /// SETTINGS, PING: an acknowledgement.
    pub const ACK: u8 = 0x1;
    /// DATA, HEADERS: the last of its stream.
    pub const END_STREAM: u8 = 0x1;
    /// HEADERS, CONTINUATION: the last of its field block.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA, HEADERS: a length of padding comes first.
    pub const PADDED: u8 = 0x8;
    /// HEADERS: five bytes of priority come before the field block.
    pub const PRIORITY: u8 = 0x20;
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// Bytes of its payload.
    pub length: u32,
    /// Its kind.
    pub kind: Kind,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0 is the connection itself.
    pub stream: u32,
}

impl FrameHead {
    /// Reads it from the first bytes of a frame; `None` while there are too few.
    #[must_use]
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes.first_chunk::<HEAD>()?;
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind: Kind(kind),
            flags,
            // The first bit is reserved, and ignored.
            stream: u32::from_be_bytes(stream) & MAX_WINDOW,
        })
    }

    /// Whether it has a flag.
    #[must_use]
    #[inline]
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What can be said against a frame by its head alone: its stream and its length (RFC 9113 §6). A length that only its
    /// stream pays for is not judged here.
    ///
    /// # Errors
    /// A connection error.
    pub fn judge(self) -> Result<(), Broken> {
        match self.kind {
            Kind::DATA | Kind::HEADERS | Kind::PRIORITY | Kind::RST_STREAM | Kind::CONTINUATION if self.stream == 0 => {
                return Err(Broken::protocol("a frame of a stream has none"));
            }
            Kind::SETTINGS | Kind::PING | Kind::GOAWAY | Kind::PRIORITY_UPDATE if self.stream != 0 => {
                return Err(Broken::protocol("a frame of the connection has a stream"));
            }
            _ => {}
        }
        let is_right = match self.kind {
            Kind::RST_STREAM | Kind::WINDOW_UPDATE => self.length == 4,
            Kind::PING => self.length == 8,
            Kind::GOAWAY => self.length >= 8,
            Kind::PRIORITY_UPDATE => self.length >= 4,
            Kind::SETTINGS if self.has(flag::ACK) => self.length == 0,
            Kind::SETTINGS => self.length.is_multiple_of(6),
            Kind::DATA | Kind::HEADERS if self.has(flag::PADDED) => self.length >= 1,
            _ => true,
        };
        if !is_right {
            return Err(Broken::size("a frame has a length that its kind may not have"));
        }
        Ok(())
    }
}

/// The five bytes of a stream's priority (RFC 9113 §6.3): nothing is done with them but to look whether they can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// The stream that it depends on.
    pub on: u32,
    /// Whether it alone does.
    pub exclusive: bool,
    /// 1 to 256, less one.
    pub weight: u8,
}

impl Dependency {
    /// Reads it.
    #[must_use]
    pub fn read(bytes: [u8; 5]) -> Self {
        let [a, b, c, d, weight] = bytes;
        let word = u32::from_be_bytes([a, b, c, d]);
        Self {
            on: word & MAX_WINDOW,
            exclusive: word > MAX_WINDOW,
            weight,
        }
    }
}

/// What HEADERS carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'p> {
    /// The field block, or its beginning.
    pub block: &'p [u8],
    /// The priority, which is of no use any more (RFC 9113 §5.3.2).
    pub dependency: Option<Dependency>,
}

impl<'p> Headers<'p> {
    /// Reads a whole payload (RFC 9113 §6.2).
    ///
    /// # Errors
    /// When padding or priority do not fit into it: a connection error.
    pub fn read(head: FrameHead, payload: &'p [u8]) -> Result<Self, Broken> {
        let (rest, padding) = padding(head, payload)?;
        let (dependency, rest) = if head.has(flag::PRIORITY) {
            let Some((dependency, rest)) = rest.split_first_chunk::<5>() else {
                return Err(Broken::size("HEADERS is too short for its priority"));
            };
            (Some(Dependency::read(*dependency)), rest)
        } else {
            (None, rest)
        };
        let Some(block) = rest.len().checked_sub(padding) else {
            return Err(Broken::protocol("padding is longer than its frame"));
        };
        let block = &rest[..block];
        Ok(Self { block, dependency })
    }
}

/// The length of a frame's padding, and what stands behind that length.
fn padding(head: FrameHead, payload: &[u8]) -> Result<(&[u8], usize), Broken> {
    if !head.has(flag::PADDED) {
        return Ok((payload, 0));
    }
    match payload {
        [length, rest @ ..] => Ok((rest, usize::from(*length))),
        [] => Err(Broken::size("a padded frame is empty")),
    }
}

/// Bytes of data and of padding behind them in a DATA frame whose payload begins so (RFC 9113 §6.1). Padding's own length is
/// not among them.
///
/// # Errors
/// When the padding is as long as the payload, or longer: a connection error.
pub fn data(head: FrameHead, first: u8) -> Result<(u32, u32), Broken> {
    if !head.has(flag::PADDED) {
        return Ok((head.length, 0));
    }
    let padding = u32::from(first);
    match head.length.checked_sub(1 + padding) {
        Some(data) => Ok((data, padding)),
        None => Err(Broken::protocol("padding is longer than its frame")),
    }
}

/// A number of 31 bits and the reserved one before it: a stream, or an increment.
#[must_use]
pub fn word(bytes: [u8; 4]) -> u32 {
    u32::from_be_bytes(bytes) & MAX_WINDOW
}

/// GOAWAY: the last stream that its sender has looked at, why, and text for people (RFC 9113 §6.8). The payload has 8 bytes
/// or more.
#[must_use]
pub fn read_goaway(payload: &[u8]) -> Option<(u32, Code, &[u8])> {
    let (last, rest) = payload.split_first_chunk::<4>()?;
    let (code, text) = rest.split_first_chunk::<4>()?;
    Some((word(*last), Code(u32::from_be_bytes(*code)), text))
}

/// Appends a frame's head.
#[inline]
pub fn head(out: &mut Vec<u8>, length: usize, kind: Kind, flags: u8, stream: u32) {
    debug_assert!(length < 1 << 24, "a length has 24 bits");
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind.0, flags, d, e, f, g]);
}

/// Writes the length into a frame's head that stands at `at`, where everything behind it is its payload.
#[inline]
pub fn close(out: &mut [u8], at: usize) {
    let length = out.len() - at - HEAD;
    debug_assert!(length < 1 << 24, "a length has 24 bits");
    let [_, a, b, c] = (length as u32).to_be_bytes();
    out[at..at + 3].copy_from_slice(&[a, b, c]);
}

/// Appends RST_STREAM.
pub fn rst_stream(out: &mut Vec<u8>, stream: u32, code: Code) {
    head(out, 4, Kind::RST_STREAM, 0, stream);
    out.extend_from_slice(&code.0.to_be_bytes());
}

/// Appends the acknowledgement of SETTINGS.
pub fn settings_ack(out: &mut Vec<u8>) {
    head(out, 0, Kind::SETTINGS, flag::ACK, 0);
}

/// Appends PING, or its answer.
pub fn ping(out: &mut Vec<u8>, payload: [u8; 8], is_answer: bool) {
    head(out, 8, Kind::PING, if is_answer { flag::ACK } else { 0 }, 0);
    out.extend_from_slice(&payload);
}

/// Appends GOAWAY.
pub fn goaway(out: &mut Vec<u8>, last: u32, code: Code) {
    head(out, 8, Kind::GOAWAY, 0, 0);
    out.extend_from_slice(&last.to_be_bytes());
    out.extend_from_slice(&code.0.to_be_bytes());
}

/// Appends WINDOW_UPDATE.
pub fn window_update(out: &mut Vec<u8>, stream: u32, increment: u32) {
    debug_assert!((1..=MAX_WINDOW).contains(&increment), "an increment is positive");
    head(out, 4, Kind::WINDOW_UPDATE, 0, stream);
    out.extend_from_slice(&increment.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(length: u32, kind: Kind, flags: u8, stream: u32) -> FrameHead {
        FrameHead {
            length,
            kind,
            flags,
            stream,
        }
    }

    fn code(head: FrameHead) -> Option<Code> {
        head.judge().err().map(|broken| broken.code)
    }

    /// RFC 9113 §4.1.
    #[test]
    fn a_head_is_nine_bytes_and_the_reserved_bit_is_ignored() {
        let mut out = Vec::new();
        head(&mut out, 0x01_02_03, Kind::PING, 0xff, 0x7fff_fffe);
        assert_eq!(out, [1, 2, 3, 6, 0xff, 0x7f, 0xff, 0xff, 0xfe]);
        out[5] = 0xff;
        assert_eq!(
            FrameHead::read(&out),
            Some(frame(0x01_02_03, Kind::PING, 0xff, 0x7fff_fffe))
        );
        assert_eq!(FrameHead::read(&out[..8]), None);
    }

    /// RFC 9113 §6.1 to §6.10: "MUST treat as a connection error of type PROTOCOL_ERROR".
    #[test]
    fn frames_of_streams_have_one_and_those_of_the_connection_have_none() {
        for kind in [0, 1, 2, 3, 9] {
            let length = if kind == 3 { 4 } else { 5 };
            assert_eq!(
                code(frame(length, Kind(kind), 0, 0)),
                Some(Code::PROTOCOL_ERROR),
                "{kind}"
            );
            assert_eq!(code(frame(length, Kind(kind), 0, 1)), None, "{kind}");
        }
        for (kind, length) in [(4, 0), (6, 8), (7, 8), (0x10, 4)] {
            assert_eq!(
                code(frame(length, Kind(kind), 0, 1)),
                Some(Code::PROTOCOL_ERROR),
                "{kind}"
            );
            assert_eq!(code(frame(length, Kind(kind), 0, 0)), None, "{kind}");
        }
        for stream in [0, 1] {
            assert_eq!(code(frame(4, Kind::WINDOW_UPDATE, 0, stream)), None);
            assert_eq!(code(frame(99, Kind(0xba), 0xff, stream)), None);
        }
    }

    /// RFC 9113 §6.4, §6.5, §6.7, §6.8, §6.9: FRAME_SIZE_ERROR.
    #[test]
    fn lengths_that_a_kind_may_not_have_end_the_connection() {
        for (length, kind, flags, stream) in [
            (3, Kind::RST_STREAM, 0, 1),
            (5, Kind::RST_STREAM, 0, 1),
            (5, Kind::SETTINGS, 0, 0),
            (6, Kind::SETTINGS, flag::ACK, 0),
            (7, Kind::PING, 0, 0),
            (9, Kind::PING, flag::ACK, 0),
            (7, Kind::GOAWAY, 0, 0),
            (3, Kind::WINDOW_UPDATE, 0, 0),
            (5, Kind::WINDOW_UPDATE, 0, 1),
            (3, Kind::PRIORITY_UPDATE, 0, 0),
            (0, Kind::DATA, flag::PADDED, 1),
            (0, Kind::HEADERS, flag::PADDED, 1),
        ] {
            let head = frame(length, kind, flags, stream);
            assert_eq!(code(head), Some(Code::FRAME_SIZE_ERROR), "{head:?}");
        }
    }

    /// RFC 9113 §6.1: padding that is as long as the payload or longer is a PROTOCOL_ERROR of the connection.
    #[test]
    fn padding_of_data_fits_into_its_frame() {
        let padded = frame(10, Kind::DATA, flag::PADDED, 1);
        assert_eq!(data(padded, 0), Ok((9, 0)));
        assert_eq!(data(padded, 9), Ok((0, 9)));
        assert_eq!(data(padded, 10).unwrap_err().code, Code::PROTOCOL_ERROR);
        assert_eq!(data(frame(10, Kind::DATA, 0, 1), 200), Ok((10, 0)));
    }

    /// RFC 9113 §6.2.
    #[test]
    fn headers_have_padding_and_priority_around_their_block() {
        let flags = flag::PADDED | flag::PRIORITY;
        let payload = [2, 0x80, 0, 0, 3, 15, b'x', b'y', 0, 0];
        let read = |length: usize| Headers::read(frame(length as u32, Kind::HEADERS, flags, 1), &payload[..length]);
        let headers = read(10).unwrap();
        assert_eq!(headers.block, b"xy");
        let expected = Dependency {
            on: 3,
            exclusive: true,
            weight: 15,
        };
        assert_eq!(headers.dependency, Some(expected));
        assert_eq!(read(8).unwrap().block, b"");
        assert_eq!(read(7).unwrap_err().code, Code::PROTOCOL_ERROR);
        assert_eq!(read(5).unwrap_err().code, Code::FRAME_SIZE_ERROR);
        let plain = Headers::read(frame(2, Kind::HEADERS, 0, 1), b"xy").unwrap();
        assert_eq!((plain.block, plain.dependency), (&b"xy"[..], None));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = Vec::new();
        rst_stream(&mut out, 5, Code::CANCEL);
        assert_eq!(out, [0, 0, 4, 3, 0, 0, 0, 0, 5, 0, 0, 0, 8]);
        out.clear();
        settings_ack(&mut out);
        assert_eq!(out, [0, 0, 0, 4, 1, 0, 0, 0, 0]);
        out.clear();
        ping(&mut out, *b"12345678", true);
        assert_eq!(out[..9], [0, 0, 8, 6, 1, 0, 0, 0, 0]);
        out.clear();
        window_update(&mut out, 0, MAX_WINDOW);
        assert_eq!(out, [0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]);
        out.clear();
        goaway(&mut out, 7, Code::ENHANCE_YOUR_CALM);
        out.extend_from_slice(b"why");
        close(&mut out, 0);
        assert_eq!(out[..9], [0, 0, 11, 7, 0, 0, 0, 0, 0]);
        assert_eq!(read_goaway(&out[9..]), Some((7, Code::ENHANCE_YOUR_CALM, &b"why"[..])));
    }
}
