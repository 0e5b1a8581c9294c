//! What the switcher needs from elsewhere: a place for the state, a journal, certificates, and the data plane. Its tests put
//! something in memory in the place of each.

use std::future::Future;
use std::pin::Pin;

use crate::config::Config;
use crate::model::history::Entry;
pub(super) use crate::model::state::Durability;
use crate::model::state::State;
use crate::proxy::{Answer, Ask, DataPlane, Waiting};

/// Keeps the state: what is live after `kill -9` is what was saved last (N27).
pub(super) trait StateStore: Send {
    /// Replaces the saved state. Blocks until it is on disk.
    ///
    /// # Errors
    /// In words, when the old state is still the saved one.
    fn save(&mut self, state: &State) -> Result<Durability, String>;
}

/// Keeps the history. Nothing decides from it, so a failure is the journal's own to report.
pub(super) trait Journal: Send {
    /// Appends one entry.
    fn record(&mut self, entry: Entry);
}

/// Keeps certificates for the hosts that are served.
pub(super) trait Hosts {
    /// From now on those of these configurations; where two differ over a host, the first one is right. Hosts that stay keep
    /// what they have. Returns what an operator should be told.
    ///
    /// # Errors
    /// In words, when nothing has changed.
    fn serve(&self, configurations: &[&Config]) -> Result<Vec<String>, String>;
}

/// What is asked of the data plane.
pub(super) trait Plane {
    /// Every core looks at patience and snapshot again.
    fn poke(&self);

    /// The requests of a service that wait now, and since when its app cannot be reached.
    fn waiting(&self, environment: &str, service: &str) -> Waiting {
        let _ = (environment, service);
        Waiting::default()
    }

    /// Answers every request of an environment that waits now with 503.
    fn turn_away(&self, environment: &str) {
        let _ = environment;
    }

    /// One request through the front door, inside the process.
    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + '_>>;
}

impl Plane for DataPlane {
    fn poke(&self) {
        Self::poke(self);
    }

    fn waiting(&self, environment: &str, service: &str) -> Waiting {
        Self::waiting(self, environment, service)
    }

    fn turn_away(&self, environment: &str) {
        Self::turn_away(self, environment);
    }

    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + '_>> {
        Box::pin(Self::ask(self, ask))
    }
}
