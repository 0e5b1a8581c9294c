//! What a deployment says while it holds its environment.

use serde::{Deserialize, Serialize};

use crate::model::api::deploy::{CommandBegun, CommandEnded, DeployOutcome, DeployPlan};
use crate::model::api::operation::Kind;
use crate::model::api::problem::exit;
use crate::model::slot::Slot;

/// A step of a deployment. Its swap is an operation of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum DeployStep {
    /// The deployment holds the environment, unless this is a dry run.
    Deploying {
        /// Number of the operation; `None` for a dry run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<u64>,
        /// The environment.
        environment: String,
        /// To the idle side, or back to the previous one.
        kind: Kind,
        /// What is deployed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
        /// What it has to know.
        plan: Box<DeployPlan>,
    },
    /// A command is about to run.
    CommandBegun(CommandBegun),
    /// A command has run.
    CommandEnded(CommandEnded),
    /// The deployment is over (final, with the exit code of its outcome).
    Released {
        /// How it ended.
        outcome: DeployOutcome,
        /// Why, where that needs a word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The client that it was attached to is gone, and the environment is free again (final, exit 1).
    Abandoned {
        /// What it was at: `start`, `swap`, `between two steps`.
        step: String,
        /// The slot that is live.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        live: Option<Slot>,
    },
}

impl DeployStep {
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Released { outcome, .. } => Some(match outcome {
                DeployOutcome::Done => exit::DONE,
                DeployOutcome::Refused => exit::REFUSED,
                DeployOutcome::RolledBack => exit::ROLLED_BACK,
                DeployOutcome::Failed | DeployOutcome::Interrupted => exit::FAILED,
            }),
            Self::Abandoned { .. } => Some(exit::FAILED),
            Self::Deploying { .. } | Self::CommandBegun(_) | Self::CommandEnded(_) => None,
        }
    }
}
