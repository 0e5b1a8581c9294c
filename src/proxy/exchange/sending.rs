//! The request's side of an exchange: what is sent to the app, framed for it, and where more of it comes from.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::client::Client;
use crate::http1::framing::Framing;
use crate::http1::write::{chunk_size, last_chunk};
use crate::model::pace::{Rule, Verdict};
use crate::proxy::message::error::ProxyError;
use crate::proxy::stock::buffers::{Out, SMALL};
use crate::proxy::stock::owed::Owed;
use crate::proxy::upstream::connection::Upstream;

/// The request's side of an exchange.
pub(crate) struct Sending {
    /// The head, and body that was read and not yet sent. Kept whole until a response comes, as long as it is the whole request.
    pub(crate) out: Out,
    pub(crate) framing: Framing,
    /// Body bytes that the client has sent so far.
    pub(crate) received: u64,
    /// While nothing is missing but more of them.
    owed: Owed,
    /// How many it may send: `limit.body`.
    pub(crate) limit: u64,
    /// Its trailers stay here: nobody has looked at what they say of the client.
    pub(crate) without_trailers: bool,
    /// The body has ended, or will not be read any more.
    pub(crate) done: bool,
    /// Everything that was ever sent is still in `out`.
    pub(crate) replayable: bool,
    /// The app does not read any more (N14).
    pub(crate) broken: bool,
    /// The client waits for `100 Continue` before it sends its body.
    pub(crate) awaits_continue: bool,
}

impl Sending {
    /// A request whose head is built in `out`.
    pub(crate) fn new(out: Out, framing: Framing, limit: u64, awaits_continue: bool) -> Self {
        let done = framing == Framing::None;
        Self {
            out,
            framing,
            received: 0,
            owed: Owed::default(),
            limit,
            without_trailers: false,
            done,
            replayable: true,
            broken: false,
            awaits_continue,
        }
    }

    /// Puts what is at hand of the body behind what is to be sent, a small buffer of it at most.
    ///
    /// # Errors
    /// The client's: its body broke off, is not one, or is over the limit (E25).
    pub(crate) fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut impl Client,
    ) -> Poll<Result<(), ProxyError>> {
        let chunked = self.framing == Framing::Chunked;
        let (out, received, mut left) = (&mut self.out.bytes, &mut self.received, SMALL);
        let mut take = |piece: &[u8]| {
            let piece = &piece[..piece.len().min(left)];
            left -= piece.len();
            *received += piece.len() as u64;
            if !chunked {
                out.extend_from_slice(piece);
            } else if !piece.is_empty() {
                chunk_size(out, piece.len());
                out.extend_from_slice(piece);
                out.extend_from_slice(b"\r\n");
            }
            piece.len()
        };
        let ended = ready!(client.poll_upload(cx, &mut take))?;
        if self.received > self.limit {
            return Poll::Ready(Err(ProxyError::BodyTooLarge));
        }
        if ended {
            self.done = true;
            if chunked {
                let trailers = if self.without_trailers { b"" } else { client.trailers() };
                last_chunk(&mut self.out.bytes, trailers);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Hands what is at hand of the body to the app without a copy. Whether the app takes more.
    ///
    /// # Errors
    /// As [`Sending::poll_upload`].
    fn poll_hand_over(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
        client: &mut impl Client,
    ) -> Poll<Result<bool, ProxyError>> {
        let (waker, mut takes) = (cx.waker(), true);
        let (received, broken) = (&mut self.received, &mut self.broken);
        let mut take = |piece: &[u8]| {
            if piece.is_empty() || !takes {
                return 0;
            }
            let taken = match upstream.poll_write(&mut Context::from_waker(waker), piece) {
                Poll::Ready(Ok(taken)) if taken > 0 => taken,
                Poll::Ready(_) => {
                    *broken = true;
                    0
                }
                Poll::Pending => 0,
            };
            takes = taken > 0;
            *received += taken as u64;
            taken
        };
        self.done = ready!(client.poll_upload(cx, &mut take))?;
        Poll::Ready(Ok(takes))
    }

    /// Sends what is there to be sent. An app that stops reading is no error: its answer may be on the way (N14).
    ///
    /// # Errors
    /// As [`Sending::poll_upload`].
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        upstream: &mut Upstream,
        client: &mut impl Client,
    ) -> Result<(), ProxyError> {
        while !self.broken {
            if !self.out.is_empty() {
                match upstream.poll_write(cx, self.out.rest()) {
                    Poll::Ready(Ok(0)) => self.broken = true,
                    Poll::Ready(Ok(n)) => self.out.wrote(n),
                    Poll::Ready(Err(_)) => self.broken = true,
                    Poll::Pending => return Ok(()),
                }
                continue;
            }
            if self.done || self.awaits_continue {
                return Ok(());
            }
            self.replayable = false;
            self.out.clear();
            let polled = match self.framing {
                Framing::Length(length) if length > self.limit => return Err(ProxyError::BodyTooLarge),
                Framing::Length(_) => self.poll_hand_over(cx, upstream, client),
                _ => self.poll_upload(cx, client).map_ok(|()| true),
            };
            match polled {
                Poll::Ready(taken) => {
                    self.owed.ends(self.received);
                    if !taken? {
                        return Ok(());
                    }
                }
                Poll::Pending if self.out.is_empty() => {
                    self.owed.begins(self.received);
                    return Ok(());
                }
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    /// How many bytes of the body are still to come, at most.
    pub(crate) fn left(&self) -> u64 {
        let all = match self.framing {
            Framing::None => 0,
            Framing::Length(length) => length,
            Framing::Chunked | Framing::UntilClose => self.limit,
        };
        if self.done {
            0
        } else {
            all.saturating_sub(self.received)
        }
    }

    /// Whether the client is the one who has to move: all that it has sent has left, and its body has not ended.
    pub(crate) fn is_owed(&self) -> bool {
        self.owed.is_owed() && !self.broken
    }

    /// Looks at how fast the client sends what it owes; when to look again.
    ///
    /// # Errors
    /// It is given up.
    pub(crate) fn look(&mut self, rule: &Rule) -> Result<Duration, ProxyError> {
        match self.owed.look(self.received, 0, rule) {
            Verdict::Fine(next) => Ok(next),
            Verdict::Silent => Err(ProxyError::SlowBody),
            Verdict::Slow => Err(ProxyError::TrickledBody),
        }
    }
}
