//! One new snapshot, and everything that follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{Owner, Room, initial};
use super::limits;
use super::plan::{Next, Plan, next};
use crate::config::{Config, Diff};
use crate::model::api::{CommonStep, Event, Side};
use crate::model::state::EnvironmentState;
use crate::model::switch::Switch;
use crate::proxy::{Activation, Live, Snapshot};

impl Owner {
    /// Publishes, and closes the gates of what is left behind.
    pub(super) fn publish_reload(&mut self, plan: Plan) {
        let Plan {
            loaded, diff, states, ..
        } = plan;
        let before = self.routing.load();
        let mut previous = Vec::new();
        let mut snapshot = Snapshot::new(&loaded.config, |service| match next(&before, &diff, &states, service) {
            Next::Same(activation) => activation,
            Next::New {
                slot,
                addresses,
                before,
            } => {
                previous.extend(before.map(|before| (service.clone(), before.addresses.clone())));
                let generation = states.get(&*service.environment).map(|state| state.generation);
                Activation::new(
                    service.environment.clone(),
                    service.name.clone(),
                    slot,
                    generation.unwrap_or_default(),
                    addresses,
                    self.cores,
                )
            }
        })
        .inheriting(&before);
        for (service, addresses) in previous {
            snapshot = snapshot.with_previous(&service.environment, &service.name, &addresses);
        }
        for name in &diff.environments {
            snapshot = snapshot.with_stance(name, &self.stance(name));
        }
        let kept = |live: &Live| {
            let mut now = snapshot.services().iter();
            now.any(|now| Arc::ptr_eq(&now.activation, &live.activation))
        };
        let left: Vec<Live> = before.services().iter().filter(|live| !kept(live)).cloned().collect();
        self.follow(&diff, &loaded.config, &states, &snapshot);
        self.routing.publish(snapshot);
        for live in &left {
            live.activation.close();
        }
        self.plane.poke();
        self.leave(left);
        if diff.certificates {
            match self.hosts.serve(&[&loaded.config]) {
                Ok(told) => {
                    for message in told {
                        self.tell_reload(None, Event::Common(CommonStep::Warning { message }));
                    }
                }
                Err(error) => tracing::error!(error, "hosts that are gone keep their certificates"),
            }
        }
        let changes = diff.changes.len();
        self.current.store(Arc::new(loaded.serve(diff.restart)));
        tracing::info!(changes, "a new configuration is served");
    }

    /// The rooms are those of the new configuration. One whose environment is gone stays for what drains in it, and for its return.
    fn follow(
        &mut self,
        diff: &Diff,
        config: &Config,
        states: &BTreeMap<String, EnvironmentState>,
        snapshot: &Snapshot,
    ) {
        for name in &diff.environments {
            let environment = config.environments.iter().find(|it| it.name == *name);
            let known = self.rooms.iter().position(|room| room.name == *name);
            match (environment, states.get(&**name), known) {
                (Some(environment), Some(state), Some(room)) => {
                    let room = &mut self.rooms[room];
                    room.switch.reconfigure(initial::rules(environment), state.clone());
                    room.pairs = initial::pairs(environment);
                    room.gone = false;
                    // Whoever still waits for a drain is told what the environment served meanwhile, by whomever.
                    let own = snapshot
                        .services()
                        .iter()
                        .filter(|live| live.service.environment == *name);
                    for live in own {
                        for publication in room.publications.values_mut() {
                            publication.also(&live.activation);
                        }
                    }
                }
                (Some(environment), Some(state), None) => {
                    let switch = Switch::new(initial::rules(environment), state.clone());
                    let pairs = initial::pairs(environment);
                    self.rooms.push(Room::new(name.clone(), switch, pairs));
                }
                (None, _, Some(room)) => self.rooms[room].gone = true,
                (Some(_), None, _) | (None, _, None) => {}
            }
        }
    }

    /// What serves nobody new any more drains, by the rules that it was begun under.
    fn leave(&mut self, left: Vec<Live>) {
        for index in 0..self.rooms.len() {
            let name = self.rooms[index].name.clone();
            let own: Vec<_> = left.iter().filter(|live| live.service.environment == name).collect();
            if own.is_empty() {
                continue;
            }
            let room = &mut self.rooms[index];
            let generation = room.switch.state().generation;
            let generation = if room.gone { generation.next() } else { generation };
            let sides: Vec<_> = own.iter().map(|live| side(&live.activation)).collect();
            room.switch.leave(generation, sides.iter().enumerate());
            for (service, live) in own.iter().enumerate() {
                self.retire(
                    index,
                    generation,
                    service,
                    live.activation.clone(),
                    limits(&live.service),
                );
            }
        }
    }
}

pub(in crate::control::switcher) fn side(activation: &Activation) -> Side {
    Side {
        slot: activation.slot,
        addresses: activation.addresses.clone(),
    }
}
