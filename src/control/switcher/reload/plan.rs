//! What a reload is going to publish, worked out before anything changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Owner, initial};
use crate::config::{Diff, Service};
use crate::control::evidence::gating::Candidate;
use crate::control::served::Loaded;
use crate::model::api::{CommonStep, Event};
use crate::model::slot::{Address, Slot};
use crate::model::state::EnvironmentState;
use crate::proxy::{Activation, Live, Snapshot};

/// What is going to be published.
#[derive(Debug)]
pub(in crate::control::switcher) struct Plan {
    pub(super) loaded: Loaded,
    pub(super) diff: Diff,
    /// Of the environments that are concerned.
    pub(super) states: BTreeMap<String, EnvironmentState>,
    /// Whether these have to be on disk before they may be seen.
    pub(super) must_save: bool,
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
    /// The states to save.
    pub(in crate::control::switcher) fn states(&self) -> &BTreeMap<String, EnvironmentState> {
        &self.states
    }
}

impl Owner {
    /// What will be published, and who has to show before that it is well: instances of a live side that serve nothing yet.
    pub(super) fn plan(&mut self, loaded: Loaded, diff: Diff) -> (Plan, Vec<Candidate>) {
        let (state, messages) = initial::complete(&loaded.config, self.saving.state());
        for message in messages {
            self.tell_reload(None, Event::Common(CommonStep::Warning { message }));
        }
        let concerned = |name: &str| diff.environments.iter().any(|it| **it == *name);
        let of_file = |name: &str| loaded.config.environments.iter().any(|it| *it.name == *name);
        let mut states: BTreeMap<_, _> = state.environments.into_iter().collect();
        states.retain(|name, _| concerned(name) && of_file(name));
        let before = self.routing.load();
        let now = self.moment().written();
        let mut candidates = Vec::new();
        for environment in &loaded.config.environments {
            let mut moved = false;
            for service in &environment.services {
                let Next::New { addresses, before, .. } = next(&before, &diff, &states, service) else {
                    continue;
                };
                moved = true;
                let known = before.as_ref().map_or(&[][..], |before| &before.addresses);
                // A service that comes is held for until its app is there; one that moves must not move to where nothing is.
                let fresh = addresses
                    .into_iter()
                    .filter(|it| before.is_some() && !known.contains(it));
                candidates.extend(fresh.map(|address| Candidate {
                    service: service.clone(),
                    address,
                }));
            }
            let gone = before
                .services()
                .iter()
                .filter(|live| live.service.environment == environment.name)
                .any(|live| !environment.services.iter().any(|it| it.name == live.service.name));
            let known = self.rooms.iter().any(|room| room.name == environment.name);
            if (moved || gone)
                && known
                && let Some(state) = states.get_mut(&*environment.name)
            {
                state.generation = state.generation.next();
                state.since.clone_from(&now);
            }
        }
        let saved = &self.saving.state().environments;
        let must_save = states.iter().any(|(name, state)| saved.get(name) != Some(state));
        let plan = Plan {
            loaded,
            diff,
            states,
            must_save,
        };
        (plan, candidates)
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
    let (slot, addresses) = initial::live(service, states.get(&*service.environment));
    match serving {
        Some(activation) if activation.slot == slot && activation.addresses == addresses => Next::Same(activation),
        before => Next::New {
            slot,
            addresses,
            before,
        },
    }
}
