//! `GET /v1/requests`: the requests of the last hour that failed, and those that took longest.

use serde::{Deserialize, Serialize};

use super::logs::Blame;

/// `GET /v1/requests?env=NAME&limit=N`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Those that failed by the app's fault or the proxy's own, newest first.
    pub failed: Vec<NotedRequest>,
    /// Those whose answer began latest, slowest first: of each minute a few are kept.
    pub slowest: Vec<NotedRequest>,
    /// Failed ones for which there was no room, since the process began.
    #[serde(default)]
    pub left_out: u64,
}

/// A request that is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedRequest {
    /// When its head was there, RFC 3339.
    pub time: String,
    /// Whose it was; empty where it was nobody's.
    pub environment: String,
    /// The service.
    pub service: String,
    /// The slot that served it.
    pub slot: String,
    /// `GET`.
    pub method: String,
    /// The host that was asked for.
    pub host: String,
    /// What was asked for, without the query.
    pub path: String,
    /// 0 where there was no answer.
    pub status: u16,
    /// To the answer's last byte, in microseconds.
    pub duration_us: u64,
    /// To the head of the app's answer, if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_byte_us: Option<u64>,
    /// How long it was held, in milliseconds.
    #[serde(default)]
    pub held_ms: u64,
    /// Who failed, if anybody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Blame>,
    /// Who ended it and why: `done`, `app: unreachable`.
    pub termination: String,
    /// More about the why; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// As it stands on error pages, and in the app's `X-Request-ID`.
    pub request_id: String,
}

impl NotedRequest {
    /// How long the client waited for an answer to begin.
    #[must_use]
    pub fn waited_us(&self) -> u64 {
        self.first_byte_us.unwrap_or(self.duration_us)
    }
}
