//! What the daemon and `proxyctl` say to each other: HTTP/1.1 with JSON over the control socket, under `/v1`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/status` | [`Status`] |
//! | `GET /v1/history?env=NAME&limit=N` | [`Entry`](super::history::Entry) lines, newest last |
//! | `POST /v1/operations` with an [`OperationRequest`] | a stream of [`Event`] lines; the last one is final |
//! | `POST /v1/reload` with a [`ReloadRequest`] | the same |
//! | `POST /v1/pause` with a [`PauseRequest`] | the same; hanging up on an attached one resumes |
//! | `POST /v1/resume` with a [`ResumeRequest`] | the same |
//! | `POST /v1/maintenance` with a [`MaintenanceRequest`] | the same |
//!
//! An operation belongs to the daemon: a client that hangs up stops watching, not the operation. The exception is the pause
//! around a command, which is over when whoever runs the command is gone (N13).
//! Errors outside of operations are [`Problem`]s with status 400, 403, 404 or 500.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::slot::{Address, Generation, Slot};

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

/// What holds an environment, and what the journal says was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// To the other side.
    Swap,
    /// To the previous side.
    Rollback,
    /// A new configuration.
    Reload,
    /// New requests are held while something happens to the app.
    Pause,
    /// They are let go again.
    Resume,
    /// Requests are answered with 503, or no longer.
    Maintenance,
}

impl From<Kind> for Action {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Swap => Self::Swap,
            Kind::Rollback => Self::Rollback,
        }
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Swap => "swap",
            Self::Rollback => "rollback",
            Self::Reload => "reload",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Maintenance => "maintenance",
        })
    }
}

/// `POST /v1/reload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadRequest {
    /// Show what would change, and stop.
    #[serde(default)]
    pub dry_run: bool,
}

/// `POST /v1/pause`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// The environment's name.
    pub environment: String,
    /// For all of it, in milliseconds.
    pub timeout_ms: u64,
    /// Whether it lasts no longer than the connection that asked for it.
    #[serde(default)]
    pub attached: bool,
}

/// `POST /v1/resume`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeRequest {
    /// The environment's name.
    pub environment: String,
    /// Only this pause, by its operation's number; without it whichever holds the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// Whether the health of the app is not waited for.
    #[serde(default)]
    pub force: bool,
}

/// `POST /v1/maintenance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaintenanceRequest {
    /// The environment's name.
    pub environment: String,
    /// On, with what is shown; `None` is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Notice>,
}

/// What is shown in place of an environment, and to whom it is not.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// One sentence for the page; plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// A whole page, HTML, in place of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// Clients that are served as ever: networks or addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

impl Notice {
    /// Bytes that a page may have: it is kept in the state file, which every switch writes.
    pub const PAGE: usize = 256 * 1024;
}

/// One difference between the configuration that is served and the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The environment, or `redirect`.
    pub section: String,
    /// The service, or the redirected host; `None` is the whole section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What happens to it.
    pub kind: ChangeKind,
    /// Its values: all of something that comes, those that differ of something that stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueChange>,
}

/// What happens to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It comes.
    Added,
    /// It drains and goes.
    Removed,
    /// It stays, with other values.
    Changed,
}

/// One key of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueChange {
    /// `health.path`.
    pub key: String,
    /// What it was; `None` where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl std::fmt::Display for Change {
    /// One line for a log: `prod/web changed: health.path /health → /up`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.section)?;
        if let Some(name) = &self.name {
            write!(f, "/{name}")?;
        }
        f.write_str(match self.kind {
            ChangeKind::Added => " added",
            ChangeKind::Removed => " removed",
            ChangeKind::Changed => " changed",
        })?;
        for (index, value) in self.values.iter().enumerate() {
            write!(f, "{}{value}", if index == 0 { ": " } else { ", " })?;
        }
        Ok(())
    }
}

impl std::fmt::Display for ValueChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, "{} {from} → {to}", self.key),
            (None, Some(to)) => write!(f, "{} {to}", self.key),
            (Some(from), None) => write!(f, "{} {from} → none", self.key),
            (None, None) => f.write_str(&self.key),
        }
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

/// One line of an operation's stream. The first says what is about to happen, or why it is not; `done`, `planned`, `refused`,
/// `failed`, `rolled-back`, `invalid`, `reloaded`, `resumed`, `lapsed` and `maintained` are final.
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
    /// A reload: the file is valid, and this is what differs.
    Reloading {
        /// Number of the operation; `None` for a dry run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<u64>,
        /// Every difference.
        changes: Vec<Change>,
        /// Keys that take effect at the next restart: `server.http`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        restart: Vec<String>,
    },
    /// The file is no configuration; what was served is served on (final, exit 2).
    Invalid {
        /// Every finding with its place in the file, ready to print.
        report: String,
        /// Findings that make the file unusable.
        errors: usize,
    },
    /// The new configuration is served (final, exit 0).
    Reloaded {
        /// How many differences were published.
        changes: usize,
        /// Whether the state file was written, but the folder could not be synced.
        durability_uncertain: bool,
    },
    /// From now on new requests of the environment are held.
    Pausing {
        /// Number of the operation.
        operation: u64,
        /// The environment.
        environment: String,
        /// When it ends by itself, in milliseconds from now.
        limit_ms: u64,
    },
    /// The app holds no request any more: it may be restarted.
    Paused {
        /// Since the pause began, in milliseconds.
        elapsed_ms: u64,
        /// When it ends by itself, in milliseconds from now.
        left_ms: u64,
    },
    /// Held requests were let go, and new ones go to the app (final, exit 0).
    Resumed {
        /// The environment.
        environment: String,
        /// Since the pause began, in milliseconds.
        elapsed_ms: u64,
        /// Why it ended, where nobody asked for it: `whoever asked for it is gone`, `its limit of 30 s was reached`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The pause took too long and is over (final, exit 1; 124 for `pause ENV -- COMMAND`).
    Lapsed {
        /// What took too long, and what became of the held requests.
        reason: String,
        /// The app's own words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<GateReport>,
    },
    /// Maintenance is on or off, and that is saved (final, exit 0).
    Maintained {
        /// The environment.
        environment: String,
        /// What is shown; `None` when it is off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<MaintenanceStatus>,
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
            Self::Done { .. }
            | Self::Planned
            | Self::Reloaded { .. }
            | Self::Resumed { .. }
            | Self::Maintained { .. } => Some(exit::DONE),
            Self::Refused { code, .. } => Some(*code),
            Self::RolledBack { .. } => Some(exit::ROLLED_BACK),
            Self::Failed { .. } | Self::Lapsed { .. } => Some(exit::FAILED),
            Self::Invalid { .. } => Some(exit::USAGE),
            Self::Plan { .. }
            | Self::Reloading { .. }
            | Self::Pausing { .. }
            | Self::Paused { .. }
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

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Process id of the daemon.
    pub pid: u32,
    /// When the daemon started, RFC 3339.
    pub started: String,
    /// The configuration file.
    pub config: String,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Client connections that are open.
    pub connections: u64,
    /// Access-log lines that were dropped because the writer could not follow.
    pub dropped_log_lines: u64,
    /// Whether the file still says what is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationStatus>,
    /// Every environment, in the order of the file.
    pub environments: Vec<EnvironmentStatus>,
    /// What an operator should know: torn operations, uncertain durability, certificates that stand in for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The configuration that is served, beside its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationStatus {
    /// When it was read, RFC 3339.
    pub loaded: String,
    /// Why the file is not what is served: it changed since, or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
    /// Keys whose new value takes effect at the next restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart: Vec<String>,
}

/// Maintenance of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceStatus {
    /// Since when, RFC 3339.
    pub since: String,
    /// Who switched it on.
    pub user: String,
    /// The sentence on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether a page of one's own is shown.
    #[serde(default)]
    pub page: bool,
    /// Clients that are served as ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentStatus {
    /// Its name.
    pub name: String,
    /// The slot that is live; `None` when no service of it can be swapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Slot>,
    /// The number of its published state.
    pub generation: Generation,
    /// When that was published, RFC 3339.
    pub since: String,
    /// Whether swap and rollback ask for its name.
    pub protected: bool,
    /// The operation that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Holder>,
    /// Maintenance, while it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceStatus>,
    /// Whether `rollback` has a previous side to go to.
    pub can_roll_back: bool,
    /// Old sides that still serve what they had begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<DrainingStatus>,
    /// Its services, in the order of the file.
    pub services: Vec<ServiceStatus>,
}

/// Who holds an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Number of the operation.
    pub operation: u64,
    /// What it does.
    pub kind: Action,
    /// The name of the user who asked for it.
    pub user: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Which step it is in: `gate`, `warm-up`, `persist`, `verify`, `bake`; `drain`, `paused` of a pause.
    pub step: String,
}

impl Holder {
    /// Why another operation on the same environment is refused (N5).
    #[must_use]
    pub fn refusal(&self, environment: &str) -> String {
        format!(
            "{} {} by {} holds `{environment}` since {} (step: {})",
            self.kind, self.operation, self.user, self.since, self.step
        )
    }
}

/// An old side that still serves what it had begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainingStatus {
    /// The service.
    pub service: String,
    /// The slot it was.
    pub slot: Slot,
    /// Where it runs.
    pub addresses: Vec<Address>,
    /// Requests that wait for their response head.
    pub requests: u64,
    /// Streams: responses under way, event streams, tunnels.
    pub streams: u64,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Hosts and path: `app.example.com`, `app.example.com/api`.
    pub routes: Vec<String>,
    /// The slot that serves, and where it runs.
    pub live: Side,
    /// Health of each live instance.
    pub health: Vec<HealthStatus>,
    /// Requests in flight on the live side.
    pub requests: u64,
    /// Streams on the live side.
    pub streams: u64,
    /// WebSockets among them.
    #[serde(default)]
    pub web_sockets: u64,
    /// Requests that wait, because the app cannot be reached or the environment is paused.
    #[serde(default)]
    pub held: u64,
    /// Since when the app cannot be reached, RFC 3339; `None` while it can, as far as any request has tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_since: Option<String>,
    /// Everything since the live side became live.
    pub traffic: Traffic,
    /// `acme`, `internal`, `files` or `off`.
    pub tls: String,
    /// The certificate that clients are shown, per host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateStatus>,
}

/// Health of one instance, for status only: health never takes the only live slot away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthStatus {
    /// The instance.
    pub address: Address,
    /// `None` until the first probe: unknown is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
    /// When it was last checked, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<String>,
    /// What the last probe saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ProbeReport>,
}

/// The certificate that clients of one host are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// The host.
    pub host: String,
    /// `local CA`, or the issuer's common name.
    pub issuer: String,
    /// When it ends, RFC 3339.
    pub not_after: String,
    /// What is wrong with it, or why another stands in: `stands in until ACME is built`, `certs/app.pem: key does not fit; the last good one is kept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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
