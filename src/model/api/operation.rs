//! Swaps and rollbacks: what is asked for, and what is about to move.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::slot::{Address, Slot, written};

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
    /// Number of the deployment that holds the environment, and that this is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
    /// Whether it ends with the gate: nothing is switched.
    #[serde(default, skip_serializing_if = "is_false")]
    pub gate_only: bool,
    /// What was deployed to the candidate's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The environment whose version is promoted: it has to be healthy under that version, and of one shape with the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotes: Option<String>,
}

impl OperationRequest {
    /// The plain operation on an environment.
    #[must_use]
    pub fn new(environment: impl Into<String>, kind: Kind) -> Self {
        Self {
            environment: environment.into(),
            kind,
            to: None,
            expect_version: None,
            dry_run: false,
            force: false,
            confirmed: None,
            deadline_ms: None,
            within: None,
            gate_only: false,
            version: None,
            promotes: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// `--to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// `--to blue`, `--to green`.
    Slot(Slot),
    /// `--to 3005`: for the only service that can be swapped.
    Address(#[serde(serialize_with = "written::one")] Address),
    /// `--to web=3005,api=8012`: by service; services that are not named take their idle slot's own address.
    Services(#[serde(serialize_with = "written::named")] BTreeMap<String, Address>),
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
