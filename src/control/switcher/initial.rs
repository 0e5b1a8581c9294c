//! From a configuration and what was remembered to what serves at the start.

use super::maintenance::page;
use super::opened::at_start;
use super::rules::{complete, live, previous};
use crate::config::Config;
use crate::model::slot::Generation;
use crate::model::state::State;
use crate::proxy::Activation;
use crate::proxy::{Held, Snapshot, Stance};
use crate::telemetry::Totals;

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

/// The activations of what the state says, where the file still allows it: the file's addresses win.
#[must_use]
pub fn initial(config: &Config, state: &State, totals: &Totals) -> Initial {
    let (mut state, mut messages) = complete(config, state);
    messages.extend(forget_sleep(config, &mut state));
    let mut snapshot = Snapshot::new(config, |service| {
        let known = state.environments.get(&*service.environment);
        let (slot, addresses) = live(service, known);
        Activation::new(
            service.environment.clone(),
            service.name.clone(),
            slot,
            known.map_or(Generation(1), |known| known.generation),
            addresses,
            totals,
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
            sleep: None,
        };
        snapshot = snapshot.with_stance(name, &stance);
    }
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let snapshot = snapshot.with_previews(at_start(config, &state, totals, now));
    Initial {
        snapshot,
        state,
        messages,
    }
}

/// Forgets how environments slept that may not any more. Returns a line for the log for each that is asleep: nobody wakes it.
fn forget_sleep(config: &Config, state: &mut State) -> Vec<String> {
    let mut messages = Vec::new();
    state.sleep.retain(|name, slept| {
        let file = config.environments.iter().find(|it| *it.name == **name);
        if file.is_some_and(|file| file.sleep.is_some()) {
            return true;
        }
        if let Some(since) = &slept.since {
            messages.push(format!(
                "`{name}` was put to sleep at {since}, and has no `sleep` any more: its app does not run until somebody starts it"
            ));
        }
        false
    });
    messages
}
