//! The ways in which an exchange can end, and whose fault each is: the client's, the app's or the proxy's own.

/// Who failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Client,
    Proxy,
    App,
}

/// How an exchange has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Termination {
    /// As it was meant to.
    Done,
    /// The request's head is not HTTP/1.1.
    MalformedHead,
    /// Where the request's body ends is ambiguous (E1–E3).
    AmbiguousFraming,
    /// The request's body breaks its framing.
    MalformedBody,
    /// The request is well-formed, but not what a front door forwards.
    BadRequest,
    /// CONNECT or TRACE (E8).
    MethodNotAllowed,
    /// An expectation other than `100-continue` (E9).
    UnknownExpectation,
    /// The head did not arrive in time (E22).
    SlowHead,
    /// The body stood still for `timeout.idle`.
    SlowBody,
    /// More than `limit.body`.
    BodyOverLimit,
    /// The client asked more often than `limit.rate` lets.
    OverRate,
    /// Clients have as many requests in flight as `limit.concurrent` lets.
    OverConcurrent,
    /// Nobody here answers to the host (E18).
    UnknownHost,
    /// The host is known, and the path is not.
    UnknownPath,
    /// The connection was made for another host (E19).
    Misdirected,
    /// It shows no token of an open preview, and is for nothing else (N33).
    NoPreview,
    /// Its address is not one that may (`auth.allow`).
    NotAllowed,
    /// It has no password, or a wrong one (`auth.basic`).
    NotAuthenticated,
    /// The auth service does not let it pass (`auth.forward`).
    NotLetIn,
    /// It has sent too many wrong passwords.
    TooManyWrong,
    /// The client went away before the answer had left.
    ClientGone,
    /// Another stream of the client's HTTP/2 connection ended all of them (RFC 9113 §5.4.1).
    ConnectionError,
    /// The client broke off its body while the answer was on its way.
    UploadBrokenOff,
    /// The client did not read its answer for `timeout.idle`.
    StoppedReading,
    /// The client read less of its answer than 256 bytes a second (E23).
    SlowReading,
    /// No byte passed through a tunnel for `timeout.stream`.
    SilentTunnel,
    /// A WebSocket came back to an app that sleeps, and does not wake it (N36).
    Asleep,
    /// No instance could be connected to.
    Unreachable,
    /// The app could not be reached for `hold.for` (N12).
    HoldOver,
    /// The app slept, and could not be started (N36).
    DidNotWake,
    /// The app ended the connection before a response head.
    BrokeOffBeforeResponse,
    /// What the app sent is not an HTTP/1.1 response.
    NoValidResponse,
    /// No response head within `timeout.response`.
    TimedOut,
    /// As many requests wait for a folder's disk as may.
    FolderBusy,
    /// The response's body breaks its framing.
    AppMalformedBody,
    /// The app ended the connection inside its response's body (N18).
    AppCutBody,
    /// The app sent nothing of its response's body for `timeout.idle`.
    StoppedSending,
    /// The app ended a tunnel with an error.
    TunnelBrokenOff,
    /// As many passwords wait to be checked as may.
    TooManyChecks,
    /// As many questions to the auth service are open as may.
    TooManyQuestions,
    /// The auth service has not answered.
    Unanswered,
    /// The auth service has answered that it failed.
    AuthFailed,
    /// The file of users was never read.
    NoUsers,
    /// As many requests wait as may.
    HoldFull,
    /// A pause has ended, and the app did not come back in time (N13).
    PauseOver,
    /// The environment of a preview is paused.
    PreviewPaused,
    /// The side that served it was drained for as long as it may take (N20).
    DrainDeadline,
    /// The process stopped before the end.
    Stopped,
    /// This machine had nothing left to connect to the app with (N30).
    Exhausted,
}

impl Termination {
    /// Who ended it; nobody, when it is done.
    pub(crate) fn who(self) -> Option<Who> {
        match self {
            Self::Done => None,
            Self::MalformedHead
            | Self::AmbiguousFraming
            | Self::MalformedBody
            | Self::BadRequest
            | Self::MethodNotAllowed
            | Self::UnknownExpectation
            | Self::SlowHead
            | Self::SlowBody
            | Self::BodyOverLimit
            | Self::OverRate
            | Self::OverConcurrent
            | Self::UnknownHost
            | Self::UnknownPath
            | Self::Misdirected
            | Self::NoPreview
            | Self::NotAllowed
            | Self::NotAuthenticated
            | Self::NotLetIn
            | Self::TooManyWrong
            | Self::ClientGone
            | Self::ConnectionError
            | Self::UploadBrokenOff
            | Self::StoppedReading
            | Self::SlowReading
            | Self::SilentTunnel
            | Self::Asleep => Some(Who::Client),
            Self::Unreachable
            | Self::HoldOver
            | Self::DidNotWake
            | Self::BrokeOffBeforeResponse
            | Self::NoValidResponse
            | Self::TimedOut
            | Self::FolderBusy
            | Self::AppMalformedBody
            | Self::AppCutBody
            | Self::StoppedSending
            | Self::TunnelBrokenOff => Some(Who::App),
            Self::TooManyChecks
            | Self::TooManyQuestions
            | Self::Unanswered
            | Self::AuthFailed
            | Self::NoUsers
            | Self::HoldFull
            | Self::PauseOver
            | Self::PreviewPaused
            | Self::DrainDeadline
            | Self::Stopped
            | Self::Exhausted => Some(Who::Proxy),
        }
    }

    /// Whether requests failed because no instance was there to be asked.
    pub(crate) fn is_absence(self) -> bool {
        matches!(self, Self::Unreachable | Self::HoldOver | Self::DidNotWake)
    }

    /// Whether a limit turned the request away, so that nobody has served it.
    pub(crate) fn is_over_a_limit(self) -> bool {
        matches!(self, Self::OverRate | Self::OverConcurrent)
    }

    /// What the access log says.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::MalformedHead => "client: malformed head",
            Self::AmbiguousFraming => "client: ambiguous framing",
            Self::MalformedBody => "client: malformed body",
            Self::BadRequest => "client: bad request",
            Self::MethodNotAllowed => "client: method not allowed",
            Self::UnknownExpectation => "client: unknown expectation",
            Self::SlowHead => "client: slow head",
            Self::SlowBody => "client: slow body",
            Self::BodyOverLimit => "client: body over the limit",
            Self::OverRate => "client: over the rate",
            Self::OverConcurrent => "client: too many requests in flight",
            Self::UnknownHost => "client: unknown host",
            Self::UnknownPath => "client: unknown path",
            Self::Misdirected => "client: misdirected",
            Self::NoPreview => "client: no such preview",
            Self::NotAllowed => "client: not allowed",
            Self::NotAuthenticated => "client: not authenticated",
            Self::NotLetIn => "client: not let in by the auth service",
            Self::TooManyWrong => "client: too many wrong passwords",
            Self::ClientGone => "client: gone",
            Self::ConnectionError => "client: HTTP/2 connection error",
            Self::UploadBrokenOff => "client: broke off the body",
            Self::StoppedReading => "client: stopped reading",
            Self::SlowReading => "client: slow reading",
            Self::SilentTunnel => "client: silent tunnel",
            Self::Asleep => "client: came back to a sleeping app",
            Self::Unreachable => "app: unreachable",
            Self::HoldOver => "app: unreachable for longer than hold.for",
            Self::DidNotWake => "app: did not wake",
            Self::BrokeOffBeforeResponse => "app: broke off before a response",
            Self::NoValidResponse => "app: no valid response",
            Self::TimedOut => "app: timed out",
            Self::FolderBusy => "app: folder too slow",
            Self::AppMalformedBody => "app: malformed body",
            Self::AppCutBody => "app: cut the body",
            Self::StoppedSending => "app: stopped sending",
            Self::TunnelBrokenOff => "app: broke off the tunnel",
            Self::TooManyChecks => "proxy: too many passwords to check",
            Self::TooManyQuestions => "proxy: too many questions to the auth service",
            Self::Unanswered => "proxy: no answer of the auth service",
            Self::AuthFailed => "proxy: the auth service failed",
            Self::NoUsers => "proxy: no file of users",
            Self::HoldFull => "proxy: hold is full",
            Self::PauseOver => "proxy: pause is over",
            Self::PreviewPaused => "proxy: preview is paused",
            Self::DrainDeadline => "proxy: drain deadline",
            Self::Stopped => "proxy: stopped",
            Self::Exhausted => "proxy: out of descriptors or ports",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_begin_with_the_one_who_ended_it() {
        for (termination, who) in [
            (Termination::SilentTunnel, "client: "),
            (Termination::HoldOver, "app: "),
            (Termination::DrainDeadline, "proxy: "),
        ] {
            assert!(termination.words().starts_with(who), "{termination:?}");
        }
    }
}
