//! The ways in which an exchange can end, and whose fault each is: the client's, the app's or the proxy's own.

/// Who failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The client.
    Client,
    /// The app.
    App,
    /// The proxy itself.
    Proxy,
}

impl Who {
    /// The word of logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::App => "app",
            Self::Proxy => "proxy",
        }
    }
}

/// Makes the enum and its words out of one list.
macro_rules! terminations {
    ($($who:ident { $($(#[$doc:meta])* $name:ident $words:literal,)* })*) => {
        /// How an exchange has ended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Termination {
            /// As it was meant to.
            Done,
            $($($(#[$doc])* $name,)*)*
        }

        impl Termination {
            /// All of them, each at the place that it has as a number.
            pub const ALL: &[Self] = &[Self::Done, $($(Self::$name,)*)*];

            /// Who ended it; nobody, when it is done.
            #[must_use]
            pub fn who(self) -> Option<Who> {
                match self {
                    Self::Done => None,
                    $($(Self::$name)|* => Some(Who::$who),)*
                }
            }

            /// What the access log says: who, and the reason.
            #[must_use]
            pub fn words(self) -> &'static str {
                match self {
                    Self::Done => "done",
                    $($(Self::$name => $words,)*)*
                }
            }
        }
    };
}

terminations! {
    Client {
        /// The request's head is not HTTP/1.1.
        MalformedHead "client: malformed head",
        /// Where the request's body ends is ambiguous (E1–E3).
        AmbiguousFraming "client: ambiguous framing",
        /// The request's body breaks its framing.
        MalformedBody "client: malformed body",
        /// The request is well-formed, but not what a front door forwards.
        BadRequest "client: bad request",
        /// CONNECT or TRACE (E8).
        MethodNotAllowed "client: method not allowed",
        /// An expectation other than `100-continue` (E9).
        UnknownExpectation "client: unknown expectation",
        /// The head did not arrive in time (E22).
        SlowHead "client: slow head",
        /// The body stood still for `timeout.idle`.
        SlowBody "client: slow body",
        /// More than `limit.body`.
        BodyOverLimit "client: body over the limit",
        /// The client asked more often than `limit.rate` lets.
        OverRate "client: over the rate",
        /// Clients have as many requests in flight as `limit.concurrent` lets.
        OverConcurrent "client: too many requests in flight",
        /// Nobody here answers to the host (E18).
        UnknownHost "client: unknown host",
        /// The host is known, and the path is not.
        UnknownPath "client: unknown path",
        /// The connection was made for another host (E19).
        Misdirected "client: misdirected",
        /// It shows no token of an open preview, and is for nothing else (N33).
        NoPreview "client: no such preview",
        /// Its address is not one that may (`auth.allow`).
        NotAllowed "client: not allowed",
        /// It has no password, or a wrong one (`auth.basic`).
        NotAuthenticated "client: not authenticated",
        /// The auth service does not let it pass (`auth.forward`).
        NotLetIn "client: not let in by the auth service",
        /// It has sent too many wrong passwords.
        TooManyWrong "client: too many wrong passwords",
        /// The client went away before the answer had left.
        ClientGone "client: gone",
        /// Another stream of the client's HTTP/2 connection ended all of them (RFC 9113 §5.4.1).
        ConnectionError "client: HTTP/2 connection error",
        /// The client broke off its body while the answer was on its way.
        UploadBrokenOff "client: broke off the body",
        /// The client did not read its answer for `timeout.idle`.
        StoppedReading "client: stopped reading",
        /// The client read less of its answer than 256 bytes a second (E23).
        SlowReading "client: slow reading",
        /// No byte passed through a tunnel for `timeout.stream`.
        SilentTunnel "client: silent tunnel",
        /// A WebSocket came back to an app that sleeps, and does not wake it (N36).
        Asleep "client: came back to a sleeping app",
    }
    App {
        /// No instance could be connected to.
        Unreachable "app: unreachable",
        /// The app could not be reached for `hold.for` (N12).
        HoldOver "app: unreachable for longer than hold.for",
        /// The app slept, and could not be started (N36).
        DidNotWake "app: did not wake",
        /// The app ended the connection before a response head.
        BrokeOffBeforeResponse "app: broke off before a response",
        /// What the app sent is not an HTTP/1.1 response.
        NoValidResponse "app: no valid response",
        /// No response head within `timeout.response`.
        TimedOut "app: timed out",
        /// As many requests wait for a folder's disk as may.
        FolderBusy "app: folder too slow",
        /// The response's body breaks its framing.
        AppMalformedBody "app: malformed body",
        /// The app ended the connection inside its response's body (N18).
        AppCutBody "app: cut the body",
        /// The app sent nothing of its response's body for `timeout.idle`.
        StoppedSending "app: stopped sending",
        /// The app ended a tunnel with an error.
        TunnelBrokenOff "app: broke off the tunnel",
    }
    Proxy {
        /// As many passwords wait to be checked as may.
        TooManyChecks "proxy: too many passwords to check",
        /// As many questions to the auth service are open as may.
        TooManyQuestions "proxy: too many questions to the auth service",
        /// The auth service has not answered.
        Unanswered "proxy: no answer of the auth service",
        /// The auth service has answered that it failed.
        AuthFailed "proxy: the auth service failed",
        /// The file of users was never read.
        NoUsers "proxy: no file of users",
        /// As many requests wait as may.
        HoldFull "proxy: hold is full",
        /// A pause has ended, and the app did not come back in time (N13).
        PauseOver "proxy: pause is over",
        /// The environment of a preview is paused.
        PreviewPaused "proxy: preview is paused",
        /// The side that served it was drained for as long as it may take (N20).
        DrainDeadline "proxy: drain deadline",
        /// The process stopped before the end.
        Stopped "proxy: stopped",
        /// This machine had nothing left to connect to the app with (N30).
        Exhausted "proxy: out of descriptors or ports",
    }
}

impl Termination {
    /// The words without the one who ended it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        let words = self.words();
        words.split_once(": ").map_or(words, |(_, reason)| reason)
    }

    /// Whether requests failed because no instance was there to be asked.
    #[must_use]
    pub fn is_absence(self) -> bool {
        matches!(self, Self::Unreachable | Self::HoldOver | Self::DidNotWake)
    }

    /// Whether a limit turned the request away, so that nobody has served it.
    #[must_use]
    pub fn is_over_a_limit(self) -> bool {
        matches!(self, Self::OverRate | Self::OverConcurrent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_begin_with_the_one_who_ended_it() {
        for termination in Termination::ALL {
            let words = match termination.who() {
                Some(who) => format!("{}: {}", who.as_str(), termination.reason()),
                None => "done".to_owned(),
            };
            assert_eq!(termination.words(), words, "{termination:?}");
        }
    }

    #[test]
    fn each_has_its_number_and_no_reason_stands_twice_for_one() {
        for (number, termination) in Termination::ALL.iter().enumerate() {
            assert_eq!(*termination as usize, number);
            let same = Termination::ALL
                .iter()
                .filter(|other| other.words() == termination.words());
            assert_eq!(same.count(), 1, "{termination:?}");
        }
    }
}
