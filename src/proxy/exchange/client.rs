//! The client's side of an exchange, whatever its protocol: what forwarding asks of it.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::proxy::message::error::ProxyError;
use crate::proxy::stock::deadline::Deadline;

/// While an app thinks, we look this often whether the client is still there.
pub(crate) const LOOK_AFTER_CLIENT: Duration = Duration::from_secs(1);

/// The client's side, as far as forwarding needs it.
pub(crate) trait Client {
    /// Appends more of the request's body, framed for HTTP/1.1: as it is, or chunked. `Ready(true)` when the body has ended.
    fn poll_upload(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>, chunked: bool)
    -> Poll<Result<bool, ProxyError>>;

    /// Passes an interim response on, where the protocol can (N19). `head` is whole.
    fn interim(&mut self, status: u16, head: &[u8]);

    /// Writes interim responses that wait.
    fn poll_flush_interim(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ProxyError>>;

    /// Whether the client is known to have gone.
    fn is_gone(&mut self) -> bool;

    /// The request begins to wait in the queue.
    fn begin_to_watch(&mut self, deadline: &mut Deadline);

    /// What it has been seen to do while its request waits in the queue; the task is woken when there is something to see. Reads
    /// nothing of the request's body.
    fn watch(&mut self, cx: &mut Context<'_>, deadline: &mut Deadline) -> Option<Left>;

    /// Bytes of the body so far.
    fn uploaded(&self) -> u64;
}

/// What a client that waits has been seen to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has broken off.
    Surely,
    /// It has ended its direction: it may be gone, or only have said everything (N17).
    Perhaps,
}
