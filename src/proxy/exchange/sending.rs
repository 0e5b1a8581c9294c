//! The request's side of an exchange: what is sent to the app, and where more of it comes from.

use std::task::{Context, Poll};

use super::client::Client;
use crate::http1::framing::Framing;
use crate::proxy::message::error::ProxyError;
use crate::proxy::stock::buffers::Out;
use crate::proxy::upstream::connection::Upstream;

/// The request's side of an exchange.
pub(crate) struct Sending {
    /// The head, and body that was read and not yet sent. Kept whole until a response comes, as long as it is the whole request.
    pub(crate) out: Out,
    pub(crate) framing: Framing,
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
    pub(crate) fn new(out: Out, framing: Framing, awaits_continue: bool) -> Self {
        let done = framing == Framing::None;
        Self {
            out,
            framing,
            done,
            replayable: true,
            broken: false,
            awaits_continue,
        }
    }

    /// Sends what is there to be sent. An app that stops reading is no error: its answer may be on the way (N14).
    ///
    /// # Errors
    /// The client's: its body broke off, or is not one.
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
            let chunked = self.framing == Framing::Chunked;
            match client.poll_upload(cx, &mut self.out.bytes, chunked) {
                Poll::Ready(ended) => self.done = ended?,
                Poll::Pending if self.out.is_empty() => return Ok(()),
                Poll::Pending => {}
            }
        }
        Ok(())
    }
}
