//! What a switch changes: carries its effects out. What takes time is a task that reports to the mailbox.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::environment::Environment;
use super::errands::Errands;
use super::publisher::Publisher;
use super::rules::limits;
use crate::control::evidence::figures::{Past, Publication, activations_of};
use crate::control::evidence::instance::Instance;
use crate::control::evidence::{front_door, prober};
use crate::model::api::Move;
use crate::model::clock::Moment;
use crate::model::environment;
use crate::model::slot::{Address, Generation};
use crate::model::switch::{Input, Look, Ticket};
use crate::proxy::{Follower, Snapshot};

impl Environment {
    pub(super) fn probe(
        &mut self,
        ticket: Ticket,
        (service, address): (usize, Address),
        look: Look,
        publisher: &Publisher,
        errands: &Errands,
    ) {
        let Some(config) = self.pairs.get(service) else {
            return;
        };
        let asked = (config, address.clone());
        let instance = self.gated.probed(ticket, service, asked, &publisher.snapshot());
        let (environment, reply) = (self.place, errands.reply());
        errands.run("probe", async move {
            let report = match look {
                Look::Health => prober::probe(&instance).await,
                Look::Connect => prober::connect(&instance).await,
            };
            let probed = Input::Probed {
                ticket,
                service,
                address,
                report,
            };
            reply.input(environment, environment::Input::Switch(probed));
        });
    }

    /// The instances that would serve after these moves, as the gate has asked them, and those that stay.
    pub(super) fn candidates(&self, moves: &[Move], snapshot: &Snapshot) -> Vec<Instance> {
        let pairs = self.pairs.iter().zip(moves).enumerate();
        let moved = pairs.flat_map(|(index, (config, step))| {
            let addresses = step.to.addresses.iter().cloned();
            addresses.map(move |address| self.gated.warmed(index, config, address))
        });
        let fixed = snapshot.services().iter();
        let fixed = fixed.filter(|live| live.service.environment == self.name && !live.service.slots.can_swap());
        moved.chain(fixed.flat_map(Instance::serving)).collect()
    }

    /// Instances at the same time, each its paths one after the other.
    pub(super) fn warm(&self, ticket: Ticket, instances: Vec<(usize, Address)>, errands: &Errands) {
        let instances = instances.into_iter().filter_map(|(service, address)| {
            let config = self.pairs.get(service)?;
            Some(self.gated.warmed(service, config, address))
        });
        let instances: Vec<Instance> = instances.collect();
        let (environment, reply) = (self.place, errands.reply());
        errands.run("warm-up", async move {
            let mut all = JoinSet::new();
            for instance in instances {
                all.spawn_local(async move {
                    let (mut requests, mut failed) = (0, 0);
                    for path in &instance.service.warmup {
                        requests += 1;
                        failed += u32::from(!prober::warm(&instance, path).await);
                    }
                    (requests, failed)
                });
            }
            let done = all.join_all().await;
            let warmed = Input::Warmed {
                ticket,
                requests: done.iter().map(|(requests, _)| requests).sum(),
                failed: done.iter().map(|(_, failed)| failed).sum(),
            };
            reply.input(environment, environment::Input::Switch(warmed));
        });
    }

    /// Every core connects to what is about to serve.
    pub(super) fn connect_ahead(&self, ticket: Ticket, moves: &[Move], publisher: &Publisher, errands: &Errands) {
        let serving = activations_of(&publisher.snapshot(), &self.name, moves);
        let followers = serving.into_iter().zip(moves).map(|(serving, step)| Follower {
            serving,
            addresses: step.to.addresses.clone(),
        });
        let followers = followers.collect();
        let (plane, environment, reply) = (publisher.plane.clone(), self.place, errands.reply());
        errands.run("connect-ahead", async move {
            plane.connect_ahead(followers).await;
            reply.input(
                environment,
                environment::Input::Switch(Input::ConnectedAhead { ticket }),
            );
        });
    }

    /// Services at the same time, each through the snapshot that was just published.
    pub(super) fn verify(&self, ticket: Ticket, moves: Vec<Move>, publisher: &Publisher, errands: &Errands) {
        let pairs = self.pairs.clone();
        let (plane, snapshot) = (publisher.plane.clone(), publisher.snapshot());
        let (environment, reply) = (self.place, errands.reply());
        errands.run("verify", async move {
            let mut all = JoinSet::new();
            for (index, (config, step)) in pairs.into_iter().zip(moves).enumerate() {
                let (plane, snapshot) = (plane.clone(), snapshot.clone());
                all.spawn_local(async move {
                    (
                        index,
                        front_door::check(&*plane, &snapshot, &config, &step.to.addresses).await,
                    )
                });
            }
            let mut seen = all.join_all().await;
            seen.sort_by_key(|(index, _)| *index);
            let seen = seen.into_iter().flat_map(|(_, seen)| seen).collect();
            let verified = Input::Verified { ticket, seen };
            reply.input(environment, environment::Input::Switch(verified));
        });
    }

    /// One snapshot for all services of the environment; what they leave behind drains.
    pub(super) fn publish(
        &mut self,
        generation: Generation,
        moves: &[Move],
        now: Moment,
        past: &Past,
        publisher: &Publisher,
        errands: &Errands,
    ) {
        let snapshot = publisher.snapshot();
        let old = activations_of(&snapshot, &self.name, moves);
        let new: Vec<_> = moves
            .iter()
            .enumerate()
            .map(|(service, step)| {
                let names = (&self.name, &Arc::from(step.service.as_str()));
                let new = publisher.activation(names, step.to.slot, generation, step.to.addresses.clone());
                if let Some(folder) = self.gated.of(service, &step.to.addresses) {
                    new.takes_over(&folder);
                }
                let called = self.called.get(&service);
                if let Some((_, version)) = called.filter(|(address, _)| new.addresses.contains(address)) {
                    new.is_called(Some(version));
                }
                new
            })
            .collect();
        let fixed = snapshot
            .services()
            .iter()
            .filter(|live| live.service.environment == self.name && !live.service.slots.can_swap());
        let publication = Publication::new(
            past,
            &self.pairs,
            (&old, new.clone()),
            fixed.map(|live| live.activation.clone()),
            Instant::now(),
        );
        publisher.publish(snapshot.with(&new), &old);
        self.gated.forget();
        self.publications.insert(generation, publication);
        for (service, activation) in old.into_iter().enumerate() {
            let Some(config) = self.pairs.get(service).cloned() else {
                continue;
            };
            let limits = limits(&config);
            let keeps = config.stale_keep.is_some().then_some(config);
            self.retire((generation, service), activation, keeps, limits, publisher, errands);
        }
        let live = moves.first().map(|step| step.to.slot.as_str());
        tracing::info!(environment = %self.name, %generation, live, since = now.written(), "published");
    }

    /// What came of a generation so far; `None` when its figures are not kept any more.
    pub(super) fn measured(&self, generation: Generation) -> Option<environment::Input> {
        let publication = self.publications.get(&generation)?;
        Some(environment::Input::Switch(Input::Measured {
            generation,
            figures: publication.figures(),
            traffic: publication.traffic(),
            before: publication.before(),
            served: publication.served(),
        }))
    }
}
