//! What is asked for beside swaps: reloads, pauses, maintenance; and what a reload is about to change.

use serde::{Deserialize, Serialize};

use super::operation::Kind;

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
    /// New requests that write are held, while those that read go on.
    #[serde(rename = "pause-writes")]
    PauseWrites,
    /// They are let go again.
    Resume,
    /// Requests are answered with 503, or no longer.
    Maintenance,
    /// Another process takes over.
    Upgrade,
    /// The other side is started, switched to, and the old one stopped.
    Deploy,
    /// The idle side is shown to who has a link.
    Preview,
    /// An app that nobody needs is stopped.
    Sleep,
    /// It is started again.
    Wake,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_false(flag: &bool) -> bool {
    !*flag
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
            Self::PauseWrites => "pause of writes",
            Self::Resume => "resume",
            Self::Maintenance => "maintenance",
            Self::Upgrade => "upgrade",
            Self::Deploy => "deploy",
            Self::Preview => "preview",
            Self::Sleep => "sleep",
            Self::Wake => "wake",
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

/// `POST /v1/upgrade`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeRequest {}

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
    /// Whether requests that only read go on.
    #[serde(default, skip_serializing_if = "is_false")]
    pub writes: bool,
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
