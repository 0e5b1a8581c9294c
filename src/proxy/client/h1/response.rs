//! A response on its way to an HTTP/1 client: its head in this protocol's framing, then piece by piece, with as few writes and
//! copies as may be.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::wire::Wire;
use crate::http1::framing::Framing;
use crate::http1::head::{Method, Name, ResponseHead, Version};
use crate::http1::write::{chunk_size, field, last_chunk, status_line};
use crate::proxy::exchange::body::{Cut, Piece};
use crate::proxy::exchange::exchange::Exchange;
use crate::proxy::message::headers;
use crate::proxy::stock::buffers::Out;
use crate::proxy::stock::deadline::Deadline;

/// A piece up to this size is copied behind the head, so that both leave with one write.
const COPIED: usize = 16 * 1024;

/// A response on its way to the client.
pub(crate) struct Passing {
    out: Out,
    pub(crate) chunked: bool,
    /// Whether the client's connection is kept after it.
    pub(crate) keep_alive: bool,
    /// HTTP/1.0 has to be told that the connection stays.
    says_keep_alive: bool,
    /// The head was not written yet, because the first piece may leave with it.
    head_waits: bool,
    /// The body has ended, and so has everything in `out`.
    ended: bool,
    /// The client took the last piece without a wait.
    fast: bool,
}

impl Passing {
    pub(crate) fn of(exchange: &Exchange, version: Version, keep_alive: bool) -> Self {
        let open_ended = matches!(exchange.body.framing, Framing::Chunked | Framing::UntilClose);
        let chunked = open_ended && version == Version::Http11;
        let mut passing = Self {
            out: Out::new(),
            chunked,
            keep_alive: keep_alive && (chunked || !open_ended),
            says_keep_alive: version == Version::Http10,
            head_waits: true,
            ended: false,
            fast: true,
        };
        let mut bytes = std::mem::take(&mut passing.out.bytes);
        passing.write_head(&mut bytes, exchange);
        passing.out.bytes = bytes;
        passing
    }

    /// Writes the response, piece by piece, while the upload goes on.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange,
        wire: &mut Wire,
        deadline: &mut Deadline,
    ) -> Poll<Result<(), Cut>> {
        loop {
            // Only the head waits for the first piece, to leave with it if that is at hand; nothing else is kept back.
            if !self.head_waits {
                match self.poll_write_out(cx, exchange, wire, deadline) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Cut("client: gone"))),
                    Poll::Pending => {
                        self.fast = false;
                        return poll_slow(cx, exchange, wire, deadline);
                    }
                }
                if self.ended {
                    return Pin::new(&mut wire.io).poll_flush(cx).map_err(|_| Cut("client: gone"));
                }
            }
            match exchange.poll_piece(cx, wire, deadline, self.fast) {
                Poll::Ready(Ok(Piece::Data)) => self.take(exchange),
                Poll::Ready(Ok(Piece::End | Piece::EndOfEvents)) => self.end(exchange),
                Poll::Ready(Err(cut)) => {
                    // What the app has said is the client's, even if it is not whole.
                    let _ = wire.poll_write_all(cx, &mut self.out);
                    let _ = Pin::new(&mut wire.io).poll_flush(cx);
                    return Poll::Ready(Err(cut));
                }
                Poll::Pending if self.head_waits => self.head_waits = false,
                Poll::Pending => {
                    // Nothing of the app: whatever TLS has kept back leaves now.
                    return match Pin::new(&mut wire.io).poll_flush(cx) {
                        Poll::Ready(Err(_)) => Poll::Ready(Err(Cut("client: gone"))),
                        Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }

    /// Writes what was put together, and then the piece from where it lies.
    fn poll_write_out(
        &mut self,
        cx: &mut Context<'_>,
        exchange: &mut Exchange,
        wire: &mut Wire,
        deadline: &mut Deadline,
    ) -> Poll<io::Result<()>> {
        ready!(wire.poll_flush_interim(cx))?;
        if !self.out.is_empty() {
            ready!(wire.poll_write_all(cx, &mut self.out))?;
        }
        while !exchange.piece().is_empty() {
            match ready!(Pin::new(&mut wire.io).poll_write(cx, exchange.piece()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => exchange.consume(n),
            }
            self.fast = true;
            // A slow client is no silent one.
            deadline.set(exchange.service.config.timeout.idle);
        }
        Poll::Ready(Ok(()))
    }

    /// A piece is there: it is copied behind what waits, or written from where it lies.
    fn take(&mut self, exchange: &mut Exchange) {
        self.head_waits = false;
        let len = exchange.piece().len();
        if self.chunked {
            chunk_size(&mut self.out.bytes, len);
        }
        if self.chunked || (len <= COPIED && !self.out.is_empty()) {
            self.out.bytes.extend_from_slice(exchange.piece());
            exchange.consume(len);
        }
        if self.chunked {
            self.out.bytes.extend_from_slice(b"\r\n");
        }
    }

    fn end(&mut self, exchange: &Exchange) {
        self.head_waits = false;
        self.ended = true;
        if self.chunked {
            last_chunk(&mut self.out.bytes, exchange.body.trailers());
        }
    }

    fn write_head(&self, out: &mut Vec<u8>, exchange: &Exchange) {
        let Some(inbox) = &exchange.body.inbox else { return };
        let (head, bytes): (&ResponseHead, _) = (&exchange.head, inbox.filled());
        status_line(out, head.status, head.reason.of(bytes));
        let label = exchange.service.config.label.as_deref();
        for (kind, name, value) in headers::response(&head.fields, bytes) {
            if label.is_some() && matches!(kind, Name::XEnvironment | Name::XRobotsTag) {
                continue;
            }
            field(out, name, value);
        }
        if let Some(label) = label {
            field(out, b"x-environment", label.as_bytes());
            field(out, b"x-robots-tag", b"noindex");
        }
        match exchange.body.framing {
            Framing::Length(length) => headers::push_length(out, length),
            Framing::Chunked | Framing::UntilClose => {
                if self.chunked {
                    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
                }
            }
            // To HEAD and with 304 the length speaks of the body that GET would have had (RFC 9110 §8.6).
            Framing::None => {
                let length = head.fields.iter().find(|field| field.kind == Name::ContentLength);
                if let Some(length) = length {
                    field(out, b"content-length", length.value.of(bytes));
                } else if head.status != 204 && head.status != 304 && exchange.method != Method::Head {
                    out.extend_from_slice(b"content-length: 0\r\n");
                }
            }
        }
        if !self.keep_alive {
            out.extend_from_slice(b"connection: close\r\n");
        } else if self.says_keep_alive {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// The client does not take what we have: the upload goes on, and patience may end.
fn poll_slow(
    cx: &mut Context<'_>,
    exchange: &mut Exchange,
    wire: &mut Wire,
    deadline: &mut Deadline,
) -> Poll<Result<(), Cut>> {
    if exchange.poll_send(cx, wire).is_err() {
        return Poll::Ready(Err(Cut("client: broke off the body")));
    }
    match exchange.poll_patience(cx, deadline) {
        Poll::Ready(Err(cut)) => return Poll::Ready(Err(cut)),
        Poll::Ready(Ok(())) | Poll::Pending => {}
    }
    if deadline.poll_passed(cx) {
        return Poll::Ready(Err(Cut("client: stopped reading")));
    }
    Poll::Pending
}
