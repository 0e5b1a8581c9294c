//! What an upgrade says while it is under way.

use serde::{Deserialize, Serialize};

use crate::model::api::problem::exit;
use crate::model::handoff::Phase;

/// A step of an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum UpgradeStep {
    /// A new process is started.
    Upgrading {
        /// Number of the operation.
        operation: u64,
    },
    /// The new process has got so far.
    Entered {
        /// `configuration`, `state`, `certificates`, `workers`, `gating`, `ready`.
        phase: Phase,
    },
    /// The new process is the front door; the old one drains, and ends by itself (final, exit 0).
    Upgraded {
        /// Process id of the new one.
        pid: u32,
        /// Version of the new one.
        version: String,
        /// Version of the old one.
        before: String,
        /// Since the new process was started, in milliseconds.
        elapsed_ms: u64,
    },
}

impl UpgradeStep {
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Upgraded { .. } => Some(exit::DONE),
            Self::Upgrading { .. } | Self::Entered { .. } => None,
        }
    }
}
