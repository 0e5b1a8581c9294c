//! An open preview, and what serves it: live periods of its own for the idle side of its environment.

use std::sync::{Arc, Weak};

use crate::config::{Config, Environment, Service};
use crate::model::preview::Preview;
use crate::model::slot::Address;
use crate::model::state::{EnvironmentState, State};
use crate::proxy::{Activation, OpenPreview, Snapshot};
use crate::telemetry::Totals;

/// Open previews, and what their links are made of.
pub(super) struct Previews {
    /// In the order in which they were opened.
    pub(super) opened: Vec<Opened>,
    /// What those that are over had begun.
    pub(super) draining: Vec<Weak<Activation>>,
    pub(super) https_port: Option<u16>,
}

impl Previews {
    /// What may still be inside by previews of an environment that are over.
    pub(super) fn left_behind(&self, environment: &str) -> impl Iterator<Item = Arc<Activation>> {
        let draining = self.draining.iter().filter_map(Weak::upgrade);
        draining.filter(move |it| *it.environment == *environment)
    }
}

/// An open preview.
pub(super) struct Opened {
    pub(super) preview: Arc<Preview>,
    pub(super) sides: Vec<Side>,
}

/// The idle side of one service.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) service: Arc<Service>,
    pub(super) activation: Arc<Activation>,
}

impl Opened {
    /// A preview of an environment of the file, or `None` where it shows nothing there. What `before` served at the same addresses
    /// serves on.
    pub(super) fn new(
        preview: &Arc<Preview>,
        file: &Environment,
        state: &EnvironmentState,
        totals: &Totals,
        before: &[Side],
    ) -> Option<Self> {
        if (state.generation, state.live.other()) != (preview.generation, preview.slot) {
            return None;
        }
        let sides = file.services.iter().filter_map(|service| {
            let addresses = idle(service, preview, state)?;
            let mut known = before.iter().map(|side| &side.activation);
            let known = known.find(|it| it.service == service.name && it.addresses == addresses);
            let activation = known.cloned().unwrap_or_else(|| {
                let (environment, name) = (service.environment.clone(), service.name.clone());
                Activation::new(environment, name, preview.slot, preview.generation, addresses, totals)
            });
            let service = service.clone();
            Some(Side { service, activation })
        });
        let sides: Vec<_> = sides.collect();
        (!sides.is_empty()).then(|| Self {
            preview: preview.clone(),
            sides,
        })
    }

    pub(super) fn published(&self) -> OpenPreview {
        OpenPreview {
            preview: self.preview.clone(),
            candidates: self.sides.iter().map(|side| side.activation.clone()).collect(),
        }
    }

    /// Requests that wait for their response head, and streams.
    pub(super) fn in_flight(&self) -> (u64, u64) {
        let each = self.sides.iter().map(|side| side.activation.in_flight());
        each.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }
}

/// Where the side runs that a preview shows; `None` for a service that has one side alone.
fn idle(service: &Service, preview: &Preview, state: &EnvironmentState) -> Option<Vec<Address>> {
    let file = service.slots.get(preview.slot)?;
    Some(state.addresses(&service.name, preview.slot, file))
}

/// What a start publishes of the previews that are remembered; `now` is in seconds since 1970.
pub(super) fn at_start(config: &Config, state: &State, totals: &Totals, now: u64) -> Option<Arc<[OpenPreview]>> {
    let fitting = state.previews.open.iter().filter_map(|preview| {
        let file = config.environments.iter().find(|it| *it.name == *preview.environment)?;
        let known = state.environments.get(&preview.environment)?;
        let preview = Arc::new(preview.clone());
        let opened = Opened::new(&preview, file, known, totals, &[])?;
        (now < preview.until).then(|| opened.published())
    });
    state.previews.are_around(now).then(|| fitting.collect())
}

/// The previews that a start has published.
pub(super) fn after_start(config: &Config, snapshot: &Snapshot) -> Vec<Opened> {
    let service_of = |activation: &Activation| {
        let mut services = config.services();
        let same = |it: &&Arc<Service>| (&it.environment, &it.name) == (&activation.environment, &activation.service);
        services.find(same).cloned()
    };
    let opened = snapshot
        .previews()
        .into_iter()
        .flat_map(|open| open.iter())
        .map(|open| {
            let sides = open.candidates.iter().filter_map(|activation| {
                let (service, activation) = (service_of(activation)?, activation.clone());
                Some(Side { service, activation })
            });
            Opened {
                preview: open.preview.clone(),
                sides: sides.collect(),
            }
        });
    opened.collect()
}
