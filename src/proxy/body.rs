//! The response's body on its way from the app: read by its framing, piece by piece, into a buffer of the stock. The exchange
//! that it belongs to carries the claim until the last byte has left.

use std::ops::Range;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::activation::Patience;
use super::client::Client;
use super::deadline::Deadline;
use super::forward::Exchange;
use super::stock::{Buffer, SMALL};
use crate::http1::chunked::BodyDecoder;
use crate::http1::framing::Framing;

/// At the drain deadline streams end spread over this period, so that their clients do not all come back at once (N20).
pub(super) const SPREAD: Duration = Duration::from_secs(3);

/// The response's side of an exchange.
pub(super) struct Body {
    /// Bytes of the app: the head until it was taken, then what [`Exchange::poll_piece`] found.
    pub(super) inbox: Option<Buffer>,
    /// The part of the inbox that is body and was not used yet.
    ready: usize,
    /// The inbox holds bytes that were not decoded yet.
    undecoded: bool,
    decoder: BodyDecoder,
    pub(super) framing: Framing,
    over: bool,
    pub(super) is_event_stream: bool,
    /// The end of what was passed on, to know an event's boundary: the last two bytes that are not carriage returns.
    tail: [u8; 2],
    /// When the waiting for the head began.
    pub(super) waits_since: Option<Instant>,
    /// Interim responses so far.
    pub(super) interim: u32,
    /// When this stream ends, because the old side's time is over.
    leaves_at: Option<Instant>,
    /// The last read filled its buffer: the app has more than a small one at hand.
    plenty: bool,
}

/// What [`Exchange::poll_piece`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes; see [`Exchange::piece`].
    Data,
    /// The end, as the app meant it.
    End,
    /// The end of an event stream at an event's boundary, because the old side's time is over. Clean for the client.
    EndOfEvents,
}

/// Why a body ends before its end. The client's stream is cut (N18).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut(pub(super) &'static str);

impl Body {
    pub(super) fn none() -> Self {
        Self {
            inbox: None,
            ready: 0,
            undecoded: false,
            decoder: BodyDecoder::new(Framing::None),
            framing: Framing::None,
            over: false,
            is_event_stream: false,
            tail: *b"\n\n",
            waits_since: None,
            interim: 0,
            leaves_at: None,
            plenty: false,
        }
    }

    /// The head at the start of the inbox is done with, and a body of this framing follows.
    pub(super) fn begin(&mut self, framing: Framing, head: usize) {
        self.framing = framing;
        self.decoder = BodyDecoder::new(framing);
        // The head's bytes stay until it is written: `Exchange::head_bytes`.
        self.ready = 0;
        self.undecoded = self.inbox.as_ref().is_some_and(|inbox| inbox.filled().len() > head);
    }

    /// The head was written and its bytes can go.
    pub(super) fn drop_head(&mut self, head: usize) {
        if let Some(inbox) = &mut self.inbox {
            inbox.consume(head);
            if inbox.is_empty() {
                self.inbox = None;
            }
        }
    }

    /// Whether the body was read to its end, and nothing came behind it.
    pub(super) fn is_over(&self) -> bool {
        self.over && self.inbox.is_none()
    }

    /// There is no body, and nobody will ask for it.
    pub(super) fn skip(&mut self) {
        self.over = true;
    }

    /// Trailers of a chunked body, as field lines.
    pub(super) fn trailers(&self) -> &[u8] {
        self.decoder.trailers()
    }

    /// Decodes what is in the inbox; body bytes are moved together at its front. Whether bytes came behind the end: they belong
    /// to no request of ours, so the connection is out of step and not used again.
    fn decode(&mut self) -> Result<bool, Cut> {
        self.undecoded = false;
        let Some(inbox) = &mut self.inbox else { return Ok(false) };
        let (mut from, mut to) = (0, 0);
        while from < inbox.filled().len() && !self.decoder.is_done() {
            let step = self
                .decoder
                .decode(&inbox.filled()[from..])
                .map_err(|_| Cut("app: malformed body"))?;
            let Range { start, end } = step.data;
            inbox.filled_mut().copy_within(from + start..from + end, to);
            to += end - start;
            from += step.consumed;
            if step.consumed == 0 {
                break;
            }
        }
        self.over = self.decoder.is_done();
        let strays = from < inbox.filled().len();
        inbox.keep(0..to);
        self.ready = to;
        if to == 0 {
            self.inbox = None;
        }
        Ok(strays)
    }
}

impl Exchange {
    /// The bytes of the piece.
    pub(super) fn piece(&self) -> &[u8] {
        self.body
            .inbox
            .as_ref()
            .map_or(b"", |inbox| &inbox.filled()[..self.body.ready])
    }

    /// The first `n` bytes of the piece have left.
    pub(super) fn consume(&mut self, n: usize) {
        let body = &mut self.body;
        self.record.bytes_out += n as u64;
        if let Some(inbox) = &mut body.inbox {
            if body.is_event_stream {
                body.tail = tail(body.tail, &inbox.filled()[..n]);
            }
            inbox.consume(n);
            body.ready -= n;
            if inbox.is_empty() {
                body.inbox = None;
            }
        }
    }

    /// The piece with its buffer, for a client that keeps it a while.
    pub(super) fn take_piece(&mut self) -> Option<Buffer> {
        self.record.bytes_out += self.body.ready as u64;
        if self.body.is_event_stream {
            self.body.tail = tail(self.body.tail, self.piece());
        }
        self.body.ready = 0;
        self.body.inbox.take()
    }

    /// The next piece of the response's body, while the request's goes on being sent. `fast` says that the client took the last
    /// piece without a wait.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
        deadline: &mut Deadline,
        fast: bool,
    ) -> Poll<Result<Piece, Cut>> {
        if self.poll_send(cx, client).is_err() {
            return Poll::Ready(Err(Cut("client: broke off the body")));
        }
        loop {
            if self.body.undecoded {
                match self.body.decode() {
                    Ok(strays) => self.reusable &= !strays,
                    Err(cut) => return Poll::Ready(Err(cut)),
                }
            }
            if self.body.ready > 0 {
                if self.body.leaves_at.is_some() && self.body.is_event_stream {
                    self.stop_at_boundary();
                }
                return Poll::Ready(Ok(Piece::Data));
            }
            if self.body.over || self.body.framing == Framing::None {
                self.body.over = true;
                return Poll::Ready(Ok(Piece::End));
            }
            match self.poll_read_body(cx, deadline, fast) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cut)) => return Poll::Ready(Err(cut)),
                Poll::Pending => break,
            }
        }
        match self.poll_patience(cx, deadline) {
            Poll::Ready(Err(cut)) => Poll::Ready(Err(cut)),
            // Until it comes to a boundary, an event stream goes on.
            Poll::Ready(Ok(())) if self.body.tail != *b"\n\n" => Poll::Pending,
            Poll::Ready(Ok(())) => {
                self.counters().stream_ended();
                self.reusable = false;
                Poll::Ready(Ok(Piece::EndOfEvents))
            }
            Poll::Pending if deadline.poll_passed(cx) => Poll::Ready(Err(Cut("app: stopped sending"))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_read_body(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline, fast: bool) -> Poll<Result<(), Cut>> {
        let Some(upstream) = &mut self.upstream else {
            return Poll::Ready(Err(Cut("app: cut the body")));
        };
        let body = &mut self.body;
        let bulk = fast && body.decoder.remaining().map_or(body.plenty, |rest| rest > SMALL as u64);
        let mut buffer = if bulk { Buffer::bulk() } else { Buffer::small() };
        match upstream.poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0)) if body.decoder.ends_with_connection() => {
                body.over = true;
                self.reusable = false;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(0) | Err(_)) => {
                self.reusable = false;
                Poll::Ready(Err(Cut("app: cut the body")))
            }
            Poll::Ready(Ok(_)) => {
                body.plenty = buffer.is_full();
                body.inbox = Some(buffer);
                body.undecoded = true;
                let timeout = &self.service.service.timeout;
                deadline.set(if body.is_event_stream {
                    timeout.stream
                } else {
                    timeout.idle
                });
                Poll::Ready(Ok(()))
            }
        }
    }

    /// `Ready` when the old side's time is over (N20): with an error for a body that has to be cut, without one for an event
    /// stream, which ends at the next boundary. Otherwise the task is woken when that may have changed. To be asked whenever the
    /// exchange waits, for the app or for a slow client.
    pub(super) fn poll_patience(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Result<(), Cut>> {
        let patience = self.service.activation.patience();
        if patience < Patience::Cut
            && let Some(claim) = &self.record.claim
        {
            claim.wake_when_impatient(&mut self.ticket, cx.waker());
        }
        if patience >= Patience::Polite && patience < Patience::EndStreams && self.body.is_event_stream {
            // From here on it ends at an event's boundary, also where more bytes come first.
            self.body.leaves_at.get_or_insert_with(Instant::now);
            return Poll::Ready(Ok(()));
        }
        if patience < Patience::EndStreams {
            return Poll::Pending;
        }
        if patience == Patience::EndStreams {
            let now = Instant::now();
            let leaves_at = *self
                .body
                .leaves_at
                .get_or_insert_with(|| now + SPREAD.mul_f64(fastrand::f64()));
            if now < leaves_at {
                // `leaves_at` replaces the idle deadline: this stream has at most that long to live.
                deadline.set_at(leaves_at);
                if !deadline.poll_passed(cx) {
                    return Poll::Pending;
                }
            }
            if self.body.is_event_stream {
                return Poll::Ready(Ok(()));
            }
        }
        self.counters().exchange_cut();
        Poll::Ready(Err(Cut("proxy: drain deadline")))
    }

    /// Keeps only the part of the piece up to the first event's boundary in it.
    fn stop_at_boundary(&mut self) {
        let mut seen = self.body.tail;
        let mut end = None;
        for (index, byte) in self.piece().iter().enumerate() {
            seen = tail(seen, &[*byte]);
            if seen == *b"\n\n" {
                end = Some(index + 1);
                break;
            }
        }
        if let (Some(end), Some(inbox)) = (end, &mut self.body.inbox) {
            inbox.keep(0..end);
            self.body.ready = end;
            self.reusable = false;
        }
    }
}

/// The last two bytes that end lines or text, with CR as a line end of its own when it stands alone.
fn tail(before: [u8; 2], bytes: &[u8]) -> [u8; 2] {
    let mut tail = before;
    // Only the end of a long piece matters: four bytes hold any boundary (CR LF CR LF).
    for &byte in &bytes[bytes.len().saturating_sub(4)..] {
        if byte != b'\r' {
            tail = [tail[1], byte];
        }
    }
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_events_boundary_is_seen_across_pieces_n20() {
        assert_eq!(tail(*b"xx", b"data: 1\n\n"), *b"\n\n");
        assert_eq!(tail(*b"xx", b"data: 1\r\n\r\n"), *b"\n\n");
        assert_eq!(tail(tail(*b"xx", b"data: 1\n"), b"\n"), *b"\n\n");
        assert_ne!(tail(*b"\n\n", b"data"), *b"\n\n");
    }
}
