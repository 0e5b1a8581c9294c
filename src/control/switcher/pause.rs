//! What a pause changes (N13): carries the effects of `model::pause` out. What was begun drains as the old side of a swap does: a
//! new activation of the same slot takes its place.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::environment::Environment;
use super::errands::Errands;
use super::publisher::Publisher;
use super::rules::{limits, side};
use crate::control::evidence::gating;
use crate::control::evidence::instance::Instance;
use crate::model::drain::Limits;
use crate::model::environment;
use crate::model::handoff::Left;
use crate::model::pause::{Input, last_look};
use crate::model::sleep;
use crate::model::slot::Generation;
use crate::proxy::{Activation, Live, Patience, Stance};

/// How often it is looked whether writes are over.
const LOOK: Duration = Duration::from_millis(10);
/// What a pause replaces belongs to no generation of its own.
const WITHIN: Generation = Generation(0);

impl Environment {
    /// Publishes that new requests are held, and closes what is live. Returns what the pause hears of it.
    pub(super) fn hold(&mut self, stance: &Stance, publisher: &Publisher, errands: &Errands) -> environment::Input {
        let snapshot = publisher.snapshot();
        let own = |live: &&Live| live.service.environment == self.name;
        let old: Vec<Live> = snapshot.services().iter().filter(own).cloned().collect();
        let new: Vec<_> = old.iter().map(|live| publisher.again(&live.activation)).collect();
        for publication in self.publications.values_mut() {
            new.iter().for_each(|activation| publication.also(activation));
        }
        let held = snapshot.with(&new).with_stance(&self.name, stance);
        publisher.publish(held, old.iter().map(|live| &live.activation));
        let leaving = self.inside_of(&old);
        for activation in &leaving {
            activation.lose_patience(Patience::Polite);
        }
        publisher.plane.poke();
        let addresses = leaving.iter().flat_map(|activation| activation.addresses.clone());
        errands.run("earlier processes", publisher.elders.hurry(addresses.collect()));
        let leaving = leaving.iter().map(|activation| number(activation)).collect();
        for live in old {
            let limits = limits(&live.service);
            self.step_aside(live.activation, limits, publisher, errands);
        }
        environment::Input::Pause(Input::Closed { leaving })
    }

    /// Publishes that new requests that write are held; everything else goes on, by the activations that there are (N35). Returns what
    /// the pause hears of it.
    pub(super) fn hold_writes(
        &mut self,
        operation: u64,
        stance: &Stance,
        previews: Vec<Arc<Activation>>,
        publisher: &Publisher,
        errands: &Errands,
    ) -> environment::Input {
        let snapshot = publisher.snapshot();
        let own = |live: &&Live| live.service.environment == self.name;
        let live = snapshot.services().iter().filter(own);
        let live = live.map(|live| live.activation.clone());
        // A side that a swap has left writes into the same database, and so does who looks at the idle one.
        let left = self.retired.iter().map(|it| it.activation.clone());
        self.written = live.chain(left).chain(previews).collect();
        publisher.publish(snapshot.with_stance(&self.name, stance), []);
        let shown = snapshot.previews().into_iter().flat_map(|open| open.iter());
        let shown = shown.flat_map(|open| open.candidates.iter().cloned());
        self.written.extend(shown.filter(|it| it.environment == self.name));
        let addresses: Vec<_> = self.written.iter().flat_map(|it| it.addresses.clone()).collect();
        errands.run("earlier processes", publisher.elders.hurry(addresses.clone()));
        let leaving: Vec<_> = self.written.iter().map(|it| number(it)).collect();
        let (environment, reply, written) = (self.place, errands.reply(), self.written.clone());
        let (plane, elders) = (publisher.plane.clone(), publisher.elders.clone());
        errands.run("writes", async move {
            // From then on no request is decided upon that does not know.
            plane.settled().await;
            while written.iter().any(|it| it.counters().writes > 0) {
                sleep(LOOK).await;
            }
            // What is inside by way of a process before this one has no method here.
            elders.have_left(addresses).await;
            reply.input(environment, environment::Input::Pause(Input::Written { operation }));
        });
        environment::Input::Pause(Input::Closed { leaving })
    }

    /// Another activation of the same slot serves in the place of this one, which drains.
    pub(super) fn step_aside(
        &mut self,
        activation: Arc<Activation>,
        limits: Limits,
        publisher: &Publisher,
        errands: &Errands,
    ) {
        // What an earlier one left behind may still drain.
        let (number, side) = (number(&activation), side(&activation));
        self.machines.leave(WITHIN, std::iter::once((number, &side)));
        self.retire((WITHIN, number), activation, None, limits, publisher, errands);
    }

    /// Everything by which requests may be inside of the apps of these sides: they themselves, and earlier activations of the
    /// same instances that still drain, whatever has replaced those.
    fn inside_of(&self, live: &[Live]) -> Vec<Arc<Activation>> {
        let of_theirs = |one: &Activation| {
            let theirs = |address| live.iter().any(|live| live.activation.addresses.contains(address));
            one.addresses.iter().any(theirs)
        };
        let earlier = self.retired.iter().map(|it| &it.activation).filter(|it| of_theirs(it));
        earlier
            .chain(live.iter().map(|live| &live.activation))
            .cloned()
            .collect()
    }

    /// What a pause or a sleep hears of a side that has drained and that it did not close itself.
    pub(super) fn heard_by_a_pause(left: Generation, activation: u64) -> Vec<environment::Input> {
        let activation = usize::try_from(activation).unwrap_or(usize::MAX);
        if left == WITHIN {
            return Vec::new();
        }
        vec![
            environment::Input::Pause(Input::Drained { activation }),
            environment::Input::Sleep(sleep::Input::Drained { activation }),
        ]
    }

    /// What is still inside of these.
    pub(super) fn count(&self, leaving: &[usize], publisher: &Publisher) -> Left {
        let (counted, addresses): (Vec<_>, Vec<_>) = if self.machines.is_paused_for_writes() {
            let written = self.written.iter();
            written
                .map(|it| ((it.counters().writes, 0), it.addresses.clone()))
                .unzip()
        } else {
            let left = self.retired.iter().map(|it| &it.activation);
            let left = left.filter(|it| leaving.contains(&number(it)));
            left.map(|it| (it.in_flight(), it.addresses.clone())).unzip()
        };
        let earlier = publisher.elders.inside(&addresses.concat());
        let all = counted.into_iter().chain(earlier);
        let (requests, streams) = all.fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        Left {
            requests,
            streams,
            earlier: earlier.is_some(),
        }
    }

    /// Asks every live instance for its health, for so long, and at least as long as their passes take.
    pub(super) fn gate(&self, operation: u64, patience: Duration, publisher: &Publisher, errands: &Errands) {
        let snapshot = publisher.snapshot();
        let own = snapshot
            .services()
            .iter()
            .filter(|live| live.service.environment == self.name);
        let candidates: Vec<_> = own.flat_map(Instance::serving).collect();
        let looks = candidates.iter().map(|it| &it.service.health);
        let looks = looks.map(|health| last_look(health.passes, health.interval, health.timeout));
        let look = looks.max().unwrap_or_default();
        let (environment, reply) = (self.place, errands.reply());
        errands.run("pause's gate", async move {
            let began = Instant::now();
            let result = gating::pass(&candidates, patience.max(look), |instances, elapsed| {
                let gating = Input::Gating {
                    operation,
                    instances,
                    elapsed,
                };
                reply.input(environment, environment::Input::Pause(gating));
            });
            let gated = Input::Gated {
                operation,
                result: result.await,
                elapsed: began.elapsed(),
            };
            reply.input(environment, environment::Input::Pause(gated));
        });
    }
}

fn number(activation: &Activation) -> usize {
    usize::try_from(activation.id).unwrap_or(usize::MAX)
}
