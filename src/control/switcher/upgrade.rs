//! Carries an upgrade out (N25): another process takes over while nothing else is under way.

use std::sync::{Arc, Weak};

use super::message::Message;
use super::owner::Owner;
use super::rules::limits;
use crate::control::ports::{Handed, Successor};
use crate::model::api::{CommonStep, Event, UpgradeStep, exit, millis};
use crate::model::handoff::{Inside, LiveService};
use crate::model::slot::Address;
use crate::model::state::State;
use crate::model::succession::{Succession, as_it_stands, in_the_way, refused};
use crate::proxy::{Activation, Live, Patience};

impl Owner {
    /// Its number is saved, or `unsaved` says why not.
    pub(super) fn upgrade(&mut self, operation: u64, user: String, unsaved: Option<&str>) {
        let now = self.moment();
        let machines = self.environments.iter().filter(|it| !it.gone).map(|it| &it.machines);
        let (reload, draining) = (self.reload.machine.operation(), self.publisher.elders.report().len());
        let refusal = self.upgrade.succession.refusal();
        if let Some(refused) = refusal.or_else(|| in_the_way(machines, reload, draining, unsaved)) {
            return self.notices.tell(None, operation, refused);
        }
        let holder = self.upgrade.succession.begin(operation, user, now);
        for environment in self.environments.iter_mut().filter(|it| !it.gone) {
            environment.machines.take(holder.clone());
        }
        let upgrading = UpgradeStep::Upgrading { operation };
        self.notices.tell(None, operation, upgrading.into());
        let snapshot = self.publisher.snapshot();
        let live = snapshot.services().iter().map(|live| LiveService {
            environment: live.service.environment.to_string(),
            service: live.service.name.to_string(),
            addresses: live.activation.addresses.clone(),
        });
        let (live, operations) = (live.collect(), self.notices.unfinished(operation));
        let (succession, reply) = (self.upgrade.next.clone(), self.errands.reply());
        self.errands.run("upgrade", async move {
            let tell = |phase| reply.send(Message::Entered { operation, phase });
            let handed = succession.hand_over(live, operations, Box::new(tell)).await;
            reply.send(Message::Handed { operation, handed });
        });
    }

    /// It is over.
    pub(super) fn handed(&mut self, operation: u64, handed: Handed) {
        let Succession::UnderWay { since, .. } = &self.upgrade.succession else {
            return;
        };
        let elapsed_ms = millis(self.moment().at.saturating_sub(*since));
        match handed {
            Ok(Successor { pid, version }) => {
                tracing::info!(
                    pid,
                    version,
                    "process {pid} is the front door now; this one ends what it has begun"
                );
                self.upgrade.succession = Succession::Over { pid };
                self.let_everything_go();
                self.wake_nobody_any_more();
                let before = env!("CARGO_PKG_VERSION").into();
                let upgraded = UpgradeStep::Upgraded {
                    pid,
                    version,
                    before,
                    elapsed_ms,
                };
                self.notices.tell(None, operation, upgraded.into());
            }
            Err((phase, reason)) => {
                self.upgrade.succession = Succession::None;
                for environment in &mut self.environments {
                    environment.machines.free(operation);
                }
                self.let_the_next_deploy();
                let reason = format!("the new process failed at `{phase}`: {reason}");
                tracing::warn!(operation, "an upgrade was refused: {reason}");
                self.notices.tell(None, operation, refused(exit::REFUSED, reason, None));
            }
        }
    }

    /// What is under way keeps its time and no more (N20); what comes on connections that are still open is served as ever.
    fn let_everything_go(&mut self) {
        let snapshot = self.publisher.snapshot();
        let old: Vec<Live> = snapshot.services().to_vec();
        let new: Vec<_> = old.iter().map(|live| self.publisher.again(&live.activation)).collect();
        let closing = old.iter().map(|live| &live.activation);
        // A preview that is ended now is ended in the other process: here nobody new sees one.
        self.let_previews_go();
        let next = self.with_previews(&snapshot.with(&new));
        self.publisher.publish(next, closing);
        for live in &old {
            let owner = self
                .environments
                .iter_mut()
                .find(|it| it.name == live.service.environment);
            if let Some(environment) = owner {
                let limits = limits(&live.service);
                environment.step_aside(live.activation.clone(), limits, &self.publisher, &self.errands);
            }
        }
    }

    /// An operation ends here while another process is the front door, which may have moved the environment since.
    pub(super) fn ask_before_the_end(&self, environment: usize, operation: u64, event: Event) {
        let (on_disk, reply) = (self.saves.on_disk(), self.errands.reply());
        self.errands.run("what was saved", async move {
            let saved = tokio::task::spawn_blocking(on_disk).await;
            let saved = saved.unwrap_or_else(|error| Err(error.to_string())).map(Box::new);
            let event = Box::new(event);
            reply.send(Message::Ends {
                environment,
                operation,
                event,
                saved,
            });
        });
    }

    /// What was saved is known.
    pub(super) fn ends(&mut self, environment: usize, operation: u64, event: Event, saved: Result<&State, &String>) {
        let (Some(environment), Succession::Over { pid }) =
            (self.environments.get(environment), &self.upgrade.succession)
        else {
            return;
        };
        let event = match saved {
            Ok(state) => as_it_stands(event, state.environments.get(&*environment.name), *pid),
            Err(error) => {
                let reason = format!("what process {pid} serves by now cannot be known: {error}");
                Event::Common(CommonStep::Failed { reason, live: None })
            }
        };
        self.notices.tell(Some(&environment.name), operation, event);
    }

    /// Everything that may be inside of apps, by the addresses of its side.
    pub(super) fn inside(&self) -> Vec<Inside> {
        let count = |activation: &Arc<Activation>| {
            let (requests, streams) = activation.in_flight();
            let addresses = activation.addresses.clone();
            (requests + streams > 0).then_some(Inside {
                addresses,
                requests,
                streams,
            })
        };
        self.activations().iter().filter_map(count).collect()
    }

    /// Where requests go that still come here.
    pub(super) fn ahead(&self) -> Vec<Inside> {
        let snapshot = self.publisher.snapshot();
        let live = snapshot.services().iter();
        live.map(|live| Inside::nothing_yet(live.activation.addresses.clone()))
            .collect()
    }

    /// What is inside of apps at these addresses is to end politely: another process pauses them.
    pub(super) fn hurry(&self, addresses: &[Address]) {
        for activation in self.activations() {
            if activation.addresses.iter().any(|it| addresses.contains(it)) {
                activation.lose_patience(Patience::Polite);
            }
        }
        self.publisher.plane.poke();
    }

    /// What serves, and what drains.
    fn activations(&self) -> Vec<Arc<Activation>> {
        let snapshot = self.publisher.snapshot();
        let live = snapshot.services().iter().map(|live| live.activation.clone());
        let retired = self.environments.iter().flat_map(|it| &it.retired);
        let previews = self.previews.draining.iter().filter_map(Weak::upgrade);
        live.chain(retired.map(|it| it.activation.clone()))
            .chain(previews)
            .collect()
    }
}
