//! A reply on its way to an HTTP/1 client: its head in this protocol's framing, then piece by piece, with as few writes and
//! copies as may be.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::wire::Wire;
use crate::http1::head::Version;
use crate::http1::write::{chunk_size, field, last_chunk, status_line};
use crate::model::termination::Termination;
use crate::proxy::exchange::body::{Cut, Piece};
use crate::proxy::exchange::reply::{Length, Reply};
use crate::proxy::message::end::End;
use crate::proxy::message::headers;
use crate::proxy::stock::buffers::Out;
use crate::proxy::stock::deadline::Deadline;

/// A piece up to this size is copied behind the head, so that both leave with one write.
const COPIED: usize = 16 * 1024;

/// A reply that is being written.
pub(crate) struct Response {
    out: Out,
    chunked: bool,
    /// Whether the client's connection is kept after it.
    pub(crate) keep_alive: bool,
    /// The head was not written yet, because the first piece may leave with it.
    head_waits: bool,
    /// The end of the connection is the end of the body.
    open_ended: bool,
    /// The body has ended, and so has everything in `out`.
    ended: bool,
    /// The client took the last piece without a wait.
    fast: bool,
}

impl Response {
    /// Writes the head. `keep_alive` is whether the connection may be kept, as far as the client is concerned.
    pub(crate) fn of(reply: &Reply, version: Version, keep_alive: bool) -> Self {
        let length = reply.length();
        let chunked = length == Length::Open && version == Version::Http11;
        let mut response = Self {
            out: Out::new(),
            chunked,
            keep_alive: keep_alive && (chunked || length != Length::Open),
            head_waits: true,
            open_ended: length == Length::Open && !chunked,
            ended: false,
            fast: true,
        };
        response.write_head(reply, version, length);
        response
    }

    /// Whether a clean end of the connection would hide that the response was cut, or cannot be had: then only RST tells (N18).
    pub(crate) fn needs_reset(&self, cut: Cut) -> bool {
        self.open_ended || cut.0.termination == Termination::ClientGone || cut.is_unread()
    }

    /// Whether the end of the connection is the end of the body.
    pub(crate) fn is_open_ended(&self) -> bool {
        self.open_ended
    }

    /// Writes the response, piece by piece, while the upload goes on.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reply: &mut Reply,
        wire: &mut Wire,
        deadline: &mut Deadline,
    ) -> Poll<Result<(), Cut>> {
        loop {
            // Only the head waits for the first piece, to leave with it if that is at hand; nothing else is kept back.
            if !self.head_waits {
                match self.poll_write_out(cx, reply, wire, deadline) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Cut(End::CLIENT_GONE))),
                    Poll::Pending => {
                        self.fast = false;
                        return reply.poll_stuck(cx, wire, deadline).map(Err);
                    }
                }
                if self.ended {
                    // TLS may still hold much of it for a client that does not read.
                    return match Pin::new(&mut wire.io).poll_flush(cx) {
                        Poll::Ready(flushed) => Poll::Ready(flushed.map_err(|_| Cut(End::CLIENT_GONE))),
                        Poll::Pending => reply.poll_stuck(cx, wire, deadline).map(Err),
                    };
                }
            }
            match reply.poll_piece(cx, wire, deadline, self.fast) {
                Poll::Ready(Ok(Piece::Data)) => self.take(reply),
                Poll::Ready(Ok(Piece::End | Piece::EndOfEvents)) => self.end(reply),
                Poll::Ready(Err(cut)) => {
                    // What the app has said is the client's, even if it is not whole.
                    if let Poll::Ready(Ok(())) = wire.poll_flush_interim(cx) {
                        let _ = wire.poll_write_all(cx, &mut self.out);
                    }
                    let _ = Pin::new(&mut wire.io).poll_flush(cx);
                    return Poll::Ready(Err(cut));
                }
                Poll::Pending if self.head_waits => self.head_waits = false,
                Poll::Pending => {
                    // Nothing of the app: whatever TLS has kept back leaves now.
                    return match Pin::new(&mut wire.io).poll_flush(cx) {
                        Poll::Ready(Err(_)) => Poll::Ready(Err(Cut(End::CLIENT_GONE))),
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
        reply: &mut Reply,
        wire: &mut Wire,
        deadline: &mut Deadline,
    ) -> Poll<io::Result<()>> {
        ready!(wire.poll_flush_interim(cx))?;
        if !self.out.is_empty() {
            ready!(wire.poll_write_all(cx, &mut self.out))?;
        }
        while !reply.piece().is_empty() {
            match ready!(Pin::new(&mut wire.io).poll_write(cx, reply.piece()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => reply.consume(n),
            }
            self.fast = true;
            reply.be_patient(deadline);
        }
        // What was copied has left too.
        reply.moves_on(deadline);
        Poll::Ready(Ok(()))
    }

    /// A piece is there: it is copied behind what waits, or written from where it lies.
    fn take(&mut self, reply: &mut Reply) {
        self.head_waits = false;
        let len = reply.piece().len();
        if self.chunked {
            chunk_size(&mut self.out.bytes, len);
        }
        if self.chunked || (len <= COPIED && !self.out.is_empty()) {
            self.out.bytes.extend_from_slice(reply.piece());
            reply.consume(len);
        }
        if self.chunked {
            self.out.bytes.extend_from_slice(b"\r\n");
        }
    }

    fn end(&mut self, reply: &Reply) {
        self.head_waits = false;
        self.ended = true;
        if self.chunked {
            last_chunk(&mut self.out.bytes, reply.trailers());
        }
    }

    fn write_head(&mut self, reply: &Reply, version: Version, length: Length<'_>) {
        let out = &mut self.out.bytes;
        status_line(out, reply.status, reply.reason());
        reply.for_each_field(|name, value| field(out, name, value));
        match length {
            Length::Known(length) => headers::push_length(out, length),
            Length::Open if self.chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            Length::Open | Length::Unsaid => {}
            Length::OfGet(length) => field(out, b"content-length", length),
        }
        let mut upgrades = false;
        if version == Version::Http11 {
            for protocol in reply.upgrades() {
                field(out, b"upgrade", protocol);
                upgrades = true;
            }
        }
        let connection: &[u8] = match (upgrades, self.keep_alive) {
            (true, true) => b"connection: upgrade\r\n",
            (true, false) => b"connection: upgrade, close\r\n",
            (false, false) => b"connection: close\r\n",
            // HTTP/1.0 has to be told that the connection stays.
            (false, true) if version == Version::Http10 => b"connection: keep-alive\r\n",
            (false, true) => b"",
        };
        out.extend_from_slice(connection);
        out.extend_from_slice(b"\r\n");
    }
}
