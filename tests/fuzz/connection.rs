//! What the codec reads from one direction of a connection, in whatever parts it arrives: message after message.

use greengate::http1::chunked::BodyDecoder;
use greengate::http1::framing::{self, Framing};
use greengate::http1::head::{Field, Limits, Method, Name, Parsed, RequestHead, ResponseHead, Version, list};

pub(crate) const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    fields: 100,
};

/// Whose bytes they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// A client's requests.
    Client,
    /// An app's answer to one request with this method.
    App(Method),
}

/// A message without what is only framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Method and target, or status and reason phrase.
    pub(crate) start: (String, Vec<u8>),
    pub(crate) version: Version,
    /// Names in lower case.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) framing: Framing,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<u8>,
    /// The head as it came.
    pub(crate) head: Vec<u8>,
    /// Whether another message may follow.
    keeps: bool,
}

/// Everything that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) messages: Vec<Message>,
    /// A message whose head is whole and whose body is not.
    pub(crate) unfinished: Option<Message>,
    pub(crate) end: End,
    /// Bytes that belong to no message so far.
    pub(crate) left: usize,
}

/// How the reading ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The bytes ended, between two messages or in one.
    Bytes,
    /// Nothing more is read after the last message.
    Last,
    /// What came next is refused.
    Refused(&'static str),
}

/// Reads the parts, one after the other; their end is the connection's.
pub(crate) fn read<'p>(side: Side, parts: impl IntoIterator<Item = &'p [u8]>) -> Conversation {
    let mut reader = Reader {
        side,
        buffer: Vec::new(),
        body: None,
        messages: Vec::new(),
    };
    let mut end = End::Bytes;
    for part in parts {
        reader.buffer.extend_from_slice(part);
        match reader.advance() {
            Ok(false) => {}
            Ok(true) => {
                end = End::Last;
                break;
            }
            Err(why) => {
                end = End::Refused(why);
                break;
            }
        }
    }
    let mut unfinished = None;
    if let Some((message, decoder)) = reader.body {
        if end == End::Bytes && decoder.ends_with_connection() {
            reader.messages.push(message);
            end = End::Last;
        } else {
            unfinished = Some(message);
        }
    }
    Conversation {
        messages: reader.messages,
        unfinished,
        end,
        left: reader.buffer.len(),
    }
}

struct Reader {
    side: Side,
    buffer: Vec<u8>,
    body: Option<(Message, BodyDecoder)>,
    messages: Vec<Message>,
}

impl Reader {
    /// Reads what is there; whether that was the last of it.
    fn advance(&mut self) -> Result<bool, &'static str> {
        loop {
            let Some((message, decoder)) = &mut self.body else {
                if !self.head()? {
                    return Ok(false);
                }
                continue;
            };
            let consumed = decode(decoder, &self.buffer, &mut message.body);
            self.buffer.drain(..consumed?);
            if !decoder.is_done() {
                return Ok(false);
            }
            message.trailers = decoder.trailers().to_vec();
            if let Some((message, _)) = self.body.take() {
                let keeps = message.keeps;
                self.messages.push(message);
                if !keeps {
                    return Ok(true);
                }
            }
        }
    }

    /// Reads a head, if it is whole.
    fn head(&mut self) -> Result<bool, &'static str> {
        let (message, decoder) = match self.side {
            Side::Client => {
                let mut head = RequestHead::new();
                if head.parse(&self.buffer, LIMITS).map_err(|error| error.words())? == Parsed::Partial {
                    return Ok(false);
                }
                let framing = framing::of_request(&head, &self.buffer).map_err(|error| error.words())?;
                let method = String::from_utf8(head.method_text.of(&self.buffer).to_vec()).unwrap();
                let start = (method, head.target.of(&self.buffer).to_vec());
                let keeps = keeps_alive(&head, &self.buffer);
                let message = self.message(start, head.version, &head.fields, framing, head.len, keeps);
                (message, BodyDecoder::of_request(framing))
            }
            Side::App(method) => {
                let mut head = ResponseHead::new();
                if head.parse(&self.buffer, LIMITS).map_err(|error| error.words())? == Parsed::Partial {
                    return Ok(false);
                }
                let framing = framing::of_response(method, &head, &self.buffer).map_err(|error| error.words())?;
                let start = (head.status.to_string(), head.reason.of(&self.buffer).to_vec());
                let interim = head.status < 200 && head.status != 101;
                let message = self.message(start, head.version, &head.fields, framing, head.len, interim);
                (message, BodyDecoder::of_response(framing))
            }
        };
        self.buffer.drain(..message.head.len());
        self.body = Some((message, decoder));
        Ok(true)
    }

    fn message(
        &self,
        start: (String, Vec<u8>),
        version: Version,
        fields: &[Field],
        framing: Framing,
        len: usize,
        keeps: bool,
    ) -> Message {
        let field = |field: &Field| {
            let name = field.name.of(&self.buffer).to_ascii_lowercase();
            (String::from_utf8(name).unwrap(), field.value.of(&self.buffer).to_vec())
        };
        Message {
            start,
            version,
            fields: fields.iter().map(field).collect(),
            framing,
            body: Vec::new(),
            trailers: Vec::new(),
            head: self.buffer[..len].to_vec(),
            keeps,
        }
    }
}

/// Whether the connection stays after a request (RFC 9112 §9.3).
fn keeps_alive(head: &RequestHead, buffer: &[u8]) -> bool {
    let options = || {
        let fields = head.fields.iter().filter(|field| field.kind == Name::Connection);
        fields.flat_map(|field| list(field.value.of(buffer)))
    };
    let asks = |what: &str| options().any(|option| option.eq_ignore_ascii_case(what.as_bytes()));
    !asks("close") && (head.version == Version::Http11 || asks("keep-alive"))
}

/// Lets a decoder take all it wants of `input`; holds it to what it promises.
pub(crate) fn decode(decoder: &mut BodyDecoder, input: &[u8], body: &mut Vec<u8>) -> Result<usize, &'static str> {
    let mut at = 0;
    loop {
        let rest = &input[at..];
        let step = decoder.decode(rest).map_err(|error| error.words())?;
        assert!(step.consumed <= rest.len(), "consumed more than it was given");
        assert!(step.data.start <= step.data.end && step.data.end <= step.consumed);
        assert_eq!(step.end, decoder.is_done());
        body.extend_from_slice(&rest[step.data]);
        at += step.consumed;
        if step.end || step.consumed == 0 {
            assert!(step.end || rest.is_empty(), "bytes were left although the body goes on");
            return Ok(at);
        }
    }
}
