//! From a configuration and what was remembered to what serves at the start.

use super::maintenance::page;
use super::opened::at_start;
use super::rules::{complete, live, previous};
use crate::config::Config;
use crate::model::slot::Generation;
use crate::model::state::State;
use crate::proxy::Activation;
use crate::proxy::{Held, Snapshot, Stance};

/// What serves at the start.
#[derive(Debug)]
pub struct Initial {
    /// The first snapshot.
    pub snapshot: Snapshot,
    /// The state with every environment of the file in it, and without what the file overtook.
    pub state: State,
    /// Lines for the log: what the file overtook.
    pub messages: Vec<String>,
}

/// The activations of what the state says, where the file still allows it: the file's addresses win. `cores` is the number of
/// the data plane's workers.
#[must_use]
pub fn initial(config: &Config, state: &State, cores: usize) -> Initial {
    let (state, messages) = complete(config, state);
    let mut snapshot = Snapshot::new(config, |service| {
        let known = state.environments.get(&*service.environment);
        let (slot, addresses) = live(service, known);
        Activation::new(
            service.environment.clone(),
            service.name.clone(),
            slot,
            known.map_or(Generation(1), |known| known.generation),
            addresses,
            cores,
        )
    });
    for service in config.services() {
        if let Some(addresses) = previous(service, state.environments.get(&*service.environment)) {
            snapshot = snapshot.with_previous(&service.environment, &service.name, &addresses);
        }
    }
    for (name, maintenance) in &state.maintenance {
        let stance = Stance {
            maintenance: Some(page(maintenance)),
            held: Held::Nothing,
        };
        snapshot = snapshot.with_stance(name, &stance);
    }
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let snapshot = snapshot.with_previews(at_start(config, &state, cores, now));
    Initial {
        snapshot,
        state,
        messages,
    }
}
