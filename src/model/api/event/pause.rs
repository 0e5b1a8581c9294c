//! What a pause says while new requests are held.

use serde::{Deserialize, Serialize};

use crate::model::api::problem::exit;
use crate::model::api::seen::GateReport;

/// A step of a pause, which ends with the resume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum PauseStep {
    /// From now on new requests of the environment are held.
    Pausing {
        /// Number of the operation.
        operation: u64,
        /// The environment.
        environment: String,
        /// When it ends by itself, in milliseconds from now.
        limit_ms: u64,
        /// Whether requests that only read go on.
        #[serde(default, skip_serializing_if = "is_false")]
        writes: bool,
    },
    /// The app holds no request any more: it may be restarted.
    Paused {
        /// Since the pause began, in milliseconds.
        elapsed_ms: u64,
        /// When it ends by itself, in milliseconds from now.
        left_ms: u64,
        /// Whether requests that only read go on: then it holds none that writes.
        #[serde(default, skip_serializing_if = "is_false")]
        writes: bool,
    },
    /// Held requests have gone to the app, and new ones go there too (final, exit 0).
    Resumed {
        /// The environment.
        environment: String,
        /// Since the pause began, in milliseconds.
        elapsed_ms: u64,
        /// Why it ended, when that was not asked for: `its limit of 30 s was reached`.
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
}

impl PauseStep {
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Resumed { .. } => Some(exit::DONE),
            Self::Lapsed { .. } => Some(exit::FAILED),
            Self::Pausing { .. } | Self::Paused { .. } => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
