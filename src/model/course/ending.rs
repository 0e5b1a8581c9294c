//! How a deployment ended, and with which exit code.

use super::script::Task;
use crate::model::api::{DeployOutcome, exit};

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What became of it.
    pub fate: Fate,
    /// Stops that were due and were not done.
    pub standing: Vec<Task>,
}

/// What became of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The new side serves, and everything is done.
    Served,
    /// The new side served; the environment was switched or changed meanwhile, or another holds it, so that the old side is left as it is.
    Overtaken,
    /// The new side serves, but the old one could not be stopped.
    Unstopped,
    /// The new side serves; the waiting was interrupted while the old side was kept.
    Unkept,
    /// Nothing was switched, with the exit code.
    Refused(u8),
    /// Nothing was switched: it was interrupted.
    Interrupted,
    /// The daemon went away before the switch, and is back: nothing was switched.
    Lost,
    /// The daemon went away before the switch, and does not come back.
    Unreachable,
    /// Switched, and rolled back by itself.
    RolledBack,
    /// The new side serves; the old one drains by itself.
    NotAwaited,
    /// The swap goes on in the daemon.
    GoesOn,
    /// The swap failed after the switch, or the daemon went away behind it: a person has to look.
    Failed,
}

impl Fate {
    /// What the daemon is told of it.
    pub(super) fn outcome(self) -> DeployOutcome {
        match self {
            Self::Served | Self::Overtaken | Self::Unkept | Self::NotAwaited | Self::GoesOn => DeployOutcome::Done,
            Self::Refused(_) => DeployOutcome::Refused,
            Self::Interrupted => DeployOutcome::Interrupted,
            Self::RolledBack => DeployOutcome::RolledBack,
            Self::Unstopped | Self::Lost | Self::Unreachable | Self::Failed => DeployOutcome::Failed,
        }
    }
}

impl Ending {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self.fate {
            Fate::Served | Fate::Overtaken | Fate::NotAwaited => exit::DONE,
            Fate::Refused(code) => code,
            Fate::RolledBack => exit::ROLLED_BACK,
            Fate::GoesOn | Fate::Unkept => exit::STOPPED_WAITING,
            Fate::Unreachable => exit::UNREACHABLE,
            Fate::Unstopped | Fate::Interrupted | Fate::Lost | Fate::Failed => exit::FAILED,
        }
    }
}
