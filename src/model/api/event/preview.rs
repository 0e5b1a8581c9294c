//! What the opening and the end of a preview say.

use serde::{Deserialize, Serialize};

use super::Event;
use crate::model::api::preview::{PreviewEnd, PreviewLink};
use crate::model::api::problem::exit;
use crate::model::slot::{Generation, Slot};

/// A step of a preview.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum PreviewStep {
    /// The way to it, for the one who has asked: told, and written down nowhere.
    Issued {
        /// What scripts send as `X-Greengate-Preview`.
        token: String,
        /// What people open, for each host.
        links: Vec<PreviewLink>,
    },
    /// It is open, and that is saved (final, exit 0).
    Opened {
        /// Number of the operation.
        operation: u64,
        /// The environment.
        environment: String,
        /// The side that it shows.
        slot: Slot,
        /// The generation with which it ends at the latest.
        generation: Generation,
        /// When it ends, RFC 3339.
        until: String,
        /// For how long it is open, in milliseconds.
        for_ms: u64,
    },
    /// It has ended; an entry of the journal under the number of its opening.
    Over {
        /// The environment.
        environment: String,
        /// The side that it showed.
        slot: Slot,
        /// Why.
        reason: PreviewEnd,
    },
    /// None of the environment is open any more, as was asked (final, exit 0).
    Closed {
        /// The environment.
        environment: String,
        /// How many were open.
        previews: u64,
    },
}

impl PreviewStep {
    pub(super) fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Opened { .. } | Self::Closed { .. } => Some(exit::DONE),
            Self::Issued { .. } | Self::Over { .. } => None,
        }
    }

    /// Whether it is a secret of the one who has asked.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::Issued { .. })
    }
}

impl From<PreviewStep> for Event {
    fn from(step: PreviewStep) -> Self {
        Self::Preview(step)
    }
}
