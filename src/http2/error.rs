//! Error codes (RFC 9113 §7), and whether a stream ends by an error or the whole connection (§5.4).

use std::fmt;

/// Why a stream or a connection ends. Codes that nobody knows mean nothing in particular, and do no harm (RFC 9113 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code(pub u32);

impl Code {
    /// It is no error.
    pub const NO_ERROR: Self = Self(0x0);
    /// Something that the protocol does not allow, and that has no code of its own.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// The fault is the sender's of this code.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// More data than the window had room for.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// SETTINGS were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame for a stream whose sender had said that it was over.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame of a length that it may not have.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// Nothing was done for this stream: it may be tried again.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is not needed any more.
    pub const CANCEL: Self = Self(0x8);
    /// Both sides' compression contexts are no longer the same.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The connection behind a CONNECT was reset or closed abnormally.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The peer does what may burden this side too much.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// The transport is not as safe as it has to be.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// HTTP/1.1 is wanted instead.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// Its name in RFC 9113 §7.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        NAMES.get(self.0 as usize).copied()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// What a peer did against the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken {
    /// The code that it is told.
    pub code: Code,
    /// What it did, in words that stay the same.
    pub why: &'static str,
}

impl Broken {
    /// With this code and these words.
    #[must_use]
    pub const fn new(code: Code, why: &'static str) -> Self {
        Self { code, why }
    }

    /// [`Code::PROTOCOL_ERROR`].
    #[must_use]
    pub const fn protocol(why: &'static str) -> Self {
        Self::new(Code::PROTOCOL_ERROR, why)
    }

    /// [`Code::FRAME_SIZE_ERROR`].
    #[must_use]
    pub const fn size(why: &'static str) -> Self {
        Self::new(Code::FRAME_SIZE_ERROR, why)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.why)
    }
}

/// What ends by a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The connection, by GOAWAY, with every stream on it (RFC 9113 §5.4.1).
    Connection(Broken),
    /// This stream alone, by RST_STREAM (RFC 9113 §5.4.2).
    Stream(u32, Broken),
}

impl Error {
    /// The fault itself.
    #[must_use]
    pub fn broken(self) -> Broken {
        match self {
            Self::Connection(broken) | Self::Stream(_, broken) => broken,
        }
    }
}

impl From<Broken> for Error {
    /// A fault ends the connection unless something else is said of it.
    fn from(broken: Broken) -> Self {
        Self::Connection(broken)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(broken) => write!(f, "connection error {broken}"),
            Self::Stream(stream, broken) => write!(f, "error of stream {stream} {broken}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9113 §7.
    #[test]
    fn codes_have_names_and_those_that_nobody_knows_have_none() {
        assert_eq!(Code::NO_ERROR.to_string(), "NO_ERROR");
        assert_eq!(Code::COMPRESSION_ERROR.to_string(), "COMPRESSION_ERROR");
        assert_eq!(Code::HTTP_1_1_REQUIRED.to_string(), "HTTP_1_1_REQUIRED");
        assert_eq!(Code(14).to_string(), "0xe");
        assert_eq!(Code(u32::MAX).name(), None);
    }

    #[test]
    fn an_error_says_whose_it_is() {
        let broken = Broken::size("PING is not 8 bytes");
        assert_eq!(
            Error::from(broken).to_string(),
            "connection error FRAME_SIZE_ERROR: PING is not 8 bytes"
        );
        assert_eq!(
            Error::Stream(7, broken).to_string(),
            "error of stream 7 FRAME_SIZE_ERROR: PING is not 8 bytes"
        );
    }
}
