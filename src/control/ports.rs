//! What the switcher needs from elsewhere: a place for the state, a journal, certificates, and the data plane. Its tests put
//! something in memory in the place of each.

use std::future::Future;
use std::pin::Pin;

use crate::config::Config;
use crate::model::history::Entry;
use crate::model::slot::Address;
pub(super) use crate::model::state::Durability;
use crate::model::state::State;
use crate::proxy::{Answer, Ask, DataPlane, Sign, Waiting};

/// Keeps the state: what is live after `kill -9` is what was saved last (N27).
pub(super) trait StateStore: Send {
    /// Replaces the saved state. Blocks until it is on disk.
    ///
    /// # Errors
    /// Why it could not be saved; the old state is still the saved one.
    fn save(&mut self, state: &State) -> Result<Durability, String>;
}

/// Keeps the history. Nothing is decided from it, so that the journal itself reports a failure.
pub(super) trait Journal: Send {
    /// Appends one entry.
    fn record(&mut self, entry: Entry);
}

/// Keeps certificates for the hosts that are served.
pub(super) trait Hosts {
    /// Serves the hosts of these configurations from now on; where two differ over a host, the first one is right. Hosts that
    /// stay keep their certificates. Returns what an operator should be told.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    fn serve(&self, configurations: &[&Config]) -> Result<Vec<String>, String>;
}

/// What is asked of the data plane.
pub(super) trait Plane {
    /// Wakes every core, which then looks at the snapshot and at what drains.
    fn poke(&self);

    /// The requests of a service that wait now, and since when its app cannot be reached.
    fn waiting(&self, environment: &str, service: &str) -> Waiting {
        let _ = (environment, service);
        Waiting::default()
    }

    /// What a look at an instance has shown that serves, and is not away by its operator's will: for the log.
    fn looked(&self, environment: &str, service: &str, address: &Address, sign: &Sign) {
        let _ = (environment, service, address, sign);
    }

    /// Of the instances that are away, only these still matter to the log.
    fn keep(&self, environment: &str, service: &str, in_use: &[Address]) {
        let _ = (environment, service, in_use);
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

    fn looked(&self, environment: &str, service: &str, address: &Address, sign: &Sign) {
        Self::looked(self, environment, service, address, sign);
    }

    fn keep(&self, environment: &str, service: &str, in_use: &[Address]) {
        Self::keep(self, environment, service, in_use);
    }

    fn turn_away(&self, environment: &str) {
        Self::turn_away(self, environment);
    }

    fn ask(&self, ask: Ask) -> Pin<Box<dyn Future<Output = Result<Answer, String>> + '_>> {
        Box::pin(Self::ask(self, ask))
    }
}
