//! One question on its way over a connection, and the answer as it is read: whole, and within bounds.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use super::verdict::Verdict;
use crate::config::Forward;
use crate::http1::chunked::BodyDecoder;
use crate::http1::framing;
use crate::http1::head::{Limits, Method, Parsed, ResponseHead};
use crate::proxy::message::terms::Terms;
use crate::proxy::message::unanswered::Unanswered;
use crate::proxy::stock::buffers::Buffer;
use crate::proxy::upstream::connection::Upstream;

/// Of an answer's head.
const LIMITS: Limits = Limits {
    bytes: 64 * 1024,
    fields: 200,
};
/// Of an answer's body. It is kept until it is whole, so that nothing is begun that the service does not end.
const MAX_BODY: usize = 256 * 1024;
/// Interim responses (1xx) before the final one.
const MAX_INTERIM: u32 = 8;

/// An answer.
pub(super) struct Answered {
    pub(super) verdict: Verdict,
    /// What the service says of its connection, if that may serve another question.
    pub(super) terms: Option<Terms>,
}

/// Why there is none.
pub(super) struct Failure {
    pub(super) why: Unanswered,
    /// Not one byte of an answer came: a connection that was idle may have been closed in this moment (N9).
    pub(super) nothing_read: bool,
}

/// Asks, and reads the answer to its end.
pub(super) async fn ask(upstream: &mut Upstream, question: &[u8], forward: &Forward) -> Result<Answered, Failure> {
    let mut asking = Asking {
        upstream,
        question,
        inbox: Buffer::small(),
        has_read: false,
    };
    match asking.answer(forward).await {
        Ok(answered) => Ok(answered),
        Err(why) => Err(Failure {
            why,
            nothing_read: !asking.has_read,
        }),
    }
}

struct Asking<'a> {
    upstream: &'a mut Upstream,
    /// What is left of it to be sent.
    question: &'a [u8],
    inbox: Buffer,
    has_read: bool,
}

impl Asking<'_> {
    async fn answer(&mut self, forward: &Forward) -> Result<Answered, Unanswered> {
        let mut head = ResponseHead::new();
        let mut interim = 0;
        loop {
            poll_fn(|cx| self.poll_head(cx, &mut head)).await?;
            match head.status {
                101 => {
                    return Err(Unanswered::Nonsense(
                        "101 of an auth service that was asked for no upgrade",
                    ));
                }
                100..200 => {
                    self.inbox.consume(head.len);
                    interim += 1;
                    if interim > MAX_INTERIM {
                        return Err(Unanswered::Nonsense("too many interim responses of the auth service"));
                    }
                }
                _ => break,
            }
        }
        let bytes = self.inbox.filled();
        let framing = framing::of_response(Method::Get, &head, bytes);
        let framing = framing.map_err(|error| Unanswered::Nonsense(error.words()))?;
        let terms = Terms::of(&head, bytes);
        let mut verdict = Verdict::of(&head, bytes, forward)?;
        self.inbox.consume(head.len);
        let mut decoder = BodyDecoder::of_response(framing);
        let mut body = Vec::new();
        poll_fn(|cx| self.poll_body(cx, &mut decoder, &mut body)).await?;
        if let Verdict::Refusal(answer) = &mut verdict {
            answer.content = body.into();
        }
        let in_step = self.inbox.is_empty() && self.question.is_empty() && !decoder.ends_with_connection();
        Ok(Answered {
            verdict,
            terms: Some(terms).filter(|terms| terms.keep_alive && in_step),
        })
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead) -> Poll<Result<(), Unanswered>> {
        loop {
            if !self.inbox.is_empty() {
                match head.parse(self.inbox.filled(), LIMITS) {
                    Ok(Parsed::Whole) => return Poll::Ready(Ok(())),
                    Ok(Parsed::Partial) if self.inbox.is_full() => self.inbox.make_room(LIMITS.bytes + 1),
                    Ok(Parsed::Partial) => {}
                    Err(error) => return Poll::Ready(Err(Unanswered::Nonsense(error.words()))),
                }
            }
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(Err(Unanswered::BrokeOff(None)));
            }
        }
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        decoder: &mut BodyDecoder,
        body: &mut Vec<u8>,
    ) -> Poll<Result<(), Unanswered>> {
        loop {
            while !decoder.is_done() && !self.inbox.is_empty() {
                let step = match decoder.decode(self.inbox.filled()) {
                    Ok(step) => step,
                    Err(error) => return Poll::Ready(Err(Unanswered::Nonsense(error.words()))),
                };
                body.extend_from_slice(&self.inbox.filled()[step.data]);
                if body.len() > MAX_BODY {
                    return Poll::Ready(Err(Unanswered::Nonsense("the answer of the auth service is too large")));
                }
                if step.consumed == 0 {
                    break;
                }
                self.inbox.consume(step.consumed);
            }
            if decoder.is_done() {
                return Poll::Ready(Ok(()));
            }
            self.inbox.make_room(0);
            if ready!(self.poll_read(cx))? == 0 {
                let ended = if decoder.ends_with_connection() {
                    Ok(())
                } else {
                    Err(Unanswered::BrokeOff(None))
                };
                return Poll::Ready(ended);
            }
        }
    }

    /// Sends what is left of the question, and reads once. A service may answer before it has read everything.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Unanswered>> {
        while !self.question.is_empty() {
            match self.upstream.poll_write(cx, self.question) {
                Poll::Ready(Ok(n)) if n > 0 => self.question = &self.question[n..],
                Poll::Ready(_) | Poll::Pending => break,
            }
        }
        match self.upstream.poll_read(cx, &mut self.inbox) {
            Poll::Ready(Ok(n)) => {
                self.has_read |= n > 0;
                Poll::Ready(Ok(n))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(Unanswered::BrokeOff(Some(error)))),
            Poll::Pending => {
                self.upstream.await_rest(self.has_read);
                Poll::Pending
            }
        }
    }
}
