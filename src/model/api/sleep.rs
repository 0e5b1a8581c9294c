//! An environment that sleeps: what is asked for, and how it stands.

use serde::{Deserialize, Serialize};

/// `POST /v1/sleep`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SleepRequest {
    /// The environment's name.
    pub environment: String,
    /// How long what was begun may take to end, in milliseconds.
    pub timeout_ms: u64,
}

/// `POST /v1/wake`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WakeRequest {
    /// The environment's name.
    pub environment: String,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SleepState {
    /// Its app runs, or should.
    Awake,
    /// New requests are held, and the app is being stopped.
    FallingAsleep,
    /// The next request starts its app.
    Asleep,
    /// Its app is being started.
    Waking,
}

/// An environment that may sleep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SleepStatus {
    /// How far it is.
    pub state: SleepState,
    /// `after`, in milliseconds; `None` where the file does not let it sleep any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// While it is awake, for how long nobody has needed it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// Since when it is asleep, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// How often it woke.
    pub woke: u64,
    /// How long waking took the last time, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waking_ms: Option<u64>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}
