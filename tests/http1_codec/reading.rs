//! One request read by the codec, as a connection would read it: from parts that arrive one after the other.

use greengate::http1::chunked::{BodyDecoder, BodyError};
use greengate::http1::framing::{self, FramingError};
use greengate::http1::head::{HeadError, Limits, Parsed, RequestHead, Version};

pub(crate) const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    fields: 100,
};

/// A request without what is only framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub method: String,
    pub target: Vec<u8>,
    pub version: Version,
    /// Names in lower case.
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<u8>,
    /// Bytes that belong to it.
    pub len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    Whole(Message),
    /// The head or the body goes on.
    Partial,
    Head(HeadError),
    Framing(FramingError),
    Body(BodyError),
}

impl Reading {
    pub(crate) fn is_refused(&self) -> bool {
        match self {
            Self::Whole(_) | Self::Partial => false,
            Self::Head(_) | Self::Framing(_) | Self::Body(_) => true,
        }
    }
}

/// Reads the one request that `parts` begin with. Judges after every part and stops at the first that refuses or completes.
pub(crate) fn read(parts: &[&[u8]]) -> Reading {
    let mut head = RequestHead::new();
    let mut buffer = Vec::new();
    let mut parts = parts.iter();
    loop {
        let Some(part) = parts.next() else {
            return Reading::Partial;
        };
        buffer.extend_from_slice(part);
        match head.parse(&buffer, LIMITS) {
            Ok(Parsed::Whole) => break,
            Ok(Parsed::Partial) => {}
            Err(error) => return Reading::Head(error),
        }
    }
    assert!(head.len <= buffer.len(), "a head is longer than its bytes");
    let framing = match framing::of_request(&head, &buffer) {
        Ok(framing) => framing,
        Err(error) => return Reading::Framing(error),
    };
    let mut message = Message {
        method: String::from_utf8(head.method_text.of(&buffer).to_vec()).expect("a token is ASCII"),
        target: head.target.of(&buffer).to_vec(),
        version: head.version,
        fields: Vec::new(),
        body: Vec::new(),
        trailers: Vec::new(),
        len: head.len,
    };
    for field in &head.fields {
        let name = String::from_utf8(field.name.of(&buffer).to_ascii_lowercase()).expect("a token is ASCII");
        message.fields.push((name, field.value.of(&buffer).to_vec()));
    }
    let mut decoder = BodyDecoder::of_request(framing);
    let rest = buffer.split_off(head.len);
    for part in std::iter::once(rest.as_slice()).chain(parts.copied()) {
        match decode(&mut decoder, part, &mut message.body) {
            Ok(consumed) => message.len += consumed,
            Err(error) => return Reading::Body(error),
        }
        if decoder.is_done() {
            message.trailers = decoder.trailers().to_vec();
            return Reading::Whole(message);
        }
    }
    Reading::Partial
}

/// Lets a decoder take all it wants of `input`; holds it to what it promises.
pub(crate) fn decode(decoder: &mut BodyDecoder, input: &[u8], body: &mut Vec<u8>) -> Result<usize, BodyError> {
    let mut at = 0;
    loop {
        let rest = &input[at..];
        let step = decoder.decode(rest)?;
        assert!(step.consumed <= rest.len(), "consumed more than it was given");
        assert!(
            step.data.start <= step.data.end && step.data.end <= step.consumed,
            "data beyond what was consumed"
        );
        assert_eq!(step.end, decoder.is_done());
        body.extend_from_slice(&rest[step.data]);
        at += step.consumed;
        if step.end {
            return Ok(at);
        }
        if step.consumed == 0 {
            assert!(rest.is_empty(), "bytes were left although the body goes on");
            return Ok(at);
        }
    }
}
