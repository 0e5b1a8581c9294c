//! Why the queue of a service turns a request away.

use crate::proxy::message::error::ProxyError;

/// Why a request does not wait any longer, or not at all. All are 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The app was away for `hold.for`.
    Over,
    /// The queue is full.
    Full,
    /// The pause ended without a healthy app.
    PauseOver,
    /// The proxy stops.
    Stopping,
}

impl From<Refusal> for ProxyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Over => Self::HoldOver,
            Refusal::Full => Self::HoldFull,
            Refusal::PauseOver => Self::PauseOver,
            Refusal::Stopping => Self::DrainedAway,
        }
    }
}
