//! Why something was not done, and the exit codes that tell scripts.

use serde::{Deserialize, Serialize};

/// An error outside of operations, with the exit code that fits it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Exit code for `proxyctl`.
    pub code: u8,
    /// What and why.
    pub reason: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Said to all who ask while the process ends. It is a failure, and nothing that somebody else holds: the next process may be asked the
/// same.
pub const STOPPING: &str = "the proxy is stopping";

/// Exit codes of `proxyctl`; people script against them.
pub mod exit {
    /// Done.
    pub const DONE: u8 = 0;
    /// Failed.
    pub const FAILED: u8 = 1;
    /// Usage, or an invalid configuration.
    pub const USAGE: u8 = 2;
    /// The daemon cannot be reached.
    pub const UNREACHABLE: u8 = 3;
    /// Refused by the gate or a rule; nothing changed.
    pub const REFUSED: u8 = 4;
    /// Another operation holds the environment.
    pub const BUSY: u8 = 5;
    /// Switched, and rolled back by itself.
    pub const ROLLED_BACK: u8 = 6;
    /// Stopped waiting; the operation goes on.
    pub const STOPPED_WAITING: u8 = 7;
}
