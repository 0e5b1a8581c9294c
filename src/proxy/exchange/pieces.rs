//! The response's body on its way from the app: read by its framing, piece by piece, while the upload goes on. The exchange
//! carries the claim until the last byte has left.

use std::task::{Context, Poll};

use super::body::{Cut, Piece};
use super::client::Client;
use super::events::Tail;
use super::exchange::Exchange;
use crate::http1::framing::Framing;
use crate::proxy::message::end::End;
use crate::proxy::route::activation::Patience;
use crate::proxy::stock::buffers::{Buffer, SMALL};
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;

impl Exchange {
    /// The bytes of the piece.
    pub(crate) fn piece(&self) -> &[u8] {
        self.body
            .inbox
            .as_ref()
            .map_or(b"", |inbox| &inbox.filled()[..self.body.ready])
    }

    /// The first `n` bytes of the piece have left.
    pub(crate) fn consume(&mut self, n: usize) {
        self.record.bytes_out += n as u64;
        self.drop_piece(n);
    }

    /// The first `n` bytes of the piece are used up, and will leave in another form.
    pub(crate) fn drop_piece(&mut self, n: usize) {
        let body = &mut self.body;
        if let Some(inbox) = &mut body.inbox {
            if body.has_events {
                body.tail = body.tail.with(&inbox.filled()[..n]);
            }
            inbox.consume(n);
            body.ready -= n;
            if inbox.is_empty() {
                body.inbox = None;
            }
        }
    }

    /// The next piece of the response's body, while the request's goes on being sent. `fast` says that the client took the last
    /// piece without a wait.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
        deadline: &mut Deadline,
        fast: bool,
    ) -> Poll<Result<Piece, Cut>> {
        let before = self.sending.received;
        if let Err(error) = self.poll_send(cx, client) {
            return Poll::Ready(Err(Cut(End::of_upload(&error))));
        }
        // An app that reads on is not silent; how fast a client sends is looked at when the deadline is.
        if self.sending.received != before && !self.sending.is_owed() && self.body.leaves_at.is_none() {
            deadline.set(self.silence());
        }
        loop {
            if self.body.undecoded {
                match self.body.decode() {
                    Ok(strays) => self.reusable &= !strays,
                    Err(cut) => return Poll::Ready(Err(cut)),
                }
            }
            if self.body.ready > 0 {
                if self.body.leaves_now(clock::now) {
                    self.stop_at_boundary();
                }
                return Poll::Ready(Ok(Piece::Data));
            }
            if self.body.over || self.body.framing == Framing::None {
                self.body.over = true;
                return Poll::Ready(Ok(Piece::End));
            }
            if self.body.tail == Tail::Event && self.body.leaves_now(clock::now) {
                return Poll::Ready(Ok(self.end_of_events()));
            }
            match self.poll_read_body(cx, deadline, fast) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cut)) => return Poll::Ready(Err(cut)),
                Poll::Pending => break,
            }
        }
        match self.poll_patience(cx, deadline) {
            Poll::Ready(Err(cut)) => Poll::Ready(Err(cut)),
            Poll::Ready(Ok(())) if self.body.tail == Tail::Event => Poll::Ready(Ok(self.end_of_events())),
            // Until it comes to the end of an event, an event stream goes on, and may be as silent as before.
            Poll::Ready(Ok(())) => {
                if !std::mem::replace(&mut self.body.is_leaving, true) {
                    deadline.set(self.silence());
                }
                self.poll_silence(cx, deadline).map(Err)
            }
            Poll::Pending => self.poll_silence(cx, deadline).map(Err),
        }
    }

    /// `Ready` when nothing has come for too long, and whose fault that is: an app may wait for the rest of the upload.
    fn poll_silence(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Cut> {
        while deadline.poll_passed(cx) {
            if !self.sending.is_owed() {
                return Poll::Ready(Cut(End::STOPPED_SENDING));
            }
            let rule = self.rule();
            match self.sending.look(&rule) {
                Ok(next) => deadline.set(next),
                Err(error) => return Poll::Ready(Cut(End::of_upload(&error))),
            }
        }
        Poll::Pending
    }

    fn poll_read_body(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline, fast: bool) -> Poll<Result<(), Cut>> {
        let Some(upstream) = &mut self.upstream else {
            return Poll::Ready(Err(Cut(End::CUT_BODY)));
        };
        let body = &mut self.body;
        let bulk = fast && body.decoder.remaining().map_or(body.plenty, |rest| rest > SMALL as u64);
        let mut buffer = if bulk { Buffer::bulk() } else { Buffer::small() };
        match upstream.poll_read(cx, &mut buffer) {
            Poll::Pending => {
                upstream.await_rest(body.halfway);
                Poll::Pending
            }
            Poll::Ready(Ok(0)) if body.decoder.ends_with_connection() => {
                body.over = true;
                self.reusable = false;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Ok(0) | Err(_)) => {
                self.reusable = false;
                Poll::Ready(Err(Cut(End::CUT_BODY)))
            }
            Poll::Ready(Ok(_)) => {
                body.plenty = buffer.is_full();
                body.inbox = Some(buffer);
                body.undecoded = true;
                deadline.set(self.silence());
                Poll::Ready(Ok(()))
            }
        }
    }

    /// `Ready` when the old side's time is over (N20): with an error for a body that has to be cut, without one for an event
    /// stream, which ends at the next boundary. Otherwise the task is woken when that may have changed. To be asked whenever the
    /// exchange waits, for the app or for a slow client.
    pub(crate) fn poll_patience(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Result<(), Cut>> {
        let patience = self.service.activation.patience();
        if patience < Patience::Cut
            && let Some(claim) = &self.claim
        {
            claim.wake_when_impatient(cx.waker());
        }
        if patience >= Patience::Polite && patience < Patience::EndStreams && self.body.has_events {
            // From here on it ends at an event's boundary, also where more bytes come first.
            self.body.leaves_at.get_or_insert_with(clock::now);
            return Poll::Ready(Ok(()));
        }
        if patience < Patience::EndStreams {
            return Poll::Pending;
        }
        if patience == Patience::EndStreams {
            let (now, spread) = (clock::now(), self.times().spread);
            let leaves_at = *self
                .body
                .leaves_at
                .get_or_insert_with(|| now + spread.mul_f64(fastrand::f64()));
            if now < leaves_at {
                // `leaves_at` replaces the idle deadline: this stream has at most that long to live.
                deadline.set_at(leaves_at);
                if !deadline.poll_passed(cx) {
                    return Poll::Pending;
                }
            }
            if self.body.has_events {
                return Poll::Ready(Ok(()));
            }
        }
        self.counters().exchange_cut();
        Poll::Ready(Err(Cut(End::DRAINED)))
    }

    /// The event stream ends at the boundary that it has come to; what the app has more is dropped with its connection.
    fn end_of_events(&mut self) -> Piece {
        self.counters().stream_ended();
        self.reusable = false;
        Piece::EndOfEvents
    }

    /// Keeps only the part of the piece up to the first event's boundary in it.
    fn stop_at_boundary(&mut self) {
        let end = self.body.tail.first_event(self.piece());
        if let (Some(end), Some(inbox)) = (end, &mut self.body.inbox) {
            inbox.keep(0..end);
            self.body.ready = end;
            self.reusable = false;
        }
    }
}
