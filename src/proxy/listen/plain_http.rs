//! Plain HTTP on a port that speaks TLS: known by its first bytes, which are looked at and not taken.

use std::io;

use tokio::net::TcpStream;

use super::breath::Breath;

/// How such a connection begins: with a method, or with the preface of HTTP/2 (RFC 9113 §3.4).
const BEGINNINGS: [&[u8]; 11] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"CONNECT ",
    b"TRACE ",
    b"PROPFIND ",
    b"PRI ",
];

/// Waits for the first bytes of a connection. Whether they are plain HTTP.
///
/// # Errors
/// The connection's.
pub(crate) async fn is_spoken(tcp: &TcpStream) -> io::Result<bool> {
    let mut bytes = [0; 16];
    let mut breath = Breath::default();
    loop {
        let seen = tcp.peek(&mut bytes).await?;
        match begins(&bytes[..seen]) {
            Some(known) => return Ok(known),
            None => breath.take().await,
        }
    }
}

/// Whether bytes begin plain HTTP; `None` while more of them could. No byte at all is the end of the connection.
fn begins(bytes: &[u8]) -> Option<bool> {
    let mut open = false;
    for beginning in BEGINNINGS {
        if bytes.starts_with(beginning) {
            return Some(true);
        }
        open |= !bytes.is_empty() && beginning.starts_with(bytes);
    }
    if open { None } else { Some(false) }
}

#[cfg(test)]
mod tests {
    use super::begins;

    #[test]
    fn f15_http_is_known_by_its_method_and_nothing_else_is_taken_for_it() {
        for text in ["GET /", "POST http://a/", "OPTIONS *", "PRI * HTTP/2.0\r\n"] {
            assert_eq!(begins(text.as_bytes()), Some(true), "{text}");
        }
        for text in ["G", "GE", "GET", "P", "PR", "CONNEC"] {
            assert_eq!(begins(text.as_bytes()), None, "{text}");
        }
        for text in [
            "\x16\x03\x01\x02",
            "",
            "SSH-2.0-x",
            "EHLO a",
            "get /",
            "GETS",
            " GET /",
            "\r\n",
            "\0",
        ] {
            assert_eq!(begins(text.as_bytes()), Some(false), "{text:?}");
        }
    }
}
