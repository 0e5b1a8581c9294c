//! What a reload says while it goes on.

use serde::{Deserialize, Serialize};

use crate::model::api::problem::exit;
use crate::model::api::upkeep::Change;

/// A step of a reload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum ReloadStep {
    /// The file is valid, and this is what differs.
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
}

impl ReloadStep {
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Reloaded { .. } => Some(exit::DONE),
            Self::Invalid { .. } => Some(exit::USAGE),
            Self::Reloading { .. } => None,
        }
    }
}
