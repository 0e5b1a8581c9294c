//! HTTP/2 as frames (RFC 9113 §4): a client that may break every rule, and sees what comes back.

use std::time::Duration;

use greengate::http2::field::Pseudo;
use greengate::http2::hpack::Decoder;
use greengate::http2::list::{FieldList, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::tls;
use super::door::Door;
use super::wire::Wire;

const PATIENCE: Duration = Duration::from_secs(90);

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const PRIORITY_UPDATE: u8 = 16;

/// What a client says first (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const ACK: u8 = 1;
/// What may be sent before the first WINDOW_UPDATE (RFC 9113 §6.9.2).
const FIRST_WINDOW: i64 = 65_535;
/// A frame may have so many bytes (RFC 9113 §4.2).
const LARGEST: usize = 16_384;

/// One connection. It acknowledges settings and pings, and takes answers of any size.
#[derive(Debug)]
pub struct Frames {
    wire: Wire,
    /// What may be sent on the connection.
    window: i64,
    /// What may be sent on a stream when it begins.
    stream_window: i64,
}

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    /// Whether its sender ends the stream with it.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// The code of a RST_STREAM or a GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        self.number(at)
    }

    /// The status of a head that begins with one of the seven that have an index (RFC 7541, Appendix A).
    pub fn status(&self) -> Option<u16> {
        let known = [200, 204, 206, 304, 400, 404, 500];
        let index = self.payload.first()?.checked_sub(0x88)?;
        known.get(usize::from(index)).copied().filter(|_| self.kind == HEADERS)
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }
}

impl Frames {
    /// Connects to a host, and says that it has room for every answer.
    pub async fn connect(door: &Door, name: &str) -> Self {
        let mut frames = Self::narrow(door, name).await;
        let room = (1_u32 << 30).to_be_bytes();
        // SETTINGS_INITIAL_WINDOW_SIZE
        frames.send(SETTINGS, 0, 0, &[&[0, 4][..], &room].concat()).await;
        frames.send(WINDOW_UPDATE, 0, 0, &room).await;
        frames
    }

    /// Connects to a host, with no more room than everybody has.
    pub async fn narrow(door: &Door, name: &str) -> Self {
        let wire = tls(door.https(), name, &door.trust(&["h2"]))
            .await
            .expect("a handshake");
        Self::begin(wire).await
    }

    /// The same over a connection that is there.
    pub async fn begin(wire: Wire) -> Self {
        let mut frames = Self::over(wire);
        frames.write(PREFACE).await;
        frames.send(SETTINGS, 0, 0, b"").await;
        frames
    }

    /// Over a connection on which nothing was said yet.
    pub fn over(wire: Wire) -> Self {
        Self {
            wire,
            window: FIRST_WINDOW,
            stream_window: FIRST_WINDOW,
        }
    }

    /// A request head with these fields as they are, `:method` and the rest.
    pub async fn request(&mut self, stream: u32, fields: &[(&str, &[u8])], end: bool) {
        let flags = END_HEADERS | if end { END_STREAM } else { 0 };
        self.send(HEADERS, flags, stream, &block(fields)).await;
    }

    /// Asks for a WebSocket on a stream (RFC 8441 §5), with more fields.
    pub async fn web_socket(&mut self, stream: u32, host: &str, path: &str, more: &[(&str, &[u8])]) {
        let fields = [
            (":method", &b"CONNECT"[..]),
            (":protocol", b"websocket"),
            (":scheme", b"https"),
            (":authority", host.as_bytes()),
            (":path", path.as_bytes()),
            ("sec-websocket-version", b"13"),
        ];
        self.request(stream, &[&fields[..], more].concat(), false).await;
    }

    /// The fields of the next head on a stream; each head of the connection has to be read by `heads`.
    pub async fn head(&mut self, heads: &mut Heads, stream: u32) -> Vec<(String, String)> {
        loop {
            let frame = self.next(&mut 0).await.expect("a frame");
            if frame.kind == HEADERS {
                let fields = heads.read(&frame);
                if frame.stream == stream {
                    return fields;
                }
            }
        }
    }

    /// As many bytes of a body as the windows allow: how many that were. `window` is the stream's.
    pub async fn data(&mut self, stream: u32, window: &mut i64) -> usize {
        self.data_up_to(stream, window, LARGEST).await
    }

    /// As [`Frames::data`], and no more than so many.
    pub async fn data_up_to(&mut self, stream: u32, window: &mut i64, most: usize) -> usize {
        let most = most.min(LARGEST) as i64;
        let len = (*window).min(self.window).clamp(0, most);
        if len > 0 {
            *window -= len;
            self.window -= len;
            self.send(DATA, 0, stream, &vec![b'x'; len as usize]).await;
        }
        len as usize
    }

    /// This as it is, where the windows have room for it; `stream`'s own is the caller's to know.
    pub async fn send_data(&mut self, stream: u32, bytes: &[u8]) -> bool {
        let has_room = self.window >= bytes.len() as i64;
        if has_room {
            self.window -= bytes.len() as i64;
            self.send(DATA, 0, stream, bytes).await;
        }
        has_room
    }

    /// What may be sent on a new stream; known when the settings have come.
    pub fn stream_window(&self) -> i64 {
        self.stream_window
    }

    /// Makes room for more of an answer.
    pub async fn grant(&mut self, stream: u32) {
        for stream in [0, stream] {
            self.send(WINDOW_UPDATE, 0, stream, &(1_u32 << 24).to_be_bytes()).await;
        }
    }

    /// A frame as it is.
    pub async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.write(&encode(kind, flags, stream, payload)).await;
    }

    /// Bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        // Whether anybody takes it, is seen by what comes back.
        let _ = self.wire.write_all(bytes).await;
        let _ = self.wire.flush().await;
    }

    /// The bare connection.
    pub fn into_wire(self) -> Wire {
        self.wire
    }

    /// The next frame; `None` at the end of the connection. WINDOW_UPDATEs of a stream add to `window`.
    pub async fn next(&mut self, window: &mut i64) -> Option<Frame> {
        let mut head = [0; 9];
        let read = tokio::time::timeout(PATIENCE, self.wire.read_exact(&mut head));
        read.await.expect("a frame or the end").ok()?;
        let len = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; len as usize];
        self.wire.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes(head[5..9].try_into().expect("four bytes"));
        let frame = Frame {
            kind: head[3],
            flags: head[4],
            stream,
            payload,
        };
        match frame.kind {
            WINDOW_UPDATE if stream == 0 => self.window += i64::from(frame.number(0)),
            WINDOW_UPDATE => *window += i64::from(frame.number(0)),
            SETTINGS if frame.flags & ACK == 0 => {
                for setting in frame.payload.chunks_exact(6).filter(|setting| setting[..2] == [0, 4]) {
                    let size = u32::from_be_bytes(setting[2..].try_into().expect("four bytes"));
                    *window += i64::from(size) - self.stream_window;
                    self.stream_window = size.into();
                }
                self.send(SETTINGS, ACK, 0, b"").await;
            }
            PING if frame.flags & ACK == 0 => self.send(PING, ACK, 0, &frame.payload).await,
            _ => {}
        }
        Some(frame)
    }

    /// Reads until a stream has ended or the connection has: the stream's frames, with the GOAWAYs of the connection.
    pub async fn until_end(&mut self, stream: u32) -> Vec<Frame> {
        let mut seen = Vec::new();
        while let Some(frame) = self.next(&mut 0).await {
            let is_over = frame.stream == stream && (frame.ends_stream() || frame.kind == RST_STREAM);
            if frame.stream == stream || frame.kind == GOAWAY {
                seen.push(frame);
            }
            if is_over {
                break;
            }
        }
        seen
    }
}

/// A frame as its bytes.
pub fn encode(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// Fields as literals that are not indexed, without Huffman's code (RFC 7541 §6.2.2).
pub fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    fields
        .iter()
        .flat_map(|(name, value)| literal(0, name, value))
        .collect()
}

/// A field as a literal with a name of its own; `first` says whether it is indexed (RFC 7541 §6.2).
pub fn literal(first: u8, name: &str, value: &[u8]) -> Vec<u8> {
    let mut literal = vec![first];
    for text in [name.as_bytes(), value] {
        literal.extend(integer(0, 7, text.len()));
        literal.extend_from_slice(text);
    }
    literal
}

/// A number behind the bits of `first` that are not its prefix's (RFC 7541 §5.1).
pub fn integer(first: u8, prefix: u32, number: usize) -> Vec<u8> {
    let most = (1_usize << prefix) - 1;
    if number < most {
        return vec![first | number as u8];
    }
    let mut bytes = vec![first | most as u8];
    let mut rest = number - most;
    while rest >= 128 {
        bytes.push(rest as u8 | 128);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// A whole text of a WebSocket's client, masked with a key of zeros (RFC 6455 §5.2).
pub fn text(text: &str) -> Vec<u8> {
    let head = [0x81, 0x80 | text.len() as u8, 0, 0, 0, 0];
    [&head, text.as_bytes()].concat()
}

/// The value of a field of a head.
pub fn field<'h>(head: &'h [(String, String)], name: &str) -> Option<&'h str> {
    head.iter().find(|(of, _)| of == name).map(|(_, value)| &value[..])
}

/// The body that frames carry.
pub fn body(frames: &[Frame]) -> Vec<u8> {
    let data = frames.iter().filter(|frame| frame.kind == DATA);
    data.flat_map(|frame| frame.payload.iter().copied()).collect()
}

/// The heads of one connection, read in the order in which they came.
pub struct Heads(Decoder);

impl Default for Heads {
    fn default() -> Self {
        Self(Decoder::new(4096))
    }
}

impl Heads {
    /// The fields of a whole HEADERS.
    pub fn read(&mut self, frame: &Frame) -> Vec<(String, String)> {
        assert!(frame.kind == HEADERS && frame.flags & END_HEADERS != 0, "{frame:?}");
        let mut list = FieldList::new(Limits {
            bytes: 65_536,
            fields: 100,
        });
        self.0.decode(&frame.payload, &mut list).expect("a field block");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let status = list
            .pseudo(Pseudo::Status)
            .map(|status| (":status".to_owned(), text(status)));
        status
            .into_iter()
            .chain(list.iter().map(|(name, value)| (text(name), text(value))))
            .collect()
    }
}
