//! What an operation says while it is under way, line by line.

mod deploy;
mod pause;
mod preview;
mod reload;
mod sleep;
mod upgrade;

use serde::{Deserialize, Serialize};

pub use self::deploy::DeployStep;
pub use self::pause::PauseStep;
pub use self::preview::PreviewStep;
pub use self::reload::ReloadStep;
pub use self::sleep::SleepStep;
pub use self::upgrade::UpgradeStep;
use super::operation::{Kind, Move};
use super::parity::Difference;
use super::problem::exit;
use super::seen::{GateReport, Traffic};
use super::status::{HealthStatus, Holder, MaintenanceStatus};
use crate::model::slot::{Address, Generation, Slot};

/// One line of an operation's stream: progress, or a step, by the kind of operation that has it. The first line says what is
/// about to happen, or why it is not; the last one is final, and has an exit code.
///
/// As JSON it is one object, in which `event` names the variant of the family: `{"event":"switched",…}`. No two families share a
/// name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// How far the step is.
    Progress(Progress),
    /// A step that operations of several kinds have.
    Common(CommonStep),
    /// A step of a swap or a rollback.
    Swap(SwapStep),
    /// A step of a reload.
    Reload(ReloadStep),
    /// A step of a pause.
    Pause(PauseStep),
    /// A step of switching maintenance on or off.
    Maintenance(MaintenanceStep),
    /// A step of an upgrade.
    Upgrade(UpgradeStep),
    /// A step of a deployment.
    Deploy(DeployStep),
    /// A step of a preview.
    Preview(PreviewStep),
    /// A step of falling asleep, or of waking.
    Sleep(SleepStep),
}

impl Event {
    /// The exit code of a final event; `None` when more will follow.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Progress(_) => None,
            Self::Common(step) => step.exit_code(),
            Self::Swap(step) => step.exit_code(),
            Self::Reload(step) => step.exit_code(),
            Self::Pause(step) => step.exit_code(),
            Self::Maintenance(MaintenanceStep::Maintained { .. }) => Some(exit::DONE),
            Self::Upgrade(step) => step.exit_code(),
            Self::Deploy(step) => step.exit_code(),
            Self::Preview(step) => step.exit_code(),
            Self::Sleep(step) => step.exit_code(),
        }
    }

    /// Whether it is recorded in the journal: everything but how far a step is, and what is told to one alone.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        match self {
            Self::Progress(_) => false,
            Self::Preview(step) => !step.is_secret(),
            Self::Common(_)
            | Self::Swap(_)
            | Self::Reload(_)
            | Self::Pause(_)
            | Self::Maintenance(_)
            | Self::Upgrade(_)
            | Self::Deploy(_)
            | Self::Sleep(_) => true,
        }
    }
}

/// How far a step is. Told about once a second, and not recorded in the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Progress {
    /// The gate is still shut; told whenever a verdict changes too.
    Gating {
        /// Every instance of the candidate.
        instances: Vec<GateReport>,
        /// Since the gate began, in milliseconds.
        elapsed_ms: u64,
    },
    /// The bake window is open.
    Baking {
        /// The new side so far.
        traffic: Traffic,
        /// Time left, in milliseconds.
        left_ms: u64,
    },
    /// The old side still serves what it had begun.
    Draining {
        /// Requests that wait for their response head.
        requests: u64,
        /// Streams: responses under way, event streams, tunnels.
        streams: u64,
        /// Since the switch, in milliseconds.
        elapsed_ms: u64,
    },
    /// Another operation holds the environment, and this one waits for its turn; told whenever that changes.
    Queued {
        /// What holds it.
        behind: Holder,
        /// Deployments that come before this one.
        ahead: u32,
    },
}

impl From<Progress> for Event {
    fn from(progress: Progress) -> Self {
        Self::Progress(progress)
    }
}

/// A step that operations of several kinds have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum CommonStep {
    /// A dry run ends here (final, exit 0).
    Planned,
    /// Something an operator should know that stops nothing.
    Warning {
        /// One sentence, without a final period.
        message: String,
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
    /// The operation did not begin or did not pass the gate; nothing changed (final, exit 2, 4 or 5).
    Refused {
        /// The exit code.
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
        /// How its instances do; the model leaves that to those who look.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        health: Vec<HealthStatus>,
    },
    /// The operation went wrong, and a person has to look (final, exit 1).
    Failed {
        /// What and why.
        reason: String,
        /// The slot that is live.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        live: Option<Slot>,
    },
}

impl CommonStep {
    fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Planned => Some(exit::DONE),
            Self::Refused { code, .. } => Some(*code),
            Self::Failed { .. } => Some(exit::FAILED),
            Self::Warning { .. } | Self::Gated { .. } => None,
        }
    }
}

impl From<CommonStep> for Event {
    fn from(step: CommonStep) -> Self {
        Self::Common(step)
    }
}

impl From<PreviewStep> for Event {
    fn from(step: PreviewStep) -> Self {
        Self::Preview(step)
    }
}

impl From<SleepStep> for Event {
    fn from(step: SleepStep) -> Self {
        Self::Sleep(step)
    }
}

impl From<UpgradeStep> for Event {
    fn from(step: UpgradeStep) -> Self {
        Self::Upgrade(step)
    }
}

impl From<DeployStep> for Event {
    fn from(step: DeployStep) -> Self {
        Self::Deploy(step)
    }
}

/// A step of a swap or a rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum SwapStep {
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
    /// The environments that the swap depends on are as it asks.
    Required {
        /// The one that had to be healthy, and is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        healthy: Option<String>,
        /// The one that the new side had to be of one shape with, and is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parity: Option<String>,
        /// In milliseconds.
        elapsed_ms: u64,
    },
    /// The new side is not of one shape with another environment, as it has to be; the refusal follows.
    Differs {
        /// The environment that is switched: `a` in the differences.
        environment: String,
        /// The other one: `b`.
        other: String,
        /// Everything that differs.
        differences: Vec<Difference>,
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
    /// The bake window closed well.
    Baked {
        /// The new side in the window.
        traffic: Traffic,
        /// The old side before the switch, over a period as long or since its start.
        before: Traffic,
        /// Length of the window, in milliseconds.
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
    /// Files of the old side are kept for clients that still ask for them.
    Kept {
        /// Files.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The new side serves, and the old one has drained (final, exit 0).
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
    /// Only the gate was asked for, and it is open; nothing was switched (final, exit 0).
    Passed,
    /// It switched, and the old side serves again: the new one was bad, or somebody wanted it back (final, exit 6).
    RolledBack {
        /// Why.
        reason: String,
        /// Who rolled it back; nobody did where it was by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The slot that is live again.
        live: Slot,
        /// The environment's generation.
        generation: Generation,
    },
}

impl SwapStep {
    fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Done { .. } | Self::Passed => Some(exit::DONE),
            Self::RolledBack { .. } => Some(exit::ROLLED_BACK),
            Self::Plan { .. }
            | Self::Required { .. }
            | Self::Differs { .. }
            | Self::Warmed { .. }
            | Self::Switched { .. }
            | Self::Verified { .. }
            | Self::Baked { .. }
            | Self::Kept { .. }
            | Self::Drained { .. } => None,
        }
    }
}

impl From<SwapStep> for Event {
    fn from(step: SwapStep) -> Self {
        Self::Swap(step)
    }
}

impl From<ReloadStep> for Event {
    fn from(step: ReloadStep) -> Self {
        Self::Reload(step)
    }
}

impl From<PauseStep> for Event {
    fn from(step: PauseStep) -> Self {
        Self::Pause(step)
    }
}

/// A step of switching maintenance on or off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum MaintenanceStep {
    /// Maintenance is on or off, and that is saved (final, exit 0).
    Maintained {
        /// The environment.
        environment: String,
        /// What is shown; `None` when it is off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<MaintenanceStatus>,
    },
}

impl From<MaintenanceStep> for Event {
    fn from(step: MaintenanceStep) -> Self {
        Self::Maintenance(step)
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

#[cfg(test)]
mod tests;
