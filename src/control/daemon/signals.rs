//! What a signal asks for. SIGPIPE is not among them: Rust's runtime ignores it, and a write to a closed pipe is an error like
//! others.

use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGTERM, SIGINT: finish what was begun, then stop. A second one: stop at once.
    Stop,
    /// SIGUSR1: open the log files again.
    ReopenLogs,
    /// SIGHUP: read the configuration again.
    Reload,
}

/// The signals of this process, from now on.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    user1: Stream,
    hangup: Stream,
}

impl Signals {
    /// Takes the signals over; none of them ends the process by itself any more.
    ///
    /// # Errors
    /// From the operating system.
    pub(super) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            user1: signal(SignalKind::user_defined1())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Loses none when it is cancelled.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
            _ = self.user1.recv() => Signal::ReopenLogs,
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
