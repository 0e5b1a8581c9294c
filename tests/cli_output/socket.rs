//! Requests at a control socket and their answers, as bytes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// One request, read to its end.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn read(stream: &mut UnixStream) -> Self {
        let mut reader = BufReader::new(stream);
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first).unwrap();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let mut words = first.split(' ').map(str::to_owned);
        Self {
            method: words.next().unwrap(),
            path: words.next().unwrap(),
            body,
        }
    }
}

/// An answer in one piece. Whoever asked may be gone: nothing here fails for that.
pub(crate) fn whole(stream: &mut UnixStream, head: &str, body: &str) {
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
}

/// The head of an answer line by line.
pub(crate) fn begin(stream: &mut UnixStream, head: &str) {
    let _ = write!(stream, "HTTP/1.1 {head}\r\ntransfer-encoding: chunked\r\n\r\n");
}

/// A line of it.
pub(crate) fn line(stream: &mut UnixStream, line: &str) {
    let _ = write!(stream, "{:x}\r\n{line}\n\r\n", line.len() + 1);
}

/// Its end.
pub(crate) fn end(stream: &mut UnixStream) {
    let _ = write!(stream, "0\r\n\r\n");
}
