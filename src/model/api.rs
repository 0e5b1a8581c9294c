//! What the daemon and `proxyctl` say to each other: HTTP/1.1 with JSON over the control socket, under `/v1`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/history?env=NAME&limit=N` | [`Entry`](super::history::Entry) lines, newest last |
//! | `GET /v1/certificates` | [`Certificates`] |
//! | `POST /v1/certificates/renew` with a [`RenewRequest`] | the host's [`CertificateReport`], when the attempt is over |
//! | `POST /v1/certificates/import` with an [`ImportRequest`] | [`Imported`] |
//! | `POST /v1/operations` with an [`OperationRequest`] | a stream of [`Event`] lines; the last one is final |
//! | `POST /v1/reload` with a [`ReloadRequest`] | the same |
//! | `POST /v1/pause` with a [`PauseRequest`] | the same; hanging up on an attached one resumes |
//! | `POST /v1/resume` with a [`ResumeRequest`] | the same |
//! | `POST /v1/maintenance` with a [`MaintenanceRequest`] | the same |
//!
//! An operation belongs to the daemon: a client that hangs up stops watching, not the operation. The exception is the pause
//! around a command, which is over when whoever runs the command is gone (N13).
//! Errors outside of operations are [`Problem`]s with status 400, 403, 404 or 500.

mod certificates;
mod event;
mod status;
mod upkeep;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::certificates::{CertificateReport, Certificates, ImportRequest, Imported, OnlineFinding, RenewRequest};
pub use self::event::{Check, Event, SafeToStop};
pub use self::status::{
    CertificateStatus, ConfigurationStatus, DrainingStatus, EnvironmentStatus, HealthStatus, Holder, MaintenanceStatus,
    ServiceStatus, Status,
};
pub use self::upkeep::{
    Action, Change, ChangeKind, MaintenanceRequest, Notice, PauseRequest, ReloadRequest, ResumeRequest, ValueChange,
};
use super::health::Tally;
use super::slot::{Address, Slot};

/// Exit codes of `proxyctl`; people script against them.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Failed.
    pub const FAILED: u8 = 1;
    /// Usage, or an invalid configuration.
    pub const USAGE: u8 = 2;
    /// The daemon cannot be reached.
    pub const UNREACHABLE: u8 = 3;
    /// Refused by the gate or a rule; nothing changed.
    pub const REFUSED: u8 = 4;
    /// Another operation holds the environment.
    pub const BUSY: u8 = 5;
    /// Switched, and rolled back by itself.
    pub const ROLLED_BACK: u8 = 6;
    /// Stopped waiting; the operation goes on.
    pub const STOPPED_WAITING: u8 = 7;
}

/// Which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// To the idle slot, or to named addresses.
    Swap,
    /// To the previous slot.
    Rollback,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Swap => "swap",
            Self::Rollback => "rollback",
        })
    }
}

/// `POST /v1/operations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationRequest {
    /// The environment's name.
    pub environment: String,
    /// Swap or rollback.
    pub kind: Kind,
    /// `--to`; without it the candidate is the idle slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Target>,
    /// `--expect-version`: what the candidate has to call itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_version: Option<String>,
    /// `--dry-run`: print the plan and stop.
    #[serde(default)]
    pub dry_run: bool,
    /// `--force`: skips the verdict, not the order (N8).
    #[serde(default)]
    pub force: bool,
    /// The name that was typed or given as `--yes=NAME`, for protected environments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<String>,
    /// `--deadline`: overrides the gate's, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
}

/// `--to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// `--to blue`, `--to green`.
    Slot(Slot),
    /// `--to 3005`: for the only service that can be swapped.
    Address(Address),
    /// `--to web=3005,api=8012`: by service; services that are not named take their idle slot's own address.
    Services(BTreeMap<String, Address>),
}

/// One side of a switch: a slot and where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The slot's name.
    pub slot: Slot,
    /// Its instances.
    pub addresses: Vec<Address>,
}

/// What an operation is about to do to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The service.
    pub service: String,
    /// What serves now.
    pub from: Side,
    /// What will serve.
    pub to: Side,
}

/// What one probe saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The service.
    pub service: String,
    /// The instance that was asked.
    pub address: Address,
    /// Whether this answer is a pass.
    pub passed: bool,
    /// Status of the answer; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Time from connect to the answer's end, in microseconds.
    pub latency_us: u64,
    /// Why it is no pass, or the socket's error: `connection refused`, `redirects to /login, which is not a pass`.
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
    /// Answers with a status of 500 to 599 that the app gave.
    pub app_errors: u64,
    /// Answers with a status of 500 to 599 that the proxy had to make.
    pub proxy_errors: u64,
    /// Median time to the last byte, in microseconds; `None` without requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<u64>,
    /// The 95th percentile of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p95_us: Option<u64>,
}

/// An error outside of operations, with the exit code that fits it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Exit code for `proxyctl`.
    pub code: u8,
    /// What and why.
    pub reason: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
