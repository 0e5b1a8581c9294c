//! One environment: what decides for it, and what is behind that.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::drainer;
use super::errands::Errands;
use super::gated::Gated;
use super::message::Message;
use super::publisher::Publisher;
use super::rules;
use crate::config::{self, Service};
use crate::control::evidence::figures::Publication;
use crate::model::drain::Limits;
use crate::model::environment::{self, Input};
use crate::model::slot::{Address, Generation};
use crate::model::state::EnvironmentState;
use crate::model::switch::{self, Ended, Kept};
use crate::proxy::{Activation, Bell};

/// One environment.
pub(super) struct Environment {
    /// Its place in the owner's list.
    pub(super) place: usize,
    pub(super) name: Arc<str>,
    pub(super) machines: environment::Environment,
    /// The services with two sides, as the switch counts them.
    pub(super) pairs: Vec<Arc<Service>>,
    /// What an instance of each service called its version when the gate asked it last.
    pub(super) called: BTreeMap<usize, (Address, String)>,
    /// What the gate has opened.
    pub(super) gated: Gated,
    pub(super) publications: BTreeMap<Generation, Publication>,
    pub(super) retired: Vec<Retired>,
    /// What may have writes inside while those are paused.
    pub(super) written: Vec<Arc<Activation>>,
    /// By which a request calls for it while it sleeps.
    pub(super) bell: Arc<Bell>,
    /// Not in the file any more; what it served may still drain.
    pub(super) gone: bool,
}

/// An old side that still drains.
pub(super) struct Retired {
    pub(super) left: Generation,
    pub(super) activation: Arc<Activation>,
}

impl Environment {
    pub(super) fn new(place: usize, file: &config::Environment, state: EnvironmentState) -> Self {
        Self {
            place,
            name: file.name.clone(),
            machines: environment::Environment::new(rules::rules(file), state),
            pairs: rules::pairs(file),
            called: BTreeMap::new(),
            gated: Gated::default(),
            publications: BTreeMap::new(),
            retired: Vec::new(),
            written: Vec::new(),
            bell: Bell::new(|| {}),
            gone: false,
        }
    }

    /// Remembers what an instance that the gate has asked calls its version.
    pub(super) fn listen(&mut self, input: &Input) {
        if let Input::Switch(switch::Input::Probed {
            service,
            address,
            report,
            ..
        }) = input
            && let Some(version) = &report.version
        {
            self.called.insert(*service, (address.clone(), version.clone()));
        }
    }

    /// Waits for the last claim of an activation, and keeps its files where those of this service are kept. `service` names it in what the machines know to have left with `left`.
    pub(super) fn retire(
        &mut self,
        (left, service): (Generation, usize),
        activation: Arc<Activation>,
        keeps: Option<Arc<Service>>,
        limits: Limits,
        publisher: &Publisher,
        errands: &Errands,
    ) {
        self.retired.push(Retired {
            left,
            activation: activation.clone(),
        });
        let (environment, id) = (self.place, activation.id);
        let (plane, reply, at_close) = (publisher.plane.clone(), errands.reply(), activation.counters());
        let (elders, addresses) = (publisher.elders.clone(), activation.addresses.clone());
        let keeping = publisher.keeping.clone();
        let keep = async move {
            match keeps {
                Some(service) => keeping.keep(service, addresses).await,
                None => Kept::default(),
            }
        };
        let addresses = activation.addresses.clone();
        errands.run("drain", async move {
            let progress = |requests, streams| {
                let draining = switch::Input::Draining {
                    left,
                    service,
                    requests,
                    streams,
                };
                reply.input(environment, Input::Switch(draining));
            };
            let drain = drainer::drain(activation, limits, at_close, plane, progress);
            let (ended, kept) = tokio::join!(drain, keep);
            let ended = Ended { kept, ..ended };
            // Who is told that an app may be stopped does not care which process still speaks to it.
            elders.have_left(addresses).await;
            reply.send(Message::Drained {
                environment,
                left,
                service,
                activation: id,
                ended,
            });
        });
    }

    /// An activation has drained. Returns what the machines hear of it.
    pub(super) fn drained(&mut self, left: Generation, service: usize, activation: u64, ended: Ended) -> Input {
        self.retired.retain(|retired| retired.activation.id != activation);
        let served = self
            .publications
            .get(&left)
            .map(Publication::served)
            .unwrap_or_default();
        // Kept are the figures of the newest, which may bake, and of those whose old sides drain.
        let newest = self.machines.state().generation;
        let retired = &self.retired;
        self.publications
            .retain(|generation, _| *generation == newest || retired.iter().any(|it| it.left == *generation));
        if ended.left > 0 {
            tracing::error!(environment = %self.name, left = ended.left, "some exchanges could not be cut");
        }
        Input::Switch(switch::Input::Drained {
            left,
            service,
            ended,
            served,
        })
    }
}
