//! What a reload is going to publish, worked out before anything changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::rules;
use crate::config::{Diff, Service};
use crate::control::evidence::instance::Instance;
use crate::control::ports::Opening;
use crate::control::served::Loaded;
use crate::model::reload::Reload;
use crate::model::slot::{Address, Slot};
use crate::model::state::{EnvironmentState, State};
use crate::proxy::Activation;
use crate::proxy::{Live, Snapshot};

/// The reload that is under way, if there is one.
#[derive(Default)]
pub(super) struct Reloading {
    pub(super) machine: Reload,
    pub(super) plan: Option<Plan>,
}

/// What is going to be published.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) loaded: Loaded,
    pub(super) diff: Diff,
    /// Of the environments that are concerned.
    pub(super) states: BTreeMap<String, EnvironmentState>,
    /// Instances of a live side that serve nothing yet: they have to show before that they are well.
    pub(super) candidates: Vec<Instance>,
    /// What the state says and the file overtook.
    pub(super) overtaken: Vec<String>,
    /// What is listened on for operators from then on.
    pub(super) opening: Option<Opening>,
}

/// What serves a service after the reload.
pub(super) enum Next {
    /// What serves it now.
    Same(Arc<Activation>),
    /// A new live period, at these addresses.
    New {
        slot: Slot,
        addresses: Vec<Address>,
        /// What served it before.
        before: Option<Arc<Activation>>,
    },
}

impl Plan {
    /// `saved` is what the disk says, `before` what is published, `known` whether an environment was ever served; `now` is written
    /// into the states of those that move.
    pub(super) fn new(
        loaded: Loaded,
        diff: Diff,
        saved: &State,
        before: &Snapshot,
        known: impl Fn(&str) -> bool,
        now: &str,
    ) -> Self {
        let (state, overtaken) = rules::complete(&loaded.config, saved);
        let concerned = |name: &str| diff.environments.iter().any(|it| **it == *name);
        let of_file = |name: &str| loaded.config.environments.iter().any(|it| *it.name == *name);
        let mut states = state.environments;
        states.retain(|name, _| concerned(name) && of_file(name));
        let mut candidates = Vec::new();
        for environment in &loaded.config.environments {
            let sleeps = before.stance(&environment.name).sleep.is_some();
            let mut moved = false;
            for service in &environment.services {
                let Next::New { addresses, before, .. } = next(before, &diff, &states, service) else {
                    continue;
                };
                moved = true;
                let known = before.as_ref().map_or(&[][..], |before| &before.addresses);
                // A service that comes is held for until its app is there; one that moves must not move to where nothing is. What
                // sleeps has to answer before anybody is let in.
                let fresh = addresses
                    .into_iter()
                    .filter(|it| before.is_some() && !sleeps && !known.contains(it));
                candidates.extend(fresh.map(|address| Instance::new(service.clone(), address)));
            }
            let gone = before
                .services()
                .iter()
                .filter(|live| live.service.environment == environment.name)
                .any(|live| !environment.services.iter().any(|it| it.name == live.service.name));
            if (moved || gone)
                && known(&environment.name)
                && let Some(state) = states.get_mut(&*environment.name)
            {
                state.generation = state.generation.next();
                now.clone_into(&mut state.since);
            }
        }
        Self {
            loaded,
            diff,
            states,
            candidates,
            overtaken,
            opening: None,
        }
    }

    /// Whether its states have to be on disk before they may be seen.
    pub(super) fn must_save(&self, saved: &State) -> bool {
        let saved = |name| saved.environments.get(name);
        self.states.iter().any(|(name, state)| saved(name) != Some(state))
    }
}

/// What serves a service after the reload. An environment that is not concerned may be switched meanwhile: it is not looked at.
pub(super) fn next(
    before: &Snapshot,
    diff: &Diff,
    states: &BTreeMap<String, EnvironmentState>,
    service: &Service,
) -> Next {
    let same = |live: &&Live| live.service.environment == service.environment && live.service.name == service.name;
    let serving = before.services().iter().find(same).map(|live| live.activation.clone());
    if let Some(activation) = &serving
        && !diff.environments.contains(&service.environment)
    {
        return Next::Same(activation.clone());
    }
    let (slot, addresses) = rules::live(service, states.get(&*service.environment));
    match serving {
        Some(activation) if activation.slot == slot && activation.addresses == addresses => Next::Same(activation),
        before => Next::New {
            slot,
            addresses,
            before,
        },
    }
}
