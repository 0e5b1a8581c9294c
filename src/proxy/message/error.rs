//! Everything that can end an exchange without the app's own answer: which status it becomes, how the log names it, and what a
//! reader can do. Mapped once, here, exhaustively. Whether a request may be sent again is for `exchange::attempt` to say.

use std::fmt;
use std::io;
use std::time::Duration;

use super::connection_error;
use super::folder_error;
use super::unanswered::Unanswered;
use crate::http1::chunked::BodyError;
use crate::http1::framing::FramingError;
use crate::http1::head::HeadError;
use crate::model::access::Refusal;
use crate::model::termination::Termination;

/// Why an exchange has no answer of the app.
#[derive(Debug)]
pub(crate) enum ProxyError {
    /// The request's head is not HTTP/1.1.
    Head(HeadError),
    /// Where the request's body ends is ambiguous (E1–E3).
    Framing(FramingError),
    /// The request's body breaks its framing.
    Body(BodyError),
    /// The request is well-formed, but not what a front door forwards.
    BadRequest(&'static str),
    /// HTTP without TLS, on the port that speaks TLS.
    PlainHttp,
    /// CONNECT and TRACE (E8).
    Method,
    /// An expectation other than `100-continue` (E9).
    Expectation,
    /// The head did not arrive in time (E22).
    SlowHead,
    /// The body stood still for `timeout.idle`.
    SlowBody,
    /// Less of the body came than 256 bytes a second (E23).
    TrickledBody,
    /// More than `limit.body`.
    BodyTooLarge,
    /// The client has asked more often than `limit.rate` lets; after this time it may ask again.
    OverRate(Duration),
    /// As many requests are in flight as `limit.concurrent` lets.
    OverConcurrent,
    /// Nobody here answers to this host (E18).
    UnknownHost,
    /// The host, but not this path.
    UnknownPath,
    /// The connection was made for another host (E19).
    Misdirected,
    /// The client's address is in none of the networks of `auth.allow`.
    NotAllowed,
    /// `auth.basic` asks for a user name and a password, and there are none, or none that can be anybody's.
    NoCredentials,
    /// They are nobody's.
    WrongCredentials,
    /// The client has sent too many wrong ones, and has to wait for so many seconds.
    TooManyWrong(u32),
    /// As many passwords wait to be checked as may.
    TooManyChecks,
    /// The file of users was never read.
    NoUsers,
    /// The auth service has not said whether the request may pass.
    Unanswered(Unanswered),
    /// The client went away or broke off.
    ClientGone,
    /// No instance could be connected to.
    Unreachable(io::Error),
    /// The app could not be reached for `hold.for` (N12).
    HoldOver,
    /// The app cannot be reached, or its environment is paused, and as many requests wait as may.
    HoldFull,
    /// The environment was paused, and its app did not come back in time (N13).
    PauseOver,
    /// The app sleeps, and a WebSocket that comes back does not wake it (N36).
    Asleep,
    /// It slept, and could not be started; after this time it is tried again.
    DidNotWake(Option<Duration>),
    /// The app ended the connection, or an error came, before a response head.
    AppBrokeOff(Option<io::Error>),
    /// What the app sent is not an HTTP/1.1 response.
    AppNonsense(&'static str),
    /// No response head within `timeout.response`.
    AppTimedOut,
    /// A folder answers GET and HEAD, and the request is neither.
    ReadOnly,
    /// The folder has nothing at this path.
    NoFile,
    /// The folder cannot be served.
    FolderAway(io::Error),
    /// As many requests wait for the folder's disk as may.
    FolderBusy,
    /// No token that is valid here, and the request is for a preview or for nobody (N33).
    NoPreview,
    /// The link of a preview came over plain HTTP, where no browser keeps the cookie.
    PreviewWithoutTls,
    /// The side that is previewed cannot be reached.
    PreviewAway(io::Error),
    /// The environment is paused, and a preview does not wait for the end of that.
    PreviewPaused,
    /// The old side's drain deadline came before the app's response head.
    DrainedAway,
    /// It waited, and the process stops.
    Stopping,
}

impl ProxyError {
    /// An app that decodes or collapses the path would see one that other rules hold for (E20).
    pub(crate) const AMBIGUOUS_PATH: Self = Self::BadRequest("the path could be read in two ways");
    /// It would be passed on and written down with the URL.
    pub(crate) const TOKEN_IN_URL: Self = Self::BadRequest("the token of a preview stands in the URL");

    /// Whether it speaks to somebody who is shown a preview, and not to a visitor.
    pub(crate) fn is_of_preview(&self) -> bool {
        matches!(
            self,
            Self::NoPreview | Self::PreviewWithoutTls | Self::PreviewAway(_) | Self::PreviewPaused
        )
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Head(HeadError::Malformed(_))
            | Self::Framing(FramingError::Both | FramingError::Length | FramingError::NotChunked)
            | Self::Body(_)
            | Self::BadRequest(_)
            | Self::PlainHttp
            | Self::ClientGone => 400,
            Self::NoCredentials | Self::WrongCredentials => 401,
            Self::NotAllowed | Self::NoPreview | Self::PreviewWithoutTls => 403,
            Self::UnknownHost | Self::UnknownPath | Self::NoFile => 404,
            Self::Method | Self::ReadOnly => 405,
            Self::SlowHead | Self::SlowBody | Self::TrickledBody => 408,
            Self::BodyTooLarge => 413,
            Self::Expectation => 417,
            Self::Misdirected => 421,
            Self::OverRate(_) | Self::TooManyWrong(_) => 429,
            Self::Head(HeadError::TooLarge) => 431,
            Self::Framing(FramingError::Coding) => 501,
            Self::AppBrokeOff(_) | Self::AppNonsense(_) => 502,
            Self::OverConcurrent
            | Self::Unreachable(_)
            | Self::FolderAway(_)
            | Self::FolderBusy
            | Self::HoldOver
            | Self::HoldFull
            | Self::PauseOver
            | Self::Asleep
            | Self::DidNotWake(_)
            | Self::PreviewAway(_)
            | Self::PreviewPaused
            | Self::DrainedAway
            | Self::TooManyChecks
            | Self::NoUsers
            | Self::Unanswered(_)
            | Self::Stopping => 503,
            Self::AppTimedOut => 504,
            Self::Head(HeadError::Version) => 505,
        }
    }

    /// How the access log names the end of the exchange.
    pub(crate) fn termination(&self) -> Termination {
        match self {
            Self::Head(_) => Termination::MalformedHead,
            Self::Framing(_) => Termination::AmbiguousFraming,
            Self::Body(_) => Termination::MalformedBody,
            Self::BadRequest(_) | Self::PlainHttp => Termination::BadRequest,
            Self::Method | Self::ReadOnly => Termination::MethodNotAllowed,
            Self::Expectation => Termination::UnknownExpectation,
            Self::SlowHead => Termination::SlowHead,
            Self::SlowBody | Self::TrickledBody => Termination::SlowBody,
            Self::BodyTooLarge => Termination::BodyOverLimit,
            Self::OverRate(_) => Termination::OverRate,
            Self::OverConcurrent => Termination::OverConcurrent,
            Self::UnknownHost => Termination::UnknownHost,
            Self::UnknownPath | Self::NoFile => Termination::UnknownPath,
            Self::Misdirected => Termination::Misdirected,
            Self::NotAllowed => Termination::NotAllowed,
            Self::NoCredentials | Self::WrongCredentials => Termination::NotAuthenticated,
            Self::TooManyWrong(_) => Termination::TooManyWrong,
            Self::TooManyChecks => Termination::TooManyChecks,
            Self::NoUsers => Termination::NoUsers,
            Self::Unanswered(Unanswered::TooMany) => Termination::TooManyQuestions,
            Self::Unanswered(why) if why.is_ours() => Termination::Exhausted,
            Self::Unanswered(_) => Termination::Unanswered,
            Self::ClientGone => Termination::ClientGone,
            Self::Unreachable(error) | Self::FolderAway(error) | Self::PreviewAway(error)
                if connection_error::is_ours(error) =>
            {
                Termination::Exhausted
            }
            Self::FolderBusy => Termination::FolderBusy,
            Self::Unreachable(_) | Self::FolderAway(_) | Self::PreviewAway(_) => Termination::Unreachable,
            Self::NoPreview | Self::PreviewWithoutTls => Termination::NoPreview,
            Self::PreviewPaused => Termination::PreviewPaused,
            Self::HoldOver => Termination::HoldOver,
            Self::HoldFull => Termination::HoldFull,
            Self::PauseOver => Termination::PauseOver,
            Self::Asleep => Termination::Asleep,
            Self::DidNotWake(_) => Termination::DidNotWake,
            Self::AppBrokeOff(_) => Termination::BrokeOffBeforeResponse,
            Self::AppNonsense(_) => Termination::NoValidResponse,
            Self::AppTimedOut => Termination::TimedOut,
            Self::DrainedAway => Termination::DrainDeadline,
            Self::Stopping => Termination::Stopped,
        }
    }

    /// Why, in words that stay the same; for the access log.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Head(error) => error.words(),
            Self::Framing(error) => error.words(),
            Self::Body(error) => error.words(),
            Self::BadRequest(what) | Self::AppNonsense(what) => what,
            Self::PlainHttp => "plain HTTP on the TLS port",
            Self::Method => "CONNECT and TRACE are not accepted",
            Self::Expectation => "an expectation other than 100-continue",
            Self::SlowHead => "the head did not arrive in time",
            Self::SlowBody => "no byte of the body within `timeout.idle`",
            Self::TrickledBody => "less of the body than 256 bytes a second",
            Self::BodyTooLarge => "the body is over `limit.body`",
            Self::OverRate(_) => "more requests than `limit.rate` lets",
            Self::OverConcurrent => "as many requests are in flight as `limit.concurrent` lets",
            Self::UnknownHost => "no service has this host",
            Self::UnknownPath => "no service of this host has this path",
            Self::Misdirected => "the connection was made for another host",
            Self::NotAllowed => "the client's address is not in `auth.allow`",
            Self::NoCredentials => "no user name and password",
            Self::WrongCredentials => "a wrong user name or password",
            Self::TooManyWrong(_) => "too many wrong passwords before this one",
            Self::TooManyChecks => "too many passwords wait to be checked",
            Self::NoUsers => "the file of `auth.basic` was never read",
            Self::Unanswered(why) => why.reason(),
            Self::ClientGone => "the client went away",
            Self::Unreachable(error) | Self::AppBrokeOff(Some(error)) => connection_error::words(error),
            Self::HoldOver => "the app was away for `hold.for`",
            Self::HoldFull => "as many requests wait as `hold.max_requests` and `hold.max_bytes` let",
            Self::PauseOver => "the pause ended without the app",
            Self::Asleep => "the app sleeps, and a WebSocket that comes back does not wake it",
            Self::DidNotWake(_) => "the app slept, and could not be started",
            Self::AppBrokeOff(None) => "the connection ended before a whole head",
            Self::AppTimedOut => "no response within `timeout.response`",
            Self::ReadOnly => "a folder answers GET and HEAD alone",
            Self::NoFile => "the folder has nothing at this path",
            Self::FolderAway(error) => folder_error::words(error),
            Self::FolderBusy => "as many requests wait for the folder as may",
            Self::NoPreview => "no open preview has this token",
            Self::PreviewWithoutTls => "a preview's link over plain HTTP",
            Self::PreviewAway(_) => "the side that is previewed cannot be reached",
            Self::PreviewPaused => "the environment is paused, and so are its previews",
            Self::DrainedAway => "the drain's time was over",
            Self::Stopping => "the proxy stops",
        }
    }

    /// What a reader can do about it; for error pages.
    pub(crate) fn advice(&self) -> &'static str {
        match self {
            Self::Head(_) | Self::Framing(_) | Self::Body(_) | Self::BadRequest(_) | Self::ClientGone => {
                "The request could not be understood, so it was not passed on."
            }
            Self::PlainHttp => {
                "This port speaks HTTPS, and the request came as plain HTTP. Please use an address that begins with https://."
            }
            Self::Method | Self::ReadOnly => "This method is not accepted here.",
            Self::Expectation => "The only expectation that is understood is 100-continue.",
            Self::SlowHead | Self::SlowBody | Self::TrickledBody => {
                "The request took too long to arrive. Please try again."
            }
            Self::BodyTooLarge => "The upload is larger than this site accepts.",
            Self::OverRate(_) => "These were too many requests. Please wait a moment before the next one.",
            Self::OverConcurrent => "The site is busy just now. Please try again in a moment.",
            Self::UnknownHost => "No site with this name is served here.",
            Self::UnknownPath | Self::NoFile => "This site has nothing at this address.",
            Self::Misdirected => "This connection belongs to another site. Please try again.",
            Self::NotAllowed => "This site is not for everybody, and does not know your address.",
            Self::NoCredentials | Self::WrongCredentials => {
                "This site is not for everybody: a user name and a password are needed."
            }
            Self::TooManyWrong(_) => "There were too many wrong passwords. Please try again in a moment.",
            Self::Unreachable(_)
            | Self::FolderAway(_)
            | Self::FolderBusy
            | Self::HoldOver
            | Self::HoldFull
            | Self::PauseOver
            | Self::DrainedAway
            | Self::TooManyChecks
            | Self::NoUsers
            | Self::Unanswered(_)
            | Self::Stopping => "The site cannot be reached just now. Please try again in a moment.",
            Self::Asleep => "The site sleeps. To open a page of it starts it.",
            Self::DidNotWake(_) => "The site was asleep, and could not be started. Please try again in a moment.",
            Self::NoPreview => {
                "There is no such preview: it has ended, with a switch or with its time, or it is another site's."
            }
            Self::PreviewWithoutTls => {
                "The link of a preview works over https alone. Scripts send its last part as X-Greengate-Preview."
            }
            Self::PreviewAway(_) => {
                "The version that is previewed cannot be reached. The site itself is served as ever, without this preview."
            }
            Self::PreviewPaused => {
                "The site is paused for a moment, and its preview with it. Please try again in a moment."
            }
            Self::AppBrokeOff(_) | Self::AppNonsense(_) => "The site did not give a valid answer. Please try again.",
            Self::AppTimedOut => "The site took too long to answer. Please try again.",
        }
    }

    /// The methods that are accepted in its place.
    pub(crate) fn allowed(&self) -> Option<&'static str> {
        match self {
            Self::Method => Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            Self::ReadOnly => Some("GET, HEAD"),
            _ => None,
        }
    }

    /// Seconds after which it is worth to try again.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        match self {
            Self::TooManyWrong(seconds) => Some(*seconds),
            Self::OverRate(wait) | Self::DidNotWake(Some(wait)) => {
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                u32::try_from(seconds).ok()
            }
            // Whatever is away or too busy now is likely to be back by then (RFC 9110 §15.6.4).
            _ => (self.status() == 503).then_some(2),
        }
    }
}

impl From<Unanswered> for ProxyError {
    fn from(why: Unanswered) -> Self {
        Self::Unanswered(why)
    }
}

impl From<Refusal> for ProxyError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAllowed => Self::NotAllowed,
            Refusal::AmbiguousPath => Self::AMBIGUOUS_PATH,
            Refusal::NoCredentials => Self::NoCredentials,
            Refusal::WrongCredentials => Self::WrongCredentials,
            Refusal::TooManyWrong(wait) => {
                // Rounded up: who comes back then is not refused again.
                let seconds = wait.as_millis().div_ceil(1000).max(1);
                Self::TooManyWrong(u32::try_from(seconds).unwrap_or(u32::MAX))
            }
            Refusal::TooManyChecks => Self::TooManyChecks,
            Refusal::NoUsers => Self::NoUsers,
        }
    }
}

impl fmt::Display for ProxyError {
    /// The reason, and the system's own words behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())?;
        match self {
            Self::Unreachable(error)
            | Self::FolderAway(error)
            | Self::PreviewAway(error)
            | Self::AppBrokeOff(Some(error))
            | Self::Unanswered(Unanswered::Unreachable(error) | Unanswered::BrokeOff(Some(error))) => {
                write!(f, " ({error})")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for ProxyError {}
