//! A client's frames, written by hand, and what a connection makes of them.

use greengate::http2::connection::{Bounds, Connection, Event};
use greengate::http2::error::Code;
use greengate::http2::field::Pseudo;
use greengate::http2::frame::{self, FrameHead, HEAD, Kind, PREFACE, flag};
use greengate::http2::hpack::{Encoder, Indexing};
use greengate::http2::list::{FieldList, Limits};
use greengate::http2::settings::Settings;

pub(crate) const LIMITS: Limits = Limits {
    bytes: 16 * 1024,
    fields: 100,
};

pub(crate) fn bounds() -> Bounds {
    Bounds {
        settings: Settings {
            max_concurrent_streams: Some(100),
            initial_window_size: 100_000,
            max_header_list_size: Some(16 * 1024),
            ..Settings::default()
        },
        window: 200_000,
        block: 32 * 1024,
        continuations: 16,
        encoder_table: 4096,
    }
}

pub(crate) type Fields = Vec<(String, String)>;

/// An event, with what stood in the input or in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Request { stream: u32, end: bool, head: Fields },
    Malformed { stream: u32, why: &'static str },
    TooLarge { stream: u32 },
    Data { stream: u32, data: Vec<u8>, end: bool },
    Trailers { stream: u32, fields: Fields },
    Reset { stream: u32, code: Code },
    Failed { stream: u32, code: Code },
    Broken { code: Code },
    Other(Event),
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

pub(crate) fn plain(list: &FieldList) -> Fields {
    list.iter().map(|(name, value)| (text(name), text(value))).collect()
}

/// Pseudo-header fields in an order of their own, and the others as they came.
pub(crate) fn head(list: &FieldList) -> Fields {
    let pseudo = [
        (":method", Pseudo::Method),
        (":scheme", Pseudo::Scheme),
        (":authority", Pseudo::Authority),
        (":path", Pseudo::Path),
        (":protocol", Pseudo::Protocol),
    ];
    let pseudo = pseudo.iter().filter_map(|(name, pseudo)| {
        let value = list.pseudo(*pseudo)?;
        Some(((*name).to_owned(), text(value)))
    });
    pseudo.chain(plain(list)).collect()
}

pub(crate) struct Rig {
    pub(crate) connection: Connection,
    pub(crate) list: FieldList,
    pub(crate) out: Vec<u8>,
    input: Vec<u8>,
}

impl Rig {
    /// At its beginning.
    pub(crate) fn new(bounds: Bounds) -> Self {
        let mut out = Vec::new();
        let connection = Connection::new(bounds, &mut out);
        Self {
            connection,
            list: FieldList::new(LIMITS),
            out,
            input: Vec::new(),
        }
    }

    /// With preface and SETTINGS behind it, and all that was said so far forgotten.
    pub(crate) fn open(bounds: Bounds) -> Self {
        let mut rig = Self::new(bounds);
        rig.read(&hello());
        rig.out.clear();
        rig
    }

    /// What more bytes have led to. Data of one stream that comes in several parts is put together.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Seen> {
        self.input.extend_from_slice(bytes);
        let mut seen: Vec<Seen> = Vec::new();
        loop {
            let step = self.connection.step(&self.input, &mut self.list, &mut self.out);
            let event = step.event.map(|event| self.seen(event));
            self.input.drain(..step.consumed);
            match (event, seen.last_mut()) {
                (None, _) => return seen,
                (
                    Some(Seen::Data { stream, data, end }),
                    Some(Seen::Data {
                        stream: before,
                        data: begun,
                        end: ended,
                    }),
                ) if stream == *before => {
                    begun.extend_from_slice(&data);
                    *ended = end;
                }
                (Some(event), _) => seen.push(event),
            }
        }
    }

    fn seen(&self, event: Event) -> Seen {
        match event {
            Event::Request { stream, end } => Seen::Request {
                stream,
                end,
                head: head(&self.list),
            },
            Event::Malformed { stream, why, .. } => Seen::Malformed { stream, why },
            Event::TooLarge { stream, .. } => Seen::TooLarge { stream },
            Event::Data { stream, data, end } => Seen::Data {
                stream,
                data: self.input[data].to_vec(),
                end,
            },
            Event::Trailers { stream } => Seen::Trailers {
                stream,
                fields: plain(&self.list),
            },
            Event::Reset { stream, code } => Seen::Reset { stream, code },
            Event::Failed { stream, broken } => Seen::Failed {
                stream,
                code: broken.code,
            },
            Event::Broken(broken) => Seen::Broken { code: broken.code },
            other => Seen::Other(other),
        }
    }

    /// The frames that were said, and no more.
    pub(crate) fn said(&mut self) -> Vec<(FrameHead, Vec<u8>)> {
        frames(&std::mem::take(&mut self.out))
    }
}

/// Frames, all of them whole.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(FrameHead, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let head = FrameHead::read(bytes).unwrap();
        let end = HEAD + head.length as usize;
        frames.push((head, bytes[HEAD..end].to_vec()));
        bytes = &bytes[end..];
    }
    frames
}

/// A frame.
pub(crate) fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::head(&mut out, payload.len(), kind, flags, stream);
    out.extend_from_slice(payload);
    out
}

/// The preface, and SETTINGS that say nothing.
pub(crate) fn hello() -> Vec<u8> {
    [PREFACE, &frame(Kind::SETTINGS, 0, 0, b"")[..]].concat()
}

pub(crate) fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let entry = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    let payload: Vec<u8> = entries.iter().flat_map(entry).collect();
    frame(Kind::SETTINGS, 0, 0, &payload)
}

pub(crate) fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(Kind::WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

pub(crate) fn rst_stream(stream: u32) -> Vec<u8> {
    frame(Kind::RST_STREAM, 0, stream, &Code::CANCEL.0.to_be_bytes())
}

pub(crate) fn data(stream: u32, end: bool, bytes: &[u8]) -> Vec<u8> {
    frame(Kind::DATA, u8::from(end), stream, bytes)
}

/// A field block that leaves both tables as they are.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut encoder) = (Vec::new(), Encoder::new(4096));
    for (name, value) in fields {
        // Names are as the test has them, also where the encoder would not take them.
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            out.extend([0, name.len() as u8]);
            out.extend_from_slice(name.as_bytes());
            out.push(value.len() as u8);
            out.extend_from_slice(value.as_bytes());
        } else {
            encoder.field(&mut out, name.as_bytes(), value.as_bytes(), Indexing::Pass);
        }
    }
    out
}

pub(crate) const GET: &[(&str, &str)] = &[
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
];

pub(crate) fn headers(stream: u32, end: bool, fields: &[(&str, &str)]) -> Vec<u8> {
    frame(Kind::HEADERS, flag::END_HEADERS | u8::from(end), stream, &block(fields))
}

/// A request without a body.
pub(crate) fn get(stream: u32) -> Vec<u8> {
    headers(stream, true, GET)
}

/// A request whose body follows, with more fields.
pub(crate) fn post(stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
    let fields: Vec<_> = GET.iter().chain(more).copied().collect();
    headers(stream, false, &fields)
}
