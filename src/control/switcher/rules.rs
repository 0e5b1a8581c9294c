//! What the file and the saved state mean for what is served: pure, and the same at a start and at a reload.

use std::sync::Arc;

use crate::config::{Config, Environment, Service, Slots};
use crate::model::api::Side;
use crate::model::bake;
use crate::model::drain::Limits;
use crate::model::slot::{Address, Slot};
use crate::model::state::{EnvironmentState, State};
use crate::model::switch;
use crate::proxy::Activation;

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

/// Which slot of a service is live, and where it runs.
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
pub(super) fn previous(service: &Service, known: Option<&EnvironmentState>) -> Option<Vec<Address>> {
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
        requires: environment.requires.clone(),
    }
}

/// How long what a service leaves behind is kept.
pub(super) fn limits(service: &Service) -> Limits {
    Limits {
        requests: service.drain.requests,
        streams: service.drain.streams,
    }
}

/// The side that an activation serves.
pub(super) fn side(activation: &Activation) -> Side {
    Side {
        slot: activation.slot,
        addresses: activation.addresses.clone(),
    }
}
