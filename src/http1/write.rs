//! Heads and chunks onto the wire.
//!
//! The caller has parsed or made what is written: names are tokens and values hold no line ends. Debug builds check it.

use super::head::is_token;

/// Appends `name: value CRLF`.
#[inline]
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(is_token(name), "field name is not a token");
    debug_assert!(
        memchr::memchr3(b'\r', b'\n', 0, value).is_none(),
        "field value holds a line end"
    );
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in decimal.
#[inline]
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends the status line; an empty `reason` becomes the standard phrase of the status. The space before the phrase stays even
/// if there is none (RFC 9112 §4).
pub fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    debug_assert!((100..=999).contains(&status), "status has three digits");
    debug_assert!(
        memchr::memchr3(b'\r', b'\n', 0, reason).is_none(),
        "reason holds a line end"
    );
    let reason = if reason.is_empty() {
        phrase(status).as_bytes()
    } else {
        reason
    };
    out.reserve(reason.len() + 15);
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status));
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// Appends a chunk's size line; the data and CRLF follow. `len` is not 0: that is [`last_chunk`]'s.
#[inline]
pub fn chunk_size(out: &mut Vec<u8>, len: usize) {
    debug_assert!(len > 0, "an empty chunk would end the body");
    let mut line = [0; 18];
    line[16..].copy_from_slice(b"\r\n");
    let mut at = 16;
    let mut rest = len;
    while at > 0 {
        at -= 1;
        line[at] = b"0123456789abcdef"[rest % 16];
        rest /= 16;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&line[at..]);
}

/// Appends the last chunk with its trailer section (field lines, each ended by CRLF; may be empty).
pub fn last_chunk(out: &mut Vec<u8>, trailers: &[u8]) {
    debug_assert!(
        trailers.is_empty() || trailers.ends_with(b"\r\n"),
        "trailers end with a line end"
    );
    out.reserve(trailers.len() + 5);
    out.extend_from_slice(b"0\r\n");
    out.extend_from_slice(trailers);
    out.extend_from_slice(b"\r\n");
}

/// The standard phrase of a status in IANA's registry of HTTP status codes, or an empty one.
#[must_use]
pub fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        104 => "Upload Resumption Supported",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::{chunk_size, decimal, field, last_chunk, status_line};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_status_line_carries_the_apps_phrase_or_the_standard_one() {
        assert_eq!(written(|out| status_line(out, 200, b"")), "HTTP/1.1 200 OK\r\n");
        assert_eq!(written(|out| status_line(out, 200, b"Fine")), "HTTP/1.1 200 Fine\r\n");
        assert_eq!(
            written(|out| status_line(out, 431, b"")),
            "HTTP/1.1 431 Request Header Fields Too Large\r\n"
        );
        assert_eq!(written(|out| status_line(out, 299, b"")), "HTTP/1.1 299 \r\n");
        assert_eq!(written(|out| status_line(out, 999, b"")), "HTTP/1.1 999 \r\n");
    }

    #[test]
    fn fields_and_numbers_are_appended() {
        assert_eq!(written(|out| field(out, b"Via", b"")), "Via: \r\n");
        assert_eq!(written(|out| field(out, b"Host", b"a:1")), "Host: a:1\r\n");
        assert_eq!(written(|out| decimal(out, 0)), "0");
        assert_eq!(written(|out| decimal(out, u64::MAX)), "18446744073709551615");
    }

    #[test]
    fn chunks_are_sized_in_hexadecimal() {
        for len in [1, 9, 10, 15, 16, 255, 256, 4096, 65535, 1 << 40, usize::MAX] {
            assert_eq!(written(|out| chunk_size(out, len)), format!("{len:x}\r\n"));
        }
        assert_eq!(written(|out| last_chunk(out, b"")), "0\r\n\r\n");
        assert_eq!(written(|out| last_chunk(out, b"A: b\r\n")), "0\r\nA: b\r\n\r\n");
    }
}
