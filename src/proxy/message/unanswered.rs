//! Why an auth service has not said whether a request may pass: then the request does not.

use std::io;

use super::connection_error;

/// Why there is no answer of an auth service.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It could not be connected to.
    Unreachable(io::Error),
    /// It ended the connection, or an error came, inside its answer.
    BrokeOff(Option<io::Error>),
    /// What it sent cannot be used.
    Nonsense(&'static str),
    /// Its answer was not whole in time.
    TimedOut,
    /// As many questions are open as may.
    TooMany,
}

impl Unanswered {
    /// Why, in words that stay the same; for the access log.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Unreachable(error) | Self::BrokeOff(Some(error)) => connection_error::words(error),
            Self::BrokeOff(None) => "the auth service ended the connection inside its answer",
            Self::Nonsense(what) => what,
            Self::TimedOut => "the auth service did not answer within its `timeout`",
            Self::TooMany => "as many questions to the auth service are open as may",
        }
    }

    /// Whether this says that the service is not there at all.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Unreachable(error) if !connection_error::is_ours(error))
    }

    /// Whether it says nothing of the service: we have asked nobody.
    pub(crate) fn is_ours(&self) -> bool {
        match self {
            Self::TooMany => true,
            Self::Unreachable(error) => connection_error::is_ours(error),
            Self::BrokeOff(_) | Self::Nonsense(_) | Self::TimedOut => false,
        }
    }
}
