//! `GET /v1/logs`: lines of the access log as they are kept in the daemon, and what is read of one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Who failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The app.
    App,
    /// The proxy itself.
    Proxy,
    /// The client.
    Client,
}

impl Blame {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::App, Self::Proxy, Self::Client];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Proxy => "proxy",
            Self::Client => "client",
        }
    }
}

/// One line of the access log, as far as filters and readers look at it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "each is the log field of its name")]
pub struct Logged<'l> {
    #[serde(borrow)]
    pub time: Cow<'l, str>,
    #[serde(borrow)]
    pub environment: Cow<'l, str>,
    #[serde(borrow)]
    pub service: Cow<'l, str>,
    #[serde(borrow)]
    pub slot: Cow<'l, str>,
    #[serde(borrow)]
    pub host: Cow<'l, str>,
    #[serde(borrow)]
    pub method: Cow<'l, str>,
    #[serde(borrow)]
    pub path: Cow<'l, str>,
    pub status: u16,
    pub duration_us: u64,
    #[serde(default)]
    pub first_byte_us: Option<u64>,
    #[serde(default)]
    pub retries: u32,
    #[serde(default)]
    pub held_ms: u64,
    #[serde(borrow)]
    pub termination: Cow<'l, str>,
    #[serde(borrow, default)]
    pub reason: Cow<'l, str>,
    #[serde(borrow)]
    pub request_id: Cow<'l, str>,
}

impl Logged<'_> {
    /// Who failed, if anybody did. A 5xx of the app is its failure also where it was sent to the end, or where the client did not
    /// wait for that: an answer of the proxy's own has no first byte of the app.
    #[must_use]
    pub fn blame(&self) -> Option<Blame> {
        let by_the_app = (500..600).contains(&self.status) && self.first_byte_us.is_some();
        let word = self.termination.split(':').next().unwrap_or_default();
        match word {
            "app" => Some(Blame::App),
            "proxy" => Some(Blame::Proxy),
            _ if by_the_app => Some(Blame::App),
            "client" => Some(Blame::Client),
            _ => None,
        }
    }

    /// How long the client waited for an answer to begin. A stream that lasts is not slow.
    #[must_use]
    pub fn waited_us(&self) -> u64 {
        self.first_byte_us.unwrap_or(self.duration_us)
    }

    /// The path without the query.
    #[must_use]
    pub fn bare_path(&self) -> &str {
        self.path.split(['?', '#']).next().unwrap_or_default()
    }
}

/// In the place of lines that whoever follows has not read in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// How many, wanted or not.
    pub dropped: u64,
}

/// What is kept of the access log, and what it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsStatus {
    /// Lines.
    pub lines: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// How many follow them.
    pub followers: u64,
    /// Requests that failed, of those of the last hour.
    pub failed: u64,
    /// Requests that were the slowest of their minute.
    pub slowest: u64,
    /// Bytes that both take.
    pub requests_bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blame(status: u16, first_byte_us: &str, termination: &str) -> Option<Blame> {
        let line = format!(
            r#"{{"time":"t","environment":"prod","service":"web","slot":"blue","generation":1,"client":"192.0.2.1","host":"h",
            "method":"GET","path":"/","status":{status},"duration_us":7,"first_byte_us":{first_byte_us},
            "termination":"{termination}","request_id":"x","of a newer daemon":[]}}"#
        );
        serde_json::from_str::<Logged<'_>>(&line).unwrap().blame()
    }

    #[test]
    fn the_one_who_failed_is_the_first_word_or_the_app_that_answered_so() {
        assert_eq!(blame(200, "5", "done"), None);
        assert_eq!(blame(404, "5", "done"), None);
        assert_eq!(blame(502, "null", "app: unreachable"), Some(Blame::App));
        assert_eq!(blame(503, "null", "proxy: hold is full"), Some(Blame::Proxy));
        assert_eq!(blame(500, "5", "done"), Some(Blame::App));
        assert_eq!(blame(500, "5", "client: gone"), Some(Blame::App));
        assert_eq!(blame(0, "null", "client: gone"), Some(Blame::Client));
        // Maintenance is an answer of the proxy's own, and nothing is wrong.
        assert_eq!(blame(503, "null", "done"), None);
    }
}
