//! Why there is no certificate, for the person who has to do something about it: the CA's own words, and what they mean here.

use std::fmt;

use http::StatusCode;
use instant_acme::{Error, Problem};
use jiff::Timestamp;

use super::http::{AcmeHttp, Failure};
use crate::tls::clock::unix_now;

/// How long a CA's limit is obeyed when it does not say for how long.
const UNSAID: i64 = 60 * 60;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcmeError {
    /// What and why; a sentence without a final period.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Seconds that the CA asked us to wait.
    pub retry_after: Option<i64>,
    /// What another attempt would need.
    pub blame: Blame,
}

/// Who is at fault, which says what is tried next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The host could not be proved: another challenge may do.
    Validation,
    /// This CA cannot or will not: another CA may.
    Ca,
    /// The CA does not know our account (any more): a new one may do.
    Account,
    /// This machine: no CA can help.
    Here,
}

impl fmt::Display for AcmeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for AcmeError {}

impl AcmeError {
    /// Of this machine.
    pub fn here(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            retry_after: None,
            blame: Blame::Here,
        }
    }

    /// Of the CA.
    pub fn ca(message: impl Into<String>) -> Self {
        Self {
            blame: Blame::Ca,
            ..Self::here(message)
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What instant-acme says about `directory`, with what `http` has seen.
    pub(super) fn of(error: &Error, directory: &str, http: &AcmeHttp) -> Self {
        let retry_after = http.take_retry_after();
        let mut read = match error {
            Error::Api(problem) => Self::problem(problem),
            Error::Timeout(_) => Self::ca(format!("the CA at `{directory}` did not come to an end in time")),
            Error::Other(other) => match other.downcast_ref::<Failure>() {
                Some(failure) => Self::failure(failure, directory),
                None => Self::ca(format!("the CA at `{directory}` cannot be used: {other}")),
            },
            other => Self::ca(format!("the CA at `{directory}` answers what is no ACME: {other}")),
        };
        read.retry_after = read.retry_after.max(retry_after);
        read
    }

    /// No answer of the CA, or one that is not what was asked for.
    pub(super) fn failure(failure: &Failure, directory: &str) -> Self {
        let error = match failure.status {
            Some(_) => Self::ca(format!("the CA at `{directory}` answered with {failure}")),
            None => Self::ca(format!("the CA at `{directory}` cannot be reached: {failure}")),
        };
        match failure.status {
            _ if failure.clock => {
                error.hint("is this machine's clock right? `date` shows it, and `timedatectl` whether it is kept right")
            }
            Some(status) if status.is_server_error() => {
                error.hint("the fault is the CA's; it is asked again by itself")
            }
            Some(StatusCode::NOT_FOUND) => error.hint("is `[acme] directory` the URL of its directory?"),
            _ => error,
        }
    }

    /// A refusal of the CA that is no failed challenge.
    pub(super) fn problem(problem: &Problem) -> Self {
        let words = words(problem);
        match kind_of(problem) {
            "rateLimited" => Self {
                retry_after: Some(said_in_text(&words, unix_now()).unwrap_or(UNSAID)),
                ..Self::ca(format!("the CA's limit is reached: {words}"))
            },
            "caa" => Self::ca(format!("the domain's CAA record forbids it: {words}"))
                .hint("name the CA in the CAA record, or another CA in `[acme] directory`"),
            "rejectedIdentifier" | "unsupportedIdentifier" => Self::ca(format!(
                "the CA gives no certificate for this host: {words}"
            ))
            .hint(
                "is it a public name? For a public address, Let's Encrypt wants `profile = \"shortlived\"` in `[acme]`",
            ),
            "accountDoesNotExist" => Self {
                blame: Blame::Account,
                ..Self::ca(format!("the CA does not know our account: {words}"))
            },
            "unauthorized" => Self::ca(format!("the CA refuses our account: {words}")).hint(
                "if the account was deactivated, move `acme/account.json` out of the state folder; a new one is made",
            ),
            "externalAccountRequired" => Self::ca(format!("the CA wants an account with it: {words}"))
                .hint("set `eab = { kid = …, key_file = … }` in `[acme]`"),
            "userActionRequired" => {
                Self::ca(format!("the CA wants a person to do something: {words}")).hint("follow what it says")
            }
            "invalidProfile" => Self::ca(format!("the CA does not have this profile: {words}"))
                .hint("set another `profile` in `[acme]`, or none"),
            _ => Self::ca(format!("the CA refuses: {words}")),
        }
    }

    /// A challenge that failed, in the CA's words.
    pub(super) fn challenge(problem: &Problem, host: &str, way: &str) -> Self {
        let kind = kind_of(problem);
        if matches!(
            kind,
            "caa" | "rateLimited" | "rejectedIdentifier" | "unsupportedIdentifier"
        ) {
            return Self::problem(problem);
        }
        let words = words(problem);
        let error = Self {
            blame: Blame::Validation,
            ..Self::ca(format!("the CA could not check `{host}` by {way}: {words}"))
        };
        let port = if way == "tls-alpn-01" { 443 } else { 80 };
        match kind {
            _ if way == "dns-01" => error.hint("does the command set the record, and wait until it can be seen?"),
            "dns" => error.hint(format!(
                "do the A and AAAA records of `{host}` point to this machine? `proxyctl check --online` looks"
            )),
            "connection" | "tls" => error.hint(format!(
                "is port {port} of this machine open to the internet, and do the A and AAAA records of `{host}` point to it? \
                 `proxyctl check --online` looks"
            )),
            "unauthorized" | "incorrectResponse" => error.hint(format!(
                "something else answered: do A and AAAA of `{host}` both point here, and does port {port} lead to Greengate?"
            )),
            _ => error,
        }
    }
}

/// The problem's own words, with those of its parts.
fn words(problem: &Problem) -> String {
    let mut words = match (&problem.detail, &problem.r#type) {
        (Some(detail), _) if !detail.is_empty() => detail.trim().trim_end_matches('.').to_owned(),
        (_, Some(kind)) => kind.clone(),
        (_, None) => "it gives no reason".to_owned(),
    };
    for part in problem.subproblems.iter().filter_map(|part| part.detail.as_deref()) {
        words = format!("{words}; {}", part.trim_end_matches('.'));
    }
    words
}

/// The last part of `urn:ietf:params:acme:error:…`.
pub(super) fn kind_of(problem: &Problem) -> &str {
    let urn = problem.r#type.as_deref().unwrap_or_default();
    urn.rsplit(':').next().unwrap_or_default()
}

/// Whether the same request may succeed with another nonce.
pub(super) fn is_bad_nonce(error: &Error) -> bool {
    matches!(error, Error::Api(problem) if kind_of(problem) == "badNonce")
}

/// Seconds until `retry after 2026-11-21 10:00:00 UTC`, as Let's Encrypt writes it, and `…T10:00:00Z`, as it used to.
fn said_in_text(words: &str, now: i64) -> Option<i64> {
    let at = words.find("retry after ")? + "retry after ".len();
    let time = words.get(at..at + 19)?.replacen(' ', "T", 1);
    let time: Timestamp = format!("{time}Z").parse().ok()?;
    Some(time.as_second().saturating_sub(now).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(kind: &str, detail: &str) -> Problem {
        let text = format!(r#"{{"type":"urn:ietf:params:acme:error:{kind}","detail":{detail:?}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_limit_is_read_from_the_text_when_no_header_says_it() {
        let now = "2026-11-21T09:00:00Z".parse::<Timestamp>().unwrap().as_second();
        for text in [
            "too many certificates already issued, retry after 2026-11-21 10:00:00 UTC: see https://…",
            "too many, retry after 2026-11-21T10:00:00Z: see",
        ] {
            assert_eq!(said_in_text(text, now), Some(3600), "{text}");
        }
        assert_eq!(said_in_text("retry after lunch", now), None);
        assert_eq!(said_in_text("retry after 2026-11-21 08:00:00 UTC", now), Some(0));
        let error = AcmeError::problem(&problem("rateLimited", "too many"));
        assert_eq!(error.retry_after, Some(UNSAID));
    }

    #[test]
    fn every_refusal_has_the_cas_own_words_and_a_hint_where_one_helps() {
        for (kind, expected) in [
            ("caa", "the domain's CAA record forbids it: words; hint: name the CA"),
            (
                "unauthorized",
                "the CA refuses our account: words; hint: if the account was deactivated",
            ),
            (
                "externalAccountRequired",
                "the CA wants an account with it: words; hint: set `eab",
            ),
            (
                "invalidProfile",
                "the CA does not have this profile: words; hint: set another `profile`",
            ),
            (
                "rejectedIdentifier",
                "the CA gives no certificate for this host: words; hint: is it a public name?",
            ),
            ("serverInternal", "the CA refuses: words"),
        ] {
            let shown = AcmeError::problem(&problem(kind, "words.")).to_string();
            assert!(shown.starts_with(expected), "{shown}");
        }
        for (kind, way, expected) in [
            (
                "dns",
                "http-01",
                "the CA could not check `a.com` by http-01: words; hint: do the A and AAAA records",
            ),
            (
                "connection",
                "http-01",
                "the CA could not check `a.com` by http-01: words; hint: is port 80",
            ),
            (
                "connection",
                "tls-alpn-01",
                "the CA could not check `a.com` by tls-alpn-01: words; hint: is port 443",
            ),
            (
                "unauthorized",
                "http-01",
                "the CA could not check `a.com` by http-01: words; hint: something else answered",
            ),
            (
                "unauthorized",
                "dns-01",
                "the CA could not check `a.com` by dns-01: words; hint: does the command",
            ),
            ("caa", "http-01", "the domain's CAA record forbids it: words"),
        ] {
            let shown = AcmeError::challenge(&problem(kind, "words."), "a.com", way).to_string();
            assert!(shown.starts_with(expected), "{shown}");
        }
    }
}
