//! Signals by which a person or a CI job asks a command to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Stop;

/// Takes a signal over, so that it no longer ends the process by itself.
///
/// # Errors
/// When the system does not let us listen.
pub(super) fn listen(kind: SignalKind) -> Result<Signal, Stop> {
    signal(kind).map_err(|error| Stop::failed(format!("cannot listen for signals: {error}")))
}

/// Everything by which somebody asks a command to end, again and again.
#[derive(Debug)]
pub(super) struct Interruptions {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Interruptions {
    /// They are listened for from this call on.
    ///
    /// # Errors
    /// When the system does not let us listen.
    pub(super) fn listen() -> Result<Self, Stop> {
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Resolves at the next of SIGINT, SIGTERM and SIGHUP. May be dropped and called again: none is missed.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// Resolves at the first of SIGINT, SIGTERM and SIGHUP. They are listened for from this call on, not from the first poll.
///
/// # Errors
/// When the system does not let us listen.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Stop> {
    let mut interruptions = Interruptions::listen()?;
    Ok(async move { interruptions.next().await })
}
