//! The daemon's life, as phases: [`Prepared`] → [`Bound`] → [`Serving`], and the stop (N26). What a phase has opened is closed
//! when it fails, and no phase begins before the one before it is whole.
//!
//! Everything here runs on the main thread's runtime, beside the workers' threads: a burst of requests does not delay a swap,
//! and a swap never stalls a request.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bound::Bound;
use super::handoff::{Inheritance, enter};
use super::prepared::Prepared;
use super::serving::{End, Serving};
use super::signals::Signals;
use crate::config::LoadError;
use crate::control::fault::Fault;
use crate::control::served::Loaded;
use crate::model::handoff::Phase;

/// What is being read or written when all else has ended may take this long.
const DISKS: Duration = Duration::from_secs(2);

/// What `proxyd` was told.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// The configuration file.
    pub config: PathBuf,
    /// Whether another process hands over.
    pub take_over: bool,
}

/// Starts, serves until a signal says stop, and stops.
///
/// # Errors
/// When the daemon cannot start.
pub(super) fn run(options: &Options) -> Result<(), Failure> {
    // `status` shows the path to people in other folders. Without a current folder it stays as it was given.
    let file = std::path::absolute(&options.config).unwrap_or_else(|_| options.config.clone());
    let mut inheritance = options.take_over.then(Inheritance::take).transpose()?;
    let result = live(&file, &mut inheritance);
    if let (Err(failure), Some(inheritance)) = (&result, &mut inheritance) {
        inheritance.fail(&failure.to_string());
    }
    result
}

/// Lives; `inheritance` is taken when this process is the front door.
fn live(file: &Path, inheritance: &mut Option<Inheritance>) -> Result<(), Failure> {
    enter(inheritance, Phase::Configuration);
    // What a start has to make do with is no reason for an upgrade, which can be refused.
    let read = if inheritance.is_some() {
        Loaded::read_again
    } else {
        Loaded::read
    };
    let loaded = read(file).map_err(Failure::Configuration)?;
    for diagnostic in &loaded.diagnostics {
        tracing::warn!(file = %file.display(), "{diagnostic}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Fault::new(format!("there is no runtime: {error}")))?;
    let lived: Result<(), Failure> = tokio::task::LocalSet::new().block_on(&runtime, async {
        // From here on a signal waits until it is asked for: one that comes during the start stops the daemon when it serves.
        let signals = Signals::install();
        let mut signals = signals.map_err(|error| Fault::new(format!("signals cannot be received: {error}")))?;
        let prepared = Prepared::new(loaded, inheritance)?;
        let bound = Bound::new(prepared, inheritance)?;
        let serving = Serving::start(bound, inheritance).await?;
        match serving.until_stop(&mut signals).await {
            End::Asked => serving.stop(&mut signals).await,
            End::Replaced => serving.leave(&mut signals).await,
        }
        Ok(())
    });
    // A disk that does not answer holds up the threads that ask it, and not the end (N26).
    runtime.shutdown_timeout(DISKS);
    lived
}

/// Why there is no daemon.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration is invalid.
    Configuration(LoadError),
    /// Something else is in the way.
    Fault(Fault),
}

impl Failure {
    /// For a person; ends with a line end.
    #[must_use]
    pub(super) fn render(&self, color: bool) -> String {
        match self {
            Self::Configuration(error) => error.render(color),
            Self::Fault(fault) => format!("error: {fault}\n"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
