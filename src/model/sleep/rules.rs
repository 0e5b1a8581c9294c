//! When an environment falls asleep, and by which commands it is stopped and started.

use std::time::Duration;

/// `sleep` of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long nobody has to need it.
    pub after: Duration,
    /// The command that starts the app: its program first.
    pub start: Vec<String>,
    /// The command that stops it.
    pub stop: Vec<String>,
    /// How long `start` may take, to the app's first answer; and `stop`.
    pub deadline: Duration,
}

/// The times that nobody configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How often it is looked whether anybody needs it.
    pub look: Duration,
    /// How long a WebSocket counts that moves nothing.
    pub web_socket: Duration,
}

impl Times {
    /// Those of production.
    pub const USUAL: Self = Self {
        look: Duration::from_secs(5),
        web_socket: Duration::from_secs(5 * 60),
    };
}
