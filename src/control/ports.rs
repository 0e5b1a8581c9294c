//! What the switcher needs from the disk: a place for the truth, and a book for history. Tests put memory in their place.

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
