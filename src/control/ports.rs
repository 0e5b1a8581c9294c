//! What the switcher needs from elsewhere: a place for the truth, a book for history, certificates. Tests put memory in their
//! place.

use crate::config::Config;
use crate::model::history::Entry;
pub use crate::model::state::Durability;
use crate::model::state::State;

/// Keeps the state: what is live after `kill -9` is what was saved last (N27).
pub trait StateStore: Send {
    /// Replaces the saved state. Blocks until it is on disk.
    ///
    /// # Errors
    /// In words, when the old state is still the saved one.
    fn save(&mut self, state: &State) -> Result<Durability, String>;
}

/// Keeps the history. Nothing decides from it, so a failure is the journal's own to report.
pub trait Journal: Send {
    /// Appends one entry.
    fn record(&mut self, entry: Entry);
}

/// Keeps certificates for the hosts that are served.
pub trait Hosts {
    /// From now on those of these configurations; where two differ over a host, the first one is right. Hosts that stay keep
    /// what they have. Returns what an operator should be told.
    ///
    /// # Errors
    /// In words, when nothing has changed.
    fn serve(&self, configurations: &[&Config]) -> Result<Vec<String>, String>;
}
