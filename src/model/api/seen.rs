//! What probes and counters saw of an app: the evidence behind a decision.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::health::Tally;
use crate::model::slot::Address;

/// What one probe saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The service.
    pub service: String,
    /// The instance that was asked.
    pub address: Address,
    /// Where a bare port was reached, when that is not 127.0.0.1 (F5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<Address>,
    /// Whether this answer is a pass.
    pub passed: bool,
    /// Status of the answer; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Time from connect to the answer's end, in microseconds.
    pub latency_us: u64,
    /// Why it is no pass, or the socket's error: `connection refused`, `redirects to /login, which is not a pass: …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The first 200 bytes of the body, in the app's own words, control characters escaped.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// What the app calls its version, where `health.version` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl ProbeReport {
    /// What stands in the place of an answer that did not come yet.
    #[must_use]
    pub fn none_yet(service: &str, address: &Address) -> Self {
        Self {
            service: service.to_owned(),
            address: address.clone(),
            reached: None,
            passed: false,
            status: None,
            latency_us: 0,
            reason: Some("no answer yet".into()),
            body: String::new(),
            version: None,
        }
    }
}

/// Where one instance of the candidate stands at the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReport {
    /// The last probe.
    pub last: ProbeReport,
    /// Consecutive passes so far.
    pub passes: u32,
    /// Consecutive passes that open the gate.
    pub needed: u32,
    /// Probes in all.
    pub probes: u32,
}

impl GateReport {
    /// What the answers amount to, and the last of them.
    #[must_use]
    pub fn new(tally: &Tally, last: ProbeReport) -> Self {
        Self {
            last,
            passes: tally.passes(),
            needed: tally.needed(),
            probes: tally.probes(),
        }
    }
}

/// A period as events tell it: in whole milliseconds.
#[must_use]
pub fn millis(period: Duration) -> u64 {
    u64::try_from(period.as_millis()).unwrap_or(u64::MAX)
}

/// What was measured of one side over a period.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that failed by the app's fault: it answered with a status of 500 to 599, gave no answer that could be used, or
    /// broke one off.
    pub app_errors: u64,
    /// Requests that the proxy answered with a status of 500 to 599 for a reason of its own.
    pub proxy_errors: u64,
    /// Requests that `limit.rate` or `limit.concurrent` turned away; they are not among `requests`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limited: u64,
    /// Median time to the last byte, in microseconds; `None` without requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    /// The 95th percentile of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_us: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
