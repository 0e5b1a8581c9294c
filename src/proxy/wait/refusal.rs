//! What a client is told whose request the queue has turned away.

use crate::model::hold::Refusal;
use crate::proxy::message::error::ProxyError;

impl From<Refusal> for ProxyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Over => Self::HoldOver,
            Refusal::Full => Self::HoldFull,
            Refusal::PauseOver => Self::PauseOver,
            Refusal::DidNotWake => Self::DidNotWake(None),
            Refusal::Stopping => Self::Stopping,
        }
    }
}
