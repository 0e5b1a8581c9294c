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
//!
//! An operation belongs to the daemon: a client that hangs up stops watching, not the operation.
//! Errors outside of operations are [`Problem`]s with status 400, 403, 404 or 500.

mod certificates;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod status;

pub use self::certificates::{CertificateReport, Certificates, ImportRequest, Imported, OnlineFinding, RenewRequest};
use super::slot::{Address, Generation, Slot};
pub use status::{CertificateStatus, DrainingStatus, EnvironmentStatus, HealthStatus, Holder, ServiceStatus, Status};

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

/// One line of an operation's stream. The first is `plan` or `refused`; `done`, `planned`, `refused`, `failed` and `rolled-back` are final.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The environment is locked, and this is about to happen.
    Plan {
        /// Number of the operation, unique in this state folder.
        operation: u64,
        /// Swap or rollback.
        kind: Kind,
        /// The environment.
        environment: String,
        /// What moves where.
        moves: Vec<Move>,
        /// Whether the verdict of the gate is skipped.
        forced: bool,
    },
    /// `--dry-run` ends here (final).
    Planned,
    /// Something an operator should know that stops nothing.
    Warning {
        /// What.
        message: String,
    },
    /// The gate goes on; at most one a second, and one per change.
    Gating {
        /// Every instance of the candidate.
        instances: Vec<GateReport>,
        /// Since the gate began, in milliseconds.
        elapsed_ms: u64,
    },
    /// Every instance has passed (or the verdict was skipped).
    Gated {
        /// Every instance of the candidate.
        instances: Vec<GateReport>,
        /// What the candidate calls itself, where it says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// Since the gate began, in milliseconds.
        elapsed_ms: u64,
    },
    /// Warm-up paths were asked for.
    Warmed {
        /// Requests made.
        requests: u32,
        /// Requests that failed or were answered with a status of 400 and above; they stop nothing.
        failed: u32,
        /// In milliseconds.
        elapsed_ms: u64,
    },
    /// The new side serves.
    Switched {
        /// The environment's new generation.
        generation: Generation,
        /// Services that switched, together.
        services: Vec<String>,
        /// Whether the state file was written, but the folder could not be synced: a power cut may undo it.
        durability_uncertain: bool,
    },
    /// The new side answers through the front door.
    Verified {
        /// What was asked, per service.
        checks: Vec<Check>,
    },
    /// The bake window is open; at most one a second.
    Baking {
        /// The new side so far.
        traffic: Traffic,
        /// Time left, in milliseconds.
        left_ms: u64,
    },
    /// The bake window closed well.
    Baked {
        /// The new side in the window.
        traffic: Traffic,
        /// The old side before the switch, over a period as long or since its start.
        before: Traffic,
        /// Length of the window, in milliseconds.
        elapsed_ms: u64,
    },
    /// The old side still serves what it had begun; at most one a second.
    Draining {
        /// Requests that wait for their response head.
        requests: u64,
        /// Streams: responses under way, event streams, tunnels.
        streams: u64,
        /// Since the switch, in milliseconds.
        elapsed_ms: u64,
    },
    /// The old side holds no claim any more.
    Drained {
        /// Exchanges that ended by themselves.
        finished: u64,
        /// Streams that were ended politely at the deadline.
        ended: u64,
        /// Exchanges that had to be cut.
        cut: u64,
        /// Since the switch, in milliseconds.
        elapsed_ms: u64,
    },
    /// All done (final, exit 0).
    Done {
        /// The environment.
        environment: String,
        /// The slot that is live.
        live: Slot,
        /// The environment's generation.
        generation: Generation,
        /// What may be stopped now.
        safe_to_stop: Vec<SafeToStop>,
        /// What the environment served from the switch to now.
        traffic: Traffic,
    },
    /// Nothing changed (final, exit 2, 4 or 5).
    Refused {
        /// Exit code.
        code: u8,
        /// Why, as a sentence without a final period.
        reason: String,
        /// The app's own words, or other evidence.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<GateReport>,
        /// What to do about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
        /// The slot that still serves.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        live: Option<Slot>,
    },
    /// It switched, the new side was bad, and the old side serves again (final, exit 6).
    RolledBack {
        /// Why.
        reason: String,
        /// The slot that is live again.
        live: Slot,
        /// The environment's generation.
        generation: Generation,
    },
    /// It went wrong and needs a person (final, exit 1).
    Failed {
        /// What and why.
        reason: String,
        /// The slot that is live.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        live: Option<Slot>,
    },
}

impl Event {
    /// The exit code of a final event; `None` when more will follow.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Done { .. } | Self::Planned => Some(exit::DONE),
            Self::Refused { code, .. } => Some(*code),
            Self::RolledBack { .. } => Some(exit::ROLLED_BACK),
            Self::Failed { .. } => Some(exit::FAILED),
            Self::Plan { .. }
            | Self::Warning { .. }
            | Self::Gating { .. }
            | Self::Gated { .. }
            | Self::Warmed { .. }
            | Self::Switched { .. }
            | Self::Verified { .. }
            | Self::Baking { .. }
            | Self::Baked { .. }
            | Self::Draining { .. }
            | Self::Drained { .. } => None,
        }
    }
}

/// One check through the front door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The service.
    pub service: String,
    /// What was asked (`https://app.example.com/health`), or the address that was probed directly.
    pub target: String,
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What the app calls its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What no request needs any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SafeToStop {
    /// The service.
    pub service: String,
    /// Its old instances.
    pub addresses: Vec<Address>,
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
