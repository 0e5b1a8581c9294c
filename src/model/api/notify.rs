//! What is said about who is told: how destinations do, and what a test has come to.

use serde::{Deserialize, Serialize};

/// How a destination of `[[notify]]` does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyStatus {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Its host, the file that has its URL, or its program: never a URL.
    pub name: String,
    /// `json`, `slack`, `discord` or `ntfy`.
    pub format: String,
    /// Messages that wait for it.
    pub waiting: usize,
    /// Messages for which there was no room.
    pub dropped: u64,
    /// Messages that it did not take.
    pub given_up: u64,
    /// Since when nothing arrives there, RFC 3339; `None` while all does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// Why, as the last attempt has met it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a message has arrived last, RFC 3339; as far as this process knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<String>,
}

impl NotifyStatus {
    /// What an operator should know of it; `None` where all is well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let waiting = u64::try_from(self.waiting).unwrap_or(u64::MAX);
        let lost = [count(self.dropped, "dropped"), count(self.given_up, "given up")];
        let name = &self.name;
        match (&self.failing_since, &self.reason) {
            (Some(since), reason) => {
                let counts = [count(waiting, "waiting")].into_iter().chain(lost).flatten();
                let counts: Vec<String> = counts.collect();
                let counts = if counts.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", counts.join(", "))
                };
                let reason = reason.as_deref().unwrap_or("no answer");
                Some(format!(
                    "messages to `{name}` do not arrive since {since}: {reason}{counts}"
                ))
            }
            (None, _) => {
                let lost: Vec<String> = lost.into_iter().flatten().collect();
                (!lost.is_empty()).then(|| format!("messages to `{name}` were lost: {}", lost.join(", ")))
            }
        }
    }
}

/// `POST /v1/notify/test`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotifyRequest {
    /// One destination, by its place in the file or its name; without it all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What a test has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyTested {
    /// Each destination, in the order of the file.
    pub results: Vec<NotifyResult>,
}

/// What a test of one destination has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyResult {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Its host, the file that has its URL, or its program.
    pub name: String,
    /// Whether the message was taken.
    pub delivered: bool,
    /// Status of the answer; `None` without one, and of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The beginning of the answer, control characters escaped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub answer: String,
    /// From the connection to the answer's end, in milliseconds.
    pub elapsed_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_names_the_host_the_reason_and_what_was_lost() {
        let mut status = NotifyStatus {
            number: 1,
            name: "hooks.slack.com".into(),
            format: "slack".into(),
            waiting: 3,
            dropped: 0,
            given_up: 0,
            failing_since: None,
            reason: None,
            delivered: None,
        };
        assert_eq!(status.trouble(), None, "what waits a moment is no trouble");
        status.failing_since = Some("12:00".into());
        status.reason = Some("status 503".into());
        assert_eq!(
            status.trouble().unwrap(),
            "messages to `hooks.slack.com` do not arrive since 12:00: status 503 (3 waiting)"
        );
        status.dropped = 7;
        status.failing_since = None;
        assert_eq!(
            status.trouble().unwrap(),
            "messages to `hooks.slack.com` were lost: 7 dropped"
        );
    }
}
