//! The client's side of an exchange, whatever its protocol: what forwarding asks of it.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::http1::head::ResponseHead;
use crate::proxy::message::error::ProxyError;
use crate::proxy::stock::buffers::RECORDS;
use crate::proxy::stock::deadline::Deadline;

/// The client's side, as far as forwarding needs it. It knows nothing of how a body is framed for the app.
pub(crate) trait Client {
    /// Hands what is at hand of the request's body to `take`, piece by piece, which says how many bytes of a piece it takes: where that
    /// is not all, the rest comes with the next call. `Ready(true)` when the body has ended.
    ///
    /// # Errors
    /// The body broke off, or breaks its framing.
    fn poll_upload(
        &mut self,
        cx: &mut Context<'_>,
        take: &mut impl FnMut(&[u8]) -> usize,
    ) -> Poll<Result<bool, ProxyError>>;

    /// Trailers that may be forwarded, as field lines, once the body has ended (E6).
    fn trailers(&self) -> &[u8];

    /// Passes an interim response on, where the protocol can (N19).
    fn interim(&mut self, interim: Interim<'_>);

    /// Writes interim responses that wait.
    fn poll_flush_interim(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>>;

    /// Bytes of memory that the request needs on the client's side while nobody takes its body, of which `left` bytes are still to come
    /// at most. Over HTTP/1 that is what a buffer may have of it.
    fn keeps(&self, left: u64) -> u64 {
        left.min(RECORDS as u64)
    }

    /// Whether the client is known to have gone.
    fn is_gone(&mut self) -> bool;

    /// Bytes of our answers that its system has taken since this was asked last, as far as that is known: for a client that keeps
    /// us waiting. The first answer says nothing.
    fn taken(&mut self) -> u64;

    /// Whether it may be absent while its request waits in the queue; the task is woken when there is something to see. What
    /// has to be looked for is looked for at the deadline, which is moved on by `every`. Reads nothing of the request's body.
    fn watch(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline, every: Duration) -> Option<Absence>;
}

/// An interim response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interim<'h> {
    /// `100 Continue`, of the app or of our own.
    Continue,
    /// Another one of the app, and the bytes that it was parsed from.
    Head(&'h ResponseHead, &'h [u8]),
}

/// Why a client that waits may not be there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// It has broken off.
    Certain,
    /// It has ended its direction: it may be gone, or only have said everything (N17).
    Possible,
}
