//! The runtime that a command needs when it waits for something.

use super::exit::Stop;

/// Runs a command to its end. One thread is enough for a client, and for the demo's load.
///
/// # Errors
/// The command's own, or that the system has no runtime to give.
pub(super) fn in_runtime<T>(command: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::failed(format!("no runtime: {error}")))?;
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, command);
    // A prompt that still waits for a line must not hold the process.
    runtime.shutdown_background();
    outcome
}
