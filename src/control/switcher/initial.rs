//! From a configuration and what was remembered to what serves at the start.

use std::sync::Arc;

use crate::config::{Config, Environment, Service, Slots};
use crate::model::bake;
use crate::model::slot::{Address, Generation, Slot};
use crate::model::state::{EnvironmentState, State};
use crate::model::switch;
use crate::proxy::{Activation, Snapshot, Stance};

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
    for service in config.environments.iter().flat_map(|environment| &environment.services) {
        if let Some(addresses) = previous(service, state.environments.get(&*service.environment)) {
            snapshot = snapshot.with_previous(&service.environment, &service.name, &addresses);
        }
    }
    for (name, maintenance) in &state.maintenance {
        let stance = Stance {
            maintenance: Some(super::maintenance::page(maintenance)),
            paused: false,
        };
        snapshot = snapshot.with_stance(name, &stance);
    }
    Initial {
        snapshot,
        state,
        messages,
    }
}

/// A state that knows every environment, and nothing that the file overtook. To complete it twice changes nothing.
pub(super) fn complete(config: &Config, state: &State) -> (State, Vec<String>) {
    let mut state = state.clone();
    let mut messages = Vec::new();
    let now = format!("{:.3}", jiff::Timestamp::now());
    for environment in &config.environments {
        let known = state
            .environments
            .entry(environment.name.to_string())
            .or_insert_with(|| EnvironmentState::first(now.clone()));
        if known.live == Slot::Upstream {
            known.live = Slot::Blue;
        }
        let forgotten = known.reconcile(|name, slot| {
            let mut services = environment.services.iter();
            services.find(|service| *service.name == *name)?.slots.get(slot)
        });
        messages.extend(
            forgotten
                .into_iter()
                .map(|line| format!("`{}`: {line}", environment.name)),
        );
    }
    (state, messages)
}

pub(super) fn live(service: &Service, known: Option<&EnvironmentState>) -> (Slot, Vec<Address>) {
    let slot = match &service.slots {
        Slots::Single(_) => Slot::Upstream,
        Slots::Pair { .. } => known.map_or(Slot::Blue, |known| known.live),
    };
    let file = service.slots.get(slot).unwrap_or_default();
    let addresses = match (slot, known) {
        (Slot::Blue | Slot::Green, Some(known)) => known.addresses(&service.name, slot, file),
        (Slot::Upstream, _) | (_, None) => file.to_vec(),
    };
    (slot, addresses)
}

/// Where the side before the live one ran.
fn previous(service: &Service, known: Option<&EnvironmentState>) -> Option<Vec<Address>> {
    let known = known?;
    let file = service.slots.get(known.previous.as_ref()?.slot)?;
    known.previous_addresses(&service.name, file)
}

/// The services with two sides, in the order of the file.
pub(super) fn pairs(environment: &Environment) -> Vec<Arc<Service>> {
    let pairs = environment.services.iter().filter(|service| service.slots.can_swap());
    pairs.cloned().collect()
}

/// What a switch has to know of an environment.
pub(super) fn rules(environment: &Environment) -> switch::Rules {
    let fixed = environment.services.iter().filter_map(|service| match &service.slots {
        Slots::Single(addresses) => Some((service.name.to_string(), addresses.clone())),
        Slots::Pair { .. } => None,
    });
    let services = environment.services.iter().filter_map(|service| match &service.slots {
        Slots::Single(_) => None,
        Slots::Pair { blue, green } => Some(switch::Service {
            name: service.name.to_string(),
            blue: blue.clone(),
            green: green.clone(),
            health_path: service.health.path.clone(),
            names_version: service.health.version.is_some(),
            passes: service.health.passes,
            interval: service.health.interval,
            timeout: service.health.timeout,
            deadline: service.health.deadline,
            warms: !service.warmup.is_empty(),
            bake: service.bake.map(|bake| switch::Bake {
                period: bake.period,
                rule: bake::Rule {
                    max_error_rate: bake.max_error_rate,
                },
            }),
        }),
    });
    switch::Rules {
        name: environment.name.to_string(),
        protected: environment.protected,
        services: services.collect(),
        fixed: fixed.collect(),
    }
}
