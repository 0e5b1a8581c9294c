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

/// Resolves at the first of SIGINT, SIGTERM and SIGHUP. They are listened for from this call on, not from the first poll.
///
/// # Errors
/// When the system does not let us listen.
pub(super) fn stop_signal() -> Result<impl Future<Output = ()>, Stop> {
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}
