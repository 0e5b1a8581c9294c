//! The client's side of an exchange, whatever its protocol: what forwarding asks of it.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::http1::head::ResponseHead;
use crate::proxy::message::error::ProxyError;
use crate::proxy::stock::deadline::Deadline;

/// While an app thinks, we look this often whether the client is still there.
pub(crate) const LOOK_AFTER_CLIENT: Duration = Duration::from_secs(1);

/// The client's side, as far as forwarding needs it. It knows nothing of how a body is framed for the app.
pub(crate) trait Client {
    /// Hands what is at hand of the request's body to `take`, piece by piece. `Ready(true)` when the body has ended.
    ///
    /// # Errors
    /// The body broke off, or breaks its framing.
    fn poll_upload(&mut self, cx: &mut Context<'_>, take: &mut impl FnMut(&[u8])) -> Poll<Result<bool, ProxyError>>;

    /// Trailers that may be forwarded, as field lines, once the body has ended (E6).
    fn trailers(&self) -> &[u8];

    /// Passes an interim response on, where the protocol can (N19).
    fn interim(&mut self, interim: Interim<'_>);

    /// Writes interim responses that wait.
    fn poll_flush_interim(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>>;

    /// Whether the client is known to have gone.
    fn is_gone(&mut self) -> bool;

    /// The request begins to wait in the queue.
    fn begin_to_watch(&mut self, deadline: &mut Deadline);

    /// What it has been seen to do while its request waits in the queue; the task is woken when there is something to see. Reads
    /// nothing of the request's body.
    fn watch(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Option<Absence>;
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
