//! The bytes of one HTTP/1 client: what was read and not used yet, the request body that is read from it, and interim responses
//! on their way out. Knows nothing of keep-alive or of what is answered.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::http1::chunked::BodyDecoder;
use crate::http1::framing::Framing;
use crate::http1::head::Version;
use crate::http1::write::{field, status_line};
use crate::proxy::client::io::ClientIo;
use crate::proxy::client::tunnel::Side;
use crate::proxy::exchange::client::{Absence, Client, Interim};
use crate::proxy::message::error::ProxyError;
use crate::proxy::message::headers;
use crate::proxy::stock::buffers::{Buffer, Out};
use crate::proxy::stock::deadline::Deadline;

/// One HTTP/1 client as bytes, and the request body that is being read from them.
pub(crate) struct Wire {
    pub(crate) io: ClientIo,
    /// Bytes that were read and not used: the rest of a body, or the next request.
    pub(crate) inbox: Option<Buffer>,
    body: BodyDecoder,
    /// Bytes at the start of the inbox that are body and were not taken yet.
    ready: usize,
    /// Bytes of framing behind them.
    framing: usize,
    /// Bytes that the last read has brought.
    last_read: usize,
    /// Interim responses that wait to be written.
    pub(crate) interim: Vec<u8>,
    /// The version of the request: HTTP/1.0 gets no interim responses.
    pub(crate) version: Version,
    /// The client has ended its direction (N17) or broken off.
    pub(crate) at_end: bool,
    /// What its system had taken when that was asked last.
    acked: u64,
}

impl Wire {
    pub(crate) fn new(io: ClientIo) -> Self {
        Self {
            io,
            inbox: None,
            body: BodyDecoder::of_request(Framing::None),
            ready: 0,
            framing: 0,
            last_read: 0,
            interim: Vec::new(),
            version: Version::Http11,
            at_end: false,
            acked: 0,
        }
    }

    /// Whether the request's body was read to its end.
    pub(crate) fn body_is_done(&self) -> bool {
        self.body.is_done() && self.ready == 0
    }

    /// A request body of this framing begins behind the head.
    pub(crate) fn begin_body(&mut self, framing: Framing, version: Version) {
        self.body = BodyDecoder::of_request(framing);
        (self.ready, self.framing) = (0, 0);
        self.version = version;
    }

    /// Takes a buffer back whose first `n` bytes are done with.
    pub(crate) fn put_back(&mut self, mut buffer: Buffer, n: usize) {
        buffer.consume(n);
        self.inbox = Some(buffer).filter(|buffer| !buffer.is_empty());
    }

    /// Reads into an empty inbox; without a buffer while there is nothing.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        debug_assert!(self.inbox.is_none(), "what is in the inbox would be lost");
        let mut buffer = Buffer::behind(self.last_read);
        let n = ready!(self.poll_read(cx, &mut buffer))?;
        self.last_read = n;
        self.inbox = Some(buffer).filter(|buffer| !buffer.is_empty());
        Poll::Ready(Ok(n))
    }

    /// Reads behind what is in the inbox.
    pub(crate) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(mut buffer) = self.inbox.take() else {
            return self.poll_fill(cx);
        };
        buffer.make_room(0);
        let read = self.poll_read(cx, &mut buffer);
        self.inbox = Some(buffer);
        read
    }

    /// Drops empty lines at the start of the inbox, `left` of them at most. Whether there is more than that: a request has begun.
    pub(crate) fn skip_empty_lines(&mut self, left: &mut usize) -> bool {
        let Some(buffer) = &mut self.inbox else { return false };
        while *left > 0 && buffer.filled().starts_with(b"\r\n") {
            buffer.consume(2);
            *left -= 1;
        }
        if buffer.is_empty() {
            self.inbox = None;
            return false;
        }
        buffer.filled() != b"\r"
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let read = buffer.read_with(|room| Pin::new(&mut self.io).poll_read(cx, room));
        if matches!(read, Poll::Ready(Ok(0) | Err(_))) {
            self.at_end = true;
        }
        read
    }

    pub(crate) fn poll_write_all(&mut self, cx: &mut Context<'_>, out: &mut Out) -> Poll<io::Result<()>> {
        while !out.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, out.rest()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => out.wrote(n),
            }
        }
        out.clear();
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_flush_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.interim.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.interim.is_empty() {
            let n = ready!(Pin::new(&mut self.io).poll_write(cx, &self.interim))?;
            self.interim.drain(..n);
        }
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl Client for Wire {
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&[u8]) -> usize,
    ) -> Poll<Result<bool, ProxyError>> {
        // An interim response that the client waits for must not wait for the upload.
        if let Poll::Ready(Err(_)) = Wire::poll_flush_interim(self, cx) {
            return Poll::Ready(Err(ProxyError::ClientGone));
        }
        if self.inbox.is_none() {
            // Half-closed inside its body: it may still read why that was no request.
            const CUT: ProxyError = ProxyError::BadRequest("the body ended before its end");
            if self.at_end {
                return Poll::Ready(Err(CUT));
            }
            match ready!(self.poll_fill(cx)) {
                Ok(n) if n > 0 => {}
                Ok(_) => return Poll::Ready(Err(CUT)),
                Err(_) => return Poll::Ready(Err(ProxyError::ClientGone)),
            }
        }
        let Some(buffer) = &mut self.inbox else {
            return Poll::Pending;
        };
        loop {
            if self.ready > 0 {
                let taken = take(&buffer.filled()[..self.ready]);
                buffer.consume(taken);
                self.ready -= taken;
                if self.ready > 0 {
                    return Poll::Ready(Ok(false));
                }
            }
            buffer.consume(std::mem::take(&mut self.framing));
            if buffer.is_empty() || self.body.is_done() {
                break;
            }
            let step = match self.body.decode(buffer.filled()) {
                Ok(step) => step,
                Err(error) => return Poll::Ready(Err(ProxyError::Body(error))),
            };
            if step.consumed == 0 {
                break;
            }
            buffer.consume(step.data.start);
            (self.ready, self.framing) = (step.data.len(), step.consumed - step.data.end);
        }
        if buffer.is_empty() {
            self.inbox = None;
        }
        Poll::Ready(Ok(self.body.is_done()))
    }

    fn trailers(&self) -> &[u8] {
        self.body.trailers()
    }

    fn interim(&mut self, interim: Interim<'_>) {
        if self.version == Version::Http10 {
            return;
        }
        match interim {
            Interim::Continue => self.interim.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"),
            // Built anew, like every other head.
            Interim::Head(head, bytes) => {
                status_line(&mut self.interim, head.status, head.reason.of(bytes));
                for (_, name, value) in headers::response(&head.fields, bytes) {
                    field(&mut self.interim, name, value);
                }
                self.interim.extend_from_slice(b"\r\n");
            }
        }
    }

    fn poll_flush_interim(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>> {
        Wire::poll_flush_interim(self, cx).map_err(|_| ProxyError::ClientGone)
    }

    fn is_gone(&mut self) -> bool {
        self.io.take_error().is_some()
    }

    fn taken(&mut self) -> u64 {
        let acked = self.io.taken().map_or(self.acked, |taken| taken.acked);
        acked - std::mem::replace(&mut self.acked, acked)
    }

    fn watch(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline, every: Duration) -> Option<Absence> {
        let mut absence = None;
        // Behind bytes that nobody has read yet, an end is seen only now and then.
        while deadline.poll_passed(cx) {
            deadline.set(every);
            if self.io.take_error().is_some() {
                return Some(Absence::Certain);
            }
            absence = self.io.has_ended().then_some(Absence::Possible);
        }
        if self.body.is_done() && self.inbox.is_none() && !self.at_end {
            match self.poll_fill(cx) {
                Poll::Ready(Err(_)) => return Some(Absence::Certain),
                // The next request, or the end.
                Poll::Ready(Ok(_)) | Poll::Pending => {}
            }
        }
        if self.at_end { Some(Absence::Possible) } else { absence }
    }
}

impl Side for Wire {
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Buffer>>> {
        if self.inbox.is_none() {
            ready!(self.poll_fill(cx))?;
        }
        Poll::Ready(Ok(self.inbox.take()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_half_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
