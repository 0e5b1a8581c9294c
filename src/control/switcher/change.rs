//! Carries effects out. What takes time is a task that reports to the mailbox.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::drainer;
use super::reload::limits;
use super::{Message, Owner, Retired};
use crate::control::evidence::figures::{Publication, activations_of};
use crate::control::evidence::{front_door, prober};
use crate::model::api::{Event, Move};
use crate::model::clock::Moment;
use crate::model::drain::Limits;
use crate::model::history::Record;
use crate::model::slot::{Address, Generation};
use crate::model::switch::{Effect, Ended, Input, Look, Ticket};
use crate::proxy::Activation;

impl Owner {
    pub(super) fn carry_out(&mut self, room: usize, effect: Effect, now: Moment) {
        match effect {
            Effect::Tell { operation, event } => self.tell(room, operation, event),
            Effect::Probe {
                ticket,
                service,
                address,
                look,
            } => self.probe(room, ticket, service, address, look),
            Effect::Warm { ticket, instances } => self.warm(room, ticket, instances),
            Effect::Persist { ticket, state } => {
                let name = self.rooms[room].name.to_string();
                self.saving.environment(room, name, ticket, state);
                self.save_next();
            }
            Effect::Publish { generation, moves } => self.publish(room, generation, &moves, now),
            Effect::Verify { ticket, moves } => self.verify(room, ticket, moves),
            Effect::Measure { generation } => self.measure(room, generation),
        }
    }

    fn tell(&mut self, room: usize, operation: u64, event: Event) {
        if !event.is_progress() {
            let name = self.rooms[room].name.clone();
            let event = Box::new(event.clone());
            self.record(Some(&name), operation, Record::Step { event });
        }
        let streams = &mut self.rooms[room].streams;
        let last = event.exit_code().is_some();
        if let Some(stream) = streams.get(&operation) {
            // Whoever watched may have left; the operation goes on.
            let _ = stream.send(event);
        }
        if last {
            streams.remove(&operation);
        }
    }

    fn probe(&self, room: usize, ticket: Ticket, service: usize, address: Address, look: Look) {
        let Some(config) = self.rooms[room].pairs.get(service).cloned() else {
            return;
        };
        let mailbox = self.mailbox.clone();
        self.tasks.spawn_local("probe", async move {
            let report = match look {
                Look::Health => prober::probe(&config, &address).await,
                Look::Connect => prober::connect(&config, &address).await,
            };
            let input = Input::Probed {
                ticket,
                service,
                address,
                report,
            };
            let _ = mailbox.send(Message::Input { room, input });
        });
    }

    /// Instances at the same time, each its paths one after the other.
    fn warm(&self, room: usize, ticket: Ticket, instances: Vec<(usize, Address)>) {
        let pairs = self.rooms[room].pairs.clone();
        let mailbox = self.mailbox.clone();
        self.tasks.spawn_local("warm-up", async move {
            let mut all = JoinSet::new();
            for (service, address) in instances {
                let Some(config) = pairs.get(service).cloned() else {
                    continue;
                };
                all.spawn_local(async move {
                    let (mut requests, mut failed) = (0, 0);
                    for path in &config.warmup {
                        requests += 1;
                        failed += u32::from(!prober::warm(&config, &address, path).await);
                    }
                    (requests, failed)
                });
            }
            let done = all.join_all().await;
            let input = Input::Warmed {
                ticket,
                requests: done.iter().map(|(requests, _)| requests).sum(),
                failed: done.iter().map(|(_, failed)| failed).sum(),
            };
            let _ = mailbox.send(Message::Input { room, input });
        });
    }

    /// Services at the same time, each through the snapshot that was just published.
    fn verify(&self, room: usize, ticket: Ticket, moves: Vec<Move>) {
        let pairs = self.rooms[room].pairs.clone();
        let (plane, snapshot) = (self.plane.clone(), self.routing.load());
        let mailbox = self.mailbox.clone();
        self.tasks.spawn_local("verify", async move {
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
            let input = Input::Verified { ticket, seen };
            let _ = mailbox.send(Message::Input { room, input });
        });
    }

    /// Publish, then close: whoever is turned away at an old gate finds the new snapshot.
    fn publish(&mut self, room: usize, generation: Generation, moves: &[Move], now: Moment) {
        let snapshot = self.routing.load();
        let environment = self.rooms[room].name.clone();
        let old = activations_of(&snapshot, &environment, moves);
        let new: Vec<_> = moves
            .iter()
            .map(|step| {
                Activation::new(
                    environment.clone(),
                    Arc::from(step.service.as_str()),
                    step.to.slot,
                    generation,
                    step.to.addresses.clone(),
                    self.cores,
                )
            })
            .collect();
        let fixed = snapshot
            .services()
            .iter()
            .filter(|live| live.service.environment == environment && !live.service.slots.can_swap());
        let publication = Publication::new(
            &self.past,
            &self.rooms[room].pairs,
            (&old, new.clone()),
            fixed.map(|live| live.activation.clone()),
            Instant::now(),
        );
        self.routing.publish(snapshot.with(&new));
        for activation in &old {
            activation.close();
        }
        self.plane.poke();
        self.rooms[room].publications.insert(generation, publication);
        for (service, activation) in old.into_iter().enumerate() {
            let Some(config) = self.rooms[room].pairs.get(service) else {
                continue;
            };
            let limits = limits(config);
            self.retire(room, generation, service, activation, limits);
        }
        let live = moves.first().map(|step| step.to.slot.as_str());
        tracing::info!(environment = %environment, %generation, live, since = now.written(), "published");
    }

    /// Waits for the last of its claims. `service` is its place in what the switch knows to have left with `left`.
    pub(super) fn retire(
        &mut self,
        room: usize,
        left: Generation,
        service: usize,
        activation: Arc<Activation>,
        limits: Limits,
    ) {
        self.rooms[room].retired.push(Retired {
            left,
            activation: activation.clone(),
        });
        let id = activation.id;
        let (plane, mailbox, at_close) = (self.plane.clone(), self.mailbox.clone(), activation.counters());
        self.tasks.spawn_local("drain", async move {
            let progress = |requests, streams| {
                let input = Input::Draining {
                    left,
                    service,
                    requests,
                    streams,
                };
                let _ = mailbox.send(Message::Input { room, input });
            };
            let ended = drainer::drain(activation, limits, at_close, plane, progress).await;
            let _ = mailbox.send(Message::Drained {
                room,
                left,
                service,
                activation: id,
                ended,
            });
        });
    }

    pub(super) fn drained(&mut self, index: usize, left: Generation, service: usize, activation: u64, ended: Ended) {
        self.pause_drained(index, activation);
        let Some(room) = self.rooms.get_mut(index) else {
            return;
        };
        room.retired.retain(|retired| retired.activation.id != activation);
        let served = room
            .publications
            .get(&left)
            .map(Publication::served)
            .unwrap_or_default();
        // Kept are the figures of the newest, which may bake, and of those whose old sides drain.
        let newest = room.switch.state().generation;
        let retired = &room.retired;
        room.publications
            .retain(|generation, _| *generation == newest || retired.iter().any(|it| it.left == *generation));
        if ended.left > 0 {
            tracing::error!(environment = %room.name, left = ended.left, "some exchanges could not be cut");
        }
        let input = Input::Drained {
            left,
            service,
            ended,
            served,
        };
        self.inputs.push_back((index, input));
    }

    fn measure(&mut self, index: usize, generation: Generation) {
        let Some(publication) = self.rooms[index].publications.get(&generation) else {
            return;
        };
        let input = Input::Measured {
            generation,
            figures: publication.figures(),
            traffic: publication.traffic(),
            before: publication.before(),
            served: publication.served(),
        };
        self.inputs.push_back((index, input));
    }
}
