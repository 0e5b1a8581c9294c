//! The end of an exchange, as the access log says it: who ended it and how, and the reason in words that stay the same (F6).

use super::error::ProxyError;
use crate::model::termination::Termination;

/// How an exchange has ended, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) termination: Termination,
    /// Empty only when it is done.
    pub(crate) reason: &'static str,
}

impl End {
    /// As it was meant to.
    pub(crate) const DONE: Self = Self::new(Termination::Done, "");
    /// The client went away before the answer had left.
    pub(crate) const CLIENT_GONE: Self = Self::new(Termination::ClientGone, "the client went away");
    /// Its HTTP/2 connection was ended with all its streams.
    pub(crate) const CONNECTION_ERROR: Self =
        Self::new(Termination::ConnectionError, "the client broke the rules of HTTP/2");
    /// The same, because the client did not come to the end of a head.
    pub(crate) const SLOW_HEAD: Self =
        Self::new(Termination::SlowHead, "a head on its connection did not arrive in time");
    /// The client did not read its answer.
    pub(crate) const STOPPED_READING: Self = Self::new(
        Termination::StoppedReading,
        "the client read nothing of the answer in time",
    );
    /// The client read its answer, and too slowly.
    pub(crate) const SLOW_READING: Self = Self::new(
        Termination::SlowReading,
        "the client read less of the answer than 256 bytes a second",
    );
    /// No byte passed through a tunnel.
    pub(crate) const SILENT_TUNNEL: Self = Self::new(Termination::SilentTunnel, "no byte for `timeout.stream`");
    /// The app ended the connection inside the body of its response.
    pub(crate) const CUT_BODY: Self = Self::new(Termination::AppCutBody, "the connection ended before the body");
    /// The app sent no more of its response's body.
    pub(crate) const STOPPED_SENDING: Self = Self::new(
        Termination::StoppedSending,
        "no byte of the body within `timeout.idle` or `timeout.stream`",
    );
    /// The app broke off a tunnel.
    pub(crate) const TUNNEL_BROKEN_OFF: Self = Self::new(Termination::TunnelBrokenOff, "connection reset");
    /// The time of the side that served it was over.
    pub(crate) const DRAINED: Self = Self::new(Termination::DrainDeadline, "the drain's time was over");
    /// The process stops.
    pub(crate) const STOPPED: Self = Self::new(Termination::Stopped, "the proxy stops");

    /// The auth service has not let it pass.
    pub(crate) const NOT_LET_IN: Self = Self::new(
        Termination::NotLetIn,
        "the auth service has answered otherwise than with 2xx",
    );
    /// The auth service says itself that it does not work.
    pub(crate) const AUTH_FAILED: Self = Self::new(Termination::AuthFailed, "the auth service has answered with 5xx");

    /// An encoder failed, which none does that writes into memory.
    pub(crate) const NOT_ENCODED: Self = Self::new(Termination::Stopped, "the answer could not be encoded");

    pub(crate) const fn new(termination: Termination, reason: &'static str) -> Self {
        Self { termination, reason }
    }

    /// The end of an exchange whose upload has failed while the answer was on its way.
    pub(crate) fn of_upload(error: &ProxyError) -> Self {
        let termination = match error.termination() {
            Termination::ClientGone | Termination::BadRequest => Termination::UploadBrokenOff,
            other => other,
        };
        Self::new(termination, error.reason())
    }
}

impl From<&ProxyError> for End {
    fn from(error: &ProxyError) -> Self {
        Self::new(error.termination(), error.reason())
    }
}
