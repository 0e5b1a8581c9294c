//! How long is this body? (RFC 9112 §6)
//!
//! Smuggling begins where two readers disagree on this. So there is one answer or none: what another reader could take in another
//! way is refused, in responses too.

use std::fmt;

use super::head::{Field, Method, Name, RequestHead, ResponseHead, Version, eq_ignore_case, list};

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
    /// A transfer coding before `chunked`, which nobody here can undo (501 for requests).
    Coding,
    /// Transfer-Encoding that does not end in exactly one `chunked`, or one on HTTP/1.0: nobody can say where the body ends (400
    /// for requests; RFC 9112 §6.3).
    NotChunked,
}

impl FramingError {
    /// What is wrong, in words that stay the same.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Both => "both Content-Length and Transfer-Encoding",
            Self::Length => "Content-Length is not one decimal number",
            Self::Coding => "Transfer-Encoding is not exactly `chunked`",
            Self::NotChunked => "Transfer-Encoding does not end in exactly one `chunked`",
        }
    }
}

impl fmt::Display for FramingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl std::error::Error for FramingError {}

/// The framing of a request (RFC 9112 §6.3; stricter: E1–E3).
///
/// # Errors
/// When it is ambiguous.
pub fn of_request(head: &RequestHead, buffer: &[u8]) -> Result<Framing, FramingError> {
    let declared = declared(&head.fields, head.version, buffer, Repeats::Refused)?;
    Ok(declared.unwrap_or(Framing::None))
}

/// The framing of the final response to a request with `method` (RFC 9112 §6.3: HEAD, 1xx, 204 and 304 have no body).
/// Two equal Content-Length fields are tolerated here, because apps send them. Where there is no body, the fields describe the
/// body that there would be; they are still refused if they contradict each other or are malformed.
///
/// # Errors
/// When it is ambiguous.
pub fn of_response(method: Method, head: &ResponseHead, buffer: &[u8]) -> Result<Framing, FramingError> {
    let declared = declared(&head.fields, head.version, buffer, Repeats::IfEqual)?;
    let bodiless = method == Method::Head || matches!(head.status, 100..=199 | 204 | 304);
    if bodiless {
        return Ok(Framing::None);
    }
    Ok(declared.unwrap_or(Framing::UntilClose))
}

/// What to do with a second Content-Length.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeats {
    Refused,
    IfEqual,
}

/// What the fields say, if they say anything.
fn declared(
    fields: &[Field],
    version: Version,
    buffer: &[u8],
    repeats: Repeats,
) -> Result<Option<Framing>, FramingError> {
    let mut length: Option<Result<u64, FramingError>> = None;
    let mut chunked: Option<bool> = None;
    for field in fields {
        if field.kind == Name::ContentLength {
            let this = number(field.value.of(buffer)).ok_or(FramingError::Length);
            let allowed = length.is_none_or(|first| repeats == Repeats::IfEqual && first == this);
            length = Some(if allowed { this } else { Err(FramingError::Length) });
        } else if field.kind == Name::TransferEncoding {
            let is_chunked = version == Version::Http11 && eq_ignore_case(field.value.of(buffer), b"chunked");
            chunked = Some(is_chunked && chunked.is_none());
        }
    }
    match (length, chunked) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(FramingError::Both),
        (Some(length), None) => length.map(|bytes| {
            Some(if bytes == 0 {
                Framing::None
            } else {
                Framing::Length(bytes)
            })
        }),
        (None, Some(true)) => Ok(Some(Framing::Chunked)),
        (None, Some(false)) => Err(not_chunked(fields, version, buffer)),
    }
}

/// What is wrong with a Transfer-Encoding that is not exactly `chunked`.
#[cold]
fn not_chunked(fields: &[Field], version: Version, buffer: &[u8]) -> FramingError {
    let fields = fields.iter().filter(|field| field.kind == Name::TransferEncoding);
    let mut codings: Vec<_> = fields.flat_map(|field| list(field.value.of(buffer))).collect();
    let last = codings.pop();
    let is_chunked = |coding: &&[u8]| {
        let name = coding.split(|byte| *byte == b';').next().unwrap_or_default();
        eq_ignore_case(name.trim_ascii(), b"chunked")
    };
    let ends = version == Version::Http11 && last.is_some_and(|last| eq_ignore_case(last, b"chunked"));
    if ends && !codings.is_empty() && !codings.iter().any(is_chunked) {
        FramingError::Coding
    } else {
        FramingError::NotChunked
    }
}

/// `1*DIGIT` that fits (RFC 9110 §8.6): no sign, no list, no white space.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::{Framing, FramingError, number, of_request, of_response};
    use crate::http1::head::{Limits, Method, Parsed, RequestHead, ResponseHead};

    const LIMITS: Limits = Limits {
        bytes: 65536,
        fields: 100,
    };

    fn request(version: &str, fields: &str) -> Result<Framing, FramingError> {
        let text = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let mut head = RequestHead::new();
        assert_eq!(head.parse(text.as_bytes(), LIMITS), Ok(Parsed::Whole), "{text}");
        of_request(&head, text.as_bytes())
    }

    fn response(method: Method, status: u16, fields: &str) -> Result<Framing, FramingError> {
        let text = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
        let mut head = ResponseHead::new();
        assert_eq!(head.parse(text.as_bytes(), LIMITS), Ok(Parsed::Whole), "{text}");
        of_response(method, &head, text.as_bytes())
    }

    #[test]
    fn a_request_has_one_framing_or_none() {
        use Framing::{Chunked, Length, None};
        let table = [
            ("1.1", "", Ok(None)),
            ("1.0", "", Ok(None)),
            ("1.1", "Content-Length: 0\r\n", Ok(None)),
            ("1.1", "Content-Length: 5\r\n", Ok(Length(5))),
            ("1.0", "content-length:\t5 \r\n", Ok(Length(5))),
            ("1.1", "Content-Length: 0005\r\n", Ok(Length(5))),
            ("1.1", "Content-Length: 18446744073709551615\r\n", Ok(Length(u64::MAX))),
            ("1.1", "Transfer-Encoding: chunked\r\n", Ok(Chunked)),
            ("1.1", "transfer-encoding: CHUNKED\r\n", Ok(Chunked)),
            (
                "1.1",
                "Content-Length: 18446744073709551616\r\n",
                Err(FramingError::Length),
            ),
            (
                "1.1",
                "Content-Length: 5\r\nContent-Length: 5\r\n",
                Err(FramingError::Length),
            ),
            (
                "1.1",
                "Content-Length: 5\r\ncontent-length: 6\r\n",
                Err(FramingError::Length),
            ),
            ("1.1", "Content-Length: +5\r\n", Err(FramingError::Length)),
            ("1.1", "Content-Length: -5\r\n", Err(FramingError::Length)),
            ("1.1", "Content-Length: 5, 5\r\n", Err(FramingError::Length)),
            ("1.1", "Content-Length: 0x5\r\n", Err(FramingError::Length)),
            ("1.1", "Content-Length: 5a\r\n", Err(FramingError::Length)),
            ("1.1", "Content-Length: 5.0\r\n", Err(FramingError::Length)),
            ("1.1", "Content-Length: 5 5\r\n", Err(FramingError::Length)),
            ("1.1", "Content-Length:\r\n", Err(FramingError::Length)),
            (
                "1.1",
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                Err(FramingError::Both),
            ),
            (
                "1.1",
                "Transfer-Encoding: x\r\nContent-Length: y\r\n",
                Err(FramingError::Both),
            ),
            ("1.1", "Transfer-Encoding: gzip, chunked\r\n", Err(FramingError::Coding)),
            (
                "1.1",
                "Transfer-Encoding: chunked, chunked\r\n",
                Err(FramingError::NotChunked),
            ),
            ("1.1", "Transfer-Encoding: chunked,\r\n", Err(FramingError::NotChunked)),
            (
                "1.1",
                "Transfer-Encoding: \"chunked\"\r\n",
                Err(FramingError::NotChunked),
            ),
            ("1.1", "Transfer-Encoding: xchunked\r\n", Err(FramingError::NotChunked)),
            (
                "1.1",
                "Transfer-Encoding: chunked;q=1\r\n",
                Err(FramingError::NotChunked),
            ),
            ("1.1", "Transfer-Encoding: identity\r\n", Err(FramingError::NotChunked)),
            ("1.1", "Transfer-Encoding:\r\n", Err(FramingError::NotChunked)),
            (
                "1.1",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                Err(FramingError::NotChunked),
            ),
            (
                "1.1",
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                Err(FramingError::Coding),
            ),
            ("1.1", "Transfer-Encoding: gzip\r\n", Err(FramingError::NotChunked)),
            (
                "1.1",
                "Transfer-Encoding: chunked, gzip\r\n",
                Err(FramingError::NotChunked),
            ),
            (
                "1.1",
                "Transfer-Encoding: gzip, chunked;q=1\r\n",
                Err(FramingError::NotChunked),
            ),
            (
                "1.1",
                "Transfer-Encoding: chunked;q=1, chunked\r\n",
                Err(FramingError::NotChunked),
            ),
            (
                "1.1",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n",
                Err(FramingError::NotChunked),
            ),
            (
                "1.1",
                "Transfer-Encoding: gzip, , deflate;a=b, Chunked\r\n",
                Err(FramingError::Coding),
            ),
            (
                "1.0",
                "Transfer-Encoding: gzip, chunked\r\n",
                Err(FramingError::NotChunked),
            ),
            ("1.0", "Transfer-Encoding: chunked\r\n", Err(FramingError::NotChunked)),
        ];
        for (version, fields, expected) in table {
            assert_eq!(request(version, fields), expected, "{version} {fields:?}");
        }
    }

    #[test]
    fn a_response_has_the_framing_of_its_status_method_and_fields() {
        use Framing::{Chunked, Length, None, UntilClose};
        let get = Method::Get;
        let table = [
            (get, 200, "", Ok(UntilClose)),
            (get, 200, "Content-Length: 0\r\n", Ok(None)),
            (get, 200, "Content-Length: 7\r\n", Ok(Length(7))),
            (get, 200, "Content-Length: 7\r\nContent-Length: 7\r\n", Ok(Length(7))),
            (
                get,
                200,
                "Content-Length: 7\r\nContent-Length: 8\r\n",
                Err(FramingError::Length),
            ),
            (
                get,
                200,
                "Content-Length: a\r\nContent-Length: a\r\n",
                Err(FramingError::Length),
            ),
            (
                get,
                200,
                "Content-Length: 7\r\nContent-Length: 8\r\nContent-Length: 8\r\n",
                Err(FramingError::Length),
            ),
            (get, 200, "Content-Length: 7, 7\r\n", Err(FramingError::Length)),
            (get, 200, "Transfer-Encoding: chunked\r\n", Ok(Chunked)),
            (
                get,
                200,
                "Transfer-Encoding: gzip, chunked\r\n",
                Err(FramingError::Coding),
            ),
            (
                get,
                200,
                "Transfer-Encoding: chunked\r\nContent-Length: 7\r\n",
                Err(FramingError::Both),
            ),
            (get, 103, "", Ok(None)),
            (get, 101, "Upgrade: websocket\r\n", Ok(None)),
            (get, 204, "", Ok(None)),
            (get, 204, "Content-Length: 7\r\n", Ok(None)),
            (get, 205, "", Ok(UntilClose)),
            (get, 304, "Content-Length: 7\r\n", Ok(None)),
            (get, 304, "Transfer-Encoding: chunked\r\n", Ok(None)),
            (get, 304, "Content-Length: x\r\n", Err(FramingError::Length)),
            (Method::Head, 200, "", Ok(None)),
            (Method::Head, 200, "Content-Length: 123456789\r\n", Ok(None)),
            (Method::Head, 200, "Transfer-Encoding: chunked\r\n", Ok(None)),
            (Method::Head, 200, "Content-Length: -1\r\n", Err(FramingError::Length)),
        ];
        for (method, status, fields, expected) in table {
            assert_eq!(
                response(method, status, fields),
                expected,
                "{method:?} {status} {fields:?}"
            );
        }
    }

    #[test]
    fn a_response_of_the_old_version_ends_with_its_connection() {
        let text = b"HTTP/1.0 200 OK\r\n\r\n";
        let mut head = ResponseHead::new();
        assert_eq!(head.parse(text, LIMITS), Ok(Parsed::Whole));
        assert_eq!(of_response(Method::Get, &head, text), Ok(Framing::UntilClose));
        let text = b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(head.parse(text, LIMITS), Ok(Parsed::Whole));
        assert_eq!(of_response(Method::Get, &head, text), Err(FramingError::NotChunked));
    }

    #[test]
    fn a_number_is_digits_that_fit() {
        assert_eq!(number(b"00"), Some(0));
        assert_eq!(number(b"18446744073709551615"), Some(u64::MAX));
        for bad in [
            "",
            " 1",
            "1 ",
            "+1",
            "1e3",
            "18446744073709551616",
            "99999999999999999999",
            "\u{661}",
        ] {
            assert_eq!(number(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
