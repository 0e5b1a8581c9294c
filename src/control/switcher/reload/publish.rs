//! One new snapshot, and everything that follows from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Config, Diff};
use crate::control::evidence::instance::Instance;
use crate::control::switcher::environment::Environment;
use crate::control::switcher::owner::Owner;
use crate::control::switcher::plan::{Next, Plan, next};
use crate::control::switcher::rules::{self, limits, side};
use crate::model::api::{CommonStep, Event};
use crate::model::state::EnvironmentState;
use crate::model::{deployment, environment, sleep};
use crate::proxy::{Live, Snapshot};
use crate::telemetry::Whose;

impl Owner {
    /// Publishes, and closes the gates of what is left behind.
    pub(super) fn publish_reload(&mut self, operation: u64, plan: Plan) {
        let Plan {
            loaded,
            diff,
            states,
            candidates,
            opening,
            ..
        } = plan;
        let before = self.publisher.snapshot();
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
                let names = (&service.environment, &service.name);
                let new = self
                    .publisher
                    .activation(names, slot, generation.unwrap_or_default(), addresses);
                let gated = |it: &&Instance| {
                    (&it.service.environment, &it.service.name) == names && new.addresses.contains(&it.address)
                };
                if let Some(folder) = candidates.iter().find(gated).and_then(|gated| gated.folder.as_ref()) {
                    new.takes_over(folder);
                }
                new
            }
        })
        .inheriting(&before);
        for (service, addresses) in previous {
            snapshot = snapshot.with_previous(&service.environment, &service.name, &addresses);
        }
        for name in &diff.environments {
            snapshot = snapshot.with_stance(name, &self.stance(name));
        }
        let (snapshot, over, aside) = self.previews_after_reload(&loaded.config, &states, &snapshot);
        let kept = |live: &Live| {
            let mut now = snapshot.services().iter();
            now.any(|now| Arc::ptr_eq(&now.activation, &live.activation))
        };
        let left: Vec<Live> = before.services().iter().filter(|live| !kept(live)).cloned().collect();
        // Before anybody can be asked for a password that nobody has read.
        (self.surroundings.users)(&loaded.config);
        self.follow(&diff, &loaded.config, &states, &snapshot);
        self.publisher
            .publish(snapshot, left.iter().map(|live| &live.activation));
        self.leave(&left);
        self.previews_reloaded(over, aside);
        if diff.certificates {
            match self.surroundings.hosts.serve(&[&loaded.config]) {
                Ok(told) => {
                    for message in told {
                        self.notices
                            .tell(None, operation, Event::Common(CommonStep::Warning { message }));
                    }
                }
                Err(error) => tracing::error!(error, "hosts that are gone keep their certificates"),
            }
        }
        let is_known = |whose: &Whose| {
            let mut services = loaded.config.services();
            services.any(|it| (&it.environment, &it.name) == (&whose.environment, &whose.service))
        };
        self.publisher.totals().keep(is_known);
        let changes = diff.changes.len();
        self.current.store(Arc::new(loaded.serve(diff.restart)));
        if let Some(opening) = opening {
            opening.open();
        }
        tracing::info!(changes, "a new configuration is served");
    }

    /// The environments are those of the new configuration. One that is gone stays for what drains in it, and for its return.
    fn follow(
        &mut self,
        diff: &Diff,
        config: &Config,
        states: &BTreeMap<String, EnvironmentState>,
        snapshot: &Snapshot,
    ) {
        for name in &diff.environments {
            let file = config.environments.iter().find(|it| it.name == *name);
            let known = self.environments.iter().position(|it| it.name == *name);
            match (file, states.get(&**name), known) {
                (Some(file), Some(state), Some(place)) => {
                    let environment = &mut self.environments[place];
                    environment.machines.reconfigure(rules::rules(file), state.clone());
                    let other = sleep::Input::Rules(file.sleep.clone());
                    self.inputs.push_back((place, environment::Input::Sleep(other)));
                    environment.pairs = rules::pairs(file);
                    environment.gone = false;
                    // Who still waits for a drain is told what the environment served meanwhile, whichever activation it was.
                    let own = snapshot
                        .services()
                        .iter()
                        .filter(|live| live.service.environment == *name);
                    for live in own {
                        for publication in environment.publications.values_mut() {
                            publication.also(&live.activation);
                        }
                    }
                }
                (Some(file), Some(state), None) => {
                    let place = self.environments.len();
                    let (now, slept) = (self.epoch.elapsed(), self.slept(name));
                    let environment = Environment::new(place, file, state.clone());
                    self.environments
                        .push(environment.sleeping(file, slept, now, self.sleep_times));
                }
                (None, _, Some(place)) => {
                    self.environments[place].gone = true;
                    let gone = environment::Input::Deploy(deployment::Input::Gone);
                    self.inputs.push_back((place, gone));
                    let gone = environment::Input::Sleep(sleep::Input::Gone);
                    self.inputs.push_back((place, gone));
                }
                (Some(_), None, _) | (None, _, None) => {}
            }
        }
    }

    /// What serves nobody new any more drains, by the rules that it was begun under.
    fn leave(&mut self, left: &[Live]) {
        for environment in &mut self.environments {
            let own = left.iter().filter(|live| live.service.environment == environment.name);
            let own: Vec<_> = own.collect();
            if own.is_empty() {
                continue;
            }
            let generation = environment.machines.state().generation;
            let generation = if environment.gone {
                generation.next()
            } else {
                generation
            };
            let sides: Vec<_> = own.iter().map(|live| side(&live.activation)).collect();
            environment.machines.leave(generation, sides.iter().enumerate());
            for (service, live) in own.into_iter().enumerate() {
                let (activation, limits) = (live.activation.clone(), limits(&live.service));
                environment.retire(
                    (generation, service),
                    activation,
                    None,
                    limits,
                    &self.publisher,
                    &self.errands,
                );
            }
        }
    }
}
