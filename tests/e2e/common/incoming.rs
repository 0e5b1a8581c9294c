//! HTTP/1.1 as it arrives: heads and bodies, read strictly, by clients and by apps alike.
//!
//! On purpose not the product's codec: an end that shares the mistakes of the middle would not see them.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::wire::Wire;

/// Why an exchange was no exchange. Every one of these is a failure that a user would have seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// No connection: refused, reset in the handshake.
    Connect(String),
    /// The TLS handshake failed.
    Tls(String),
    /// The connection was reset, or a write failed.
    Reset(String),
    /// It was closed before the first byte of a head.
    Closed,
    /// The connection was ended politely before the request was sent: a client asks again on another one.
    Unsent,
    /// It ended inside a head or a body.
    Truncated(String),
    /// What arrived is not HTTP/1.1.
    Malformed(String),
    /// Nothing came for longer than the client has patience.
    Timeout(String),
    /// It arrived, but is not what was expected.
    Wrong(String),
}

impl Broken {
    /// One word, to count by.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Connect(_) => "connect",
            Self::Tls(_) => "tls",
            Self::Unsent => "unsent",
            Self::Reset(_) => "reset",
            Self::Closed => "closed",
            Self::Truncated(_) => "truncated",
            Self::Malformed(_) => "malformed",
            Self::Timeout(_) => "timeout",
            Self::Wrong(_) => "wrong",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsent => f.write_str("the connection takes no requests any more"),
            Self::Closed => f.write_str("closed before an answer"),
            Self::Connect(why)
            | Self::Tls(why)
            | Self::Reset(why)
            | Self::Truncated(why)
            | Self::Malformed(why)
            | Self::Timeout(why)
            | Self::Wrong(why) => write!(f, "{}: {why}", self.kind()),
        }
    }
}

/// Field lines in the order and case in which they arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The value of the first field of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The values of all fields of this name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Whether a comma-separated field holds this token.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(token))
    }
}

/// A start line and its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// `GET / HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub start: String,
    /// The fields.
    pub fields: Fields,
    /// Every byte of it, as text.
    pub raw: String,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(usize),
    /// With its last chunk.
    Chunked,
    /// With the connection.
    Close,
}

/// A connection and the bytes that have arrived but were not taken.
#[derive(Debug)]
pub struct Incoming {
    /// The connection.
    pub wire: Wire,
    /// Bytes not yet taken.
    pub buffer: BytesMut,
    /// How long to wait for the next byte.
    pub patience: Duration,
}

impl Incoming {
    /// A fresh connection.
    pub fn new(wire: Wire, patience: Duration) -> Self {
        Self {
            wire,
            buffer: BytesMut::with_capacity(16 * 1024),
            patience,
        }
    }

    /// Writes all bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let written = async {
            self.wire.write_all(bytes).await?;
            self.wire.flush().await
        };
        match tokio::time::timeout(self.patience, written).await {
            Err(_) => Err(Broken::Timeout("the peer takes no bytes".into())),
            Ok(Err(error)) => Err(Broken::Reset(format!("write: {error}"))),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Reads some more bytes; 0 is the clean end of the stream.
    pub async fn fill(&mut self) -> Result<usize, Broken> {
        match tokio::time::timeout(self.patience, self.wire.read_buf(&mut self.buffer)).await {
            Err(_) => Err(Broken::Timeout(format!("no byte for {:?}", self.patience))),
            Ok(Ok(read)) => Ok(read),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(Broken::Truncated("TLS ended without close_notify".into()))
            }
            Ok(Err(error)) => Err(Broken::Reset(format!("read: {error}"))),
        }
    }

    /// Reads until the bytes not yet taken contain `needle`; takes nothing.
    pub async fn until(&mut self, needle: &[u8]) -> Result<(), Broken> {
        while !self.buffer.windows(needle.len()).any(|window| window == needle) {
            if self.fill().await? == 0 {
                return Err(Broken::Truncated(format!(
                    "ended before {:?}",
                    String::from_utf8_lossy(needle)
                )));
            }
        }
        Ok(())
    }

    /// Takes one head. Strict: CRLF line ends only, no space before a colon, no folding.
    pub async fn head(&mut self) -> Result<Head, Broken> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if self.buffer.len() > 1 << 20 {
                return Err(Broken::Malformed("a head of more than 1 MiB".into()));
            }
            let empty = self.buffer.is_empty();
            match self.fill().await {
                Ok(0) | Err(Broken::Truncated(_)) if empty => return Err(Broken::Closed),
                Ok(0) => return Err(Broken::Truncated("in a head".into())),
                Ok(_) => {}
                Err(broken) => return Err(broken),
            }
        };
        let bytes = self.buffer.split_to(end + 4);
        let raw = String::from_utf8_lossy(&bytes).into_owned();
        let mut lines = raw[..raw.len() - 4].split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = fields(lines)?;
        Ok(Head { start, fields, raw })
    }

    /// Takes exactly `length` bytes.
    pub async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        while self.buffer.len() < length {
            if self.fill().await? == 0 {
                return Err(Broken::Truncated(format!("{} of {length} bytes", self.buffer.len())));
            }
        }
        Ok(self.buffer.split_to(length).to_vec())
    }

    /// Takes a whole body and its trailers.
    pub async fn body(&mut self, ends: Ends) -> Result<(Vec<u8>, Fields), Broken> {
        match ends {
            Ends::Empty => Ok((Vec::new(), Fields::default())),
            Ends::Length(length) => Ok((self.exactly(length).await?, Fields::default())),
            Ends::Close => {
                while self.fill().await? > 0 {}
                Ok((self.buffer.split().to_vec(), Fields::default()))
            }
            Ends::Chunked => {
                let mut body = Vec::new();
                loop {
                    match self.chunk().await? {
                        Some(data) => body.extend_from_slice(&data),
                        None => return Ok((body, self.trailers().await?)),
                    }
                }
            }
        }
    }

    /// Takes one chunk; `None` is the last one, and its trailers follow. Strict: no extension, since none is ever forwarded (E5).
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Broken> {
        let digits = self.line().await?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Broken::Malformed(format!("chunk size {digits:?}")));
        }
        let size =
            usize::from_str_radix(&digits, 16).map_err(|_| Broken::Malformed(format!("chunk size {digits:?}")))?;
        if size == 0 {
            return Ok(None);
        }
        let data = self.exactly(size).await?;
        if self.exactly(2).await? != b"\r\n" {
            return Err(Broken::Malformed("a chunk that does not end with CRLF".into()));
        }
        Ok(Some(data))
    }

    async fn trailers(&mut self) -> Result<Fields, Broken> {
        let mut lines = Vec::new();
        loop {
            match self.line().await? {
                line if line.is_empty() => return fields(lines.iter().map(String::as_str)),
                line => lines.push(line),
            }
        }
    }

    async fn line(&mut self) -> Result<String, Broken> {
        self.until(b"\r\n").await.map_err(|broken| match broken {
            Broken::Truncated(_) => Broken::Truncated("in a chunked body".into()),
            other => other,
        })?;
        let at = self
            .buffer
            .windows(2)
            .position(|window| window == b"\r\n")
            .unwrap_or_default();
        let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
        self.buffer.advance(at + 2);
        Ok(line)
    }
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Fields, Broken> {
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| Broken::Malformed(format!("field line {line:?}")))?;
        if name.is_empty() || name.contains([' ', '\t']) || line.contains(['\r', '\n', '\0']) {
            return Err(Broken::Malformed(format!("field line {line:?}")));
        }
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Fields(fields))
}
