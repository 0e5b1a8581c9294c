//! A file on its way to the client, in place of an app's response. It carries the claim until its last byte has left.

use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::body::{Cut, Piece};
use super::exchange::Exchange;
use super::record::Record;
use crate::config::Policy;
use crate::http1::head::Method;
use crate::model::pace::Rule;
use crate::model::termination::Termination;
use crate::proxy::core::claim::Claim;
use crate::proxy::core::service::CoreService;
use crate::proxy::files::response::Response;
use crate::proxy::message::end::End;
use crate::proxy::route::activation::Patience;
use crate::proxy::stock::buffers::Buffer;
use crate::proxy::stock::clock;
use crate::proxy::stock::deadline::Deadline;

/// A file on its way.
pub(super) struct File {
    pub(super) record: Box<Record>,
    pub(super) response: Box<Response>,
    pub(super) service: Rc<CoreService>,
    pub(super) is_head: bool,
    /// What was read and has not left.
    inbox: Option<Buffer>,
    /// When it ends, because the old side's time is over.
    leaves_at: Option<Instant>,
    /// Dropped behind the record, which counts there.
    claim: Option<Claim>,
}

impl File {
    /// The response that was found for a request.
    pub(super) fn new(exchange: Exchange, response: Box<Response>) -> Self {
        let Exchange {
            record,
            claim,
            service,
            method,
            ..
        } = exchange;
        Self {
            record,
            response,
            service,
            is_head: method == Method::Head,
            inbox: None,
            leaves_at: None,
            claim,
        }
    }

    /// The bytes of the piece.
    pub(super) fn piece(&self) -> &[u8] {
        self.inbox.as_ref().map_or(b"", Buffer::filled)
    }

    /// The first `n` bytes of the piece have left.
    pub(super) fn consume(&mut self, n: usize) {
        self.record.bytes_out += n as u64;
        self.drop_piece(n);
    }

    /// The first `n` bytes of the piece are used up, and will leave in another form.
    pub(super) fn drop_piece(&mut self, n: usize) {
        if let Some(inbox) = &mut self.inbox {
            inbox.consume(n);
            if inbox.is_empty() {
                self.inbox = None;
            }
        }
    }

    /// Whether nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.inbox.is_none() && self.ends_with_piece()
    }

    /// Whether no piece follows the one that is there.
    pub(super) fn ends_with_piece(&self) -> bool {
        self.response.pieces.is_over()
    }

    /// The next piece. `fast` says that the client took the last one without a wait.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        deadline: &mut Deadline,
        fast: bool,
    ) -> Poll<Result<Piece, Cut>> {
        if self.inbox.is_some() {
            return Poll::Ready(Ok(Piece::Data));
        }
        match self.response.pieces.poll_next(cx, fast) {
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(Piece::End)),
            Poll::Ready(Ok(inbox)) => {
                self.inbox = inbox;
                if self.leaves_at.is_none() {
                    deadline.set(self.policy().timeout.idle);
                }
                Poll::Ready(Ok(Piece::Data))
            }
            Poll::Ready(Err(broken)) => Poll::Ready(Err(Cut(End::new(Termination::AppCutBody, broken.words())))),
            Poll::Pending => match self.poll_patience(cx, deadline) {
                Poll::Ready(cut) => Poll::Ready(Err(cut)),
                Poll::Pending if deadline.poll_passed(cx) => Poll::Ready(Err(Cut(End::STOPPED_SENDING))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    /// `Ready` when the old side's time is over (N20). Otherwise the task is woken when that may have changed.
    pub(super) fn poll_patience(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Poll<Cut> {
        let patience = self.service.activation.patience();
        if patience < Patience::Cut
            && let Some(claim) = &self.claim
        {
            claim.wake_when_impatient(cx.waker());
        }
        if patience < Patience::EndStreams {
            return Poll::Pending;
        }
        if patience == Patience::EndStreams {
            let (now, spread) = (clock::now(), self.record.core().times().spread);
            let leaves_at = *self
                .leaves_at
                .get_or_insert_with(|| now + spread.mul_f64(fastrand::f64()));
            if now < leaves_at {
                deadline.set_at(leaves_at);
                if !deadline.poll_passed(cx) {
                    return Poll::Pending;
                }
            }
        }
        self.service.counters().exchange_cut();
        Poll::Ready(Cut(End::DRAINED))
    }

    /// What the client has to keep to while it does not take what there is.
    pub(super) fn rule(&self) -> Rule {
        Rule {
            idle: self.policy().timeout.idle,
            period: self.record.core().times().pace,
        }
    }

    /// What the request is under.
    pub(super) fn policy(&self) -> &Policy {
        self.service.config.policy(self.record.policy)
    }
}
