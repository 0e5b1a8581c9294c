//! What the head of an answer says of its body's length.

use super::exchange::Exchange;
use crate::http1::framing::Framing;
use crate::http1::head::{Method, Name};

/// What the head says of the body's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length<'r> {
    /// So many bytes follow.
    Known(u64),
    /// Bytes follow, and nobody knows yet how many.
    Open,
    /// No byte follows; this says how many a GET would have had, as the app has written it (RFC 9110 §8.6).
    OfGet(&'r [u8]),
    /// No byte follows, and nothing is said.
    Unsaid,
}

impl<'r> Length<'r> {
    /// What an app's response says.
    pub(super) fn of_app(exchange: &'r Exchange) -> Self {
        match exchange.body.framing {
            Framing::Length(length) => Self::Known(length),
            Framing::Chunked | Framing::UntilClose => Self::Open,
            Framing::None => {
                let inbox = exchange.body.inbox.as_ref();
                let said = inbox.and_then(|inbox| exchange.head.get(Name::ContentLength, inbox.filled()));
                let status = exchange.head.status;
                match said {
                    // RFC 9110 §8.6: a 204 has no length.
                    Some(said) if status != 204 => Self::OfGet(said),
                    Some(_) => Self::Unsaid,
                    None if matches!(status, 204 | 304) || exchange.method == Method::Head => Self::Unsaid,
                    None => Self::Known(0),
                }
            }
        }
    }

    /// How long the body is, or would be for GET, where that is known.
    pub(super) fn of_get(self) -> Option<u64> {
        match self {
            Self::Known(length) => Some(length),
            Self::OfGet(length) => str::from_utf8(length).ok()?.parse().ok(),
            Self::Open | Self::Unsaid => None,
        }
    }
}
