//! Signals by which a person or a CI job asks a command to end.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::exit::Stop;

/// Takes a signal over, so that it no longer ends the process by itself.
///
/// # Errors
/// When the system does not let us listen.
pub(super) fn listen(kind: SignalKind) -> Result<Signal, Stop> {
    signal(kind).map_err(|error| Stop::failed(format!("cannot listen for signals: {error}")))
}

/// How long behind a signal another one is the same wish: the terminal sends Ctrl-C to `npm run deploy` and to us, and npm passes it on.
const ECHO: Duration = Duration::from_millis(300);

/// Everything by which somebody asks a command to end, again and again.
#[derive(Debug)]
pub(super) struct Interruptions {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    last: Option<Instant>,
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
            last: None,
        })
    }

    /// Resolves at the next wish to end: SIGINT, SIGTERM, or SIGHUP. A terminal that goes away says so twice, by the shell and by the
    /// kernel, so SIGHUP is never more than the first. May be dropped and called again: none is missed.
    pub(super) async fn next(&mut self) {
        loop {
            let hangs_up = tokio::select! {
                _ = self.interrupt.recv() => false,
                _ = self.terminate.recv() => false,
                _ = self.hang_up.recv() => true,
            };
            let is_same = self.last.is_some_and(|last| hangs_up || last.elapsed() < ECHO);
            if !is_same {
                self.last = Some(Instant::now());
                return;
            }
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
