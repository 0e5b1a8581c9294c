//! An upgrade (N25): another process takes over while nothing else is under way. Nothing is switched, held or saved from its start to
//! its end, so that what the new process reads on disk is what is served.

use std::sync::Arc;

use tokio::time::Instant;

use super::message::Message;
use super::owner::Owner;
use super::rules::limits;
use super::succession::Succession;
use crate::control::ports::{Handed, Successor};
use crate::model::api::{Action, CommonStep, Event, Holder, UpgradeStep, exit, millis};
use crate::model::handoff::{Inside, LiveService};
use crate::model::slot::Address;
use crate::proxy::{Activation, Live, Patience};

impl Owner {
    /// Why nothing can begin now, because of an upgrade.
    pub(super) fn superseded(&self) -> Option<Event> {
        let (code, reason) = match &self.succession {
            Succession::None => return None,
            Succession::UnderWay { holder, .. } => {
                let (operation, user, since) = (holder.operation, &holder.user, &holder.since);
                let reason = format!("upgrade {operation} by {user} is under way since {since}");
                (exit::BUSY, reason)
            }
            Succession::Over(new) => (exit::FAILED, format!("process {} has taken over; ask again", new.pid)),
        };
        Some(refusal(code, reason, None))
    }

    /// Its number is saved: nothing else may be under way.
    pub(super) fn upgrade(&mut self, operation: u64, user: String) {
        if let Some(refused) = self.superseded().or_else(|| self.in_the_way()) {
            return self.notices.tell(None, operation, refused);
        }
        let holder = Holder {
            operation,
            kind: Action::Upgrade,
            user,
            since: self.moment().written(),
            step: "hand-over".into(),
        };
        for environment in self.environments.iter_mut().filter(|it| !it.gone) {
            environment.machines.take(holder.clone());
        }
        let since = Instant::now();
        self.succession = Succession::UnderWay { holder, since };
        let upgrading = UpgradeStep::Upgrading { operation };
        self.notices.tell(None, operation, upgrading.into());
        let snapshot = self.publisher.snapshot();
        let live = snapshot.services().iter().map(|live| LiveService {
            environment: live.service.environment.to_string(),
            service: live.service.name.to_string(),
            addresses: live.activation.addresses.clone(),
        });
        let (live, operations) = (live.collect(), self.notices.unfinished(operation));
        let (succession, reply) = (self.next.clone(), self.errands.reply());
        self.errands.run("upgrade", async move {
            let tell = |phase| reply.send(Message::Entered { operation, phase });
            let handed = succession.hand_over(live, operations, Box::new(tell)).await;
            reply.send(Message::Handed { operation, handed });
        });
    }

    /// What has to end before an upgrade: it is finished, and never torn.
    fn in_the_way(&self) -> Option<Event> {
        let mut environments = self.environments.iter().filter(|it| !it.gone);
        if let Some(paused) = environments.clone().find(|it| it.machines.is_paused()) {
            let hint = format!("`proxyctl resume {}`", paused.name);
            let reason = format!(
                "{} is paused, and a new process would not hold its requests",
                paused.name
            );
            return Some(refusal(exit::REFUSED, reason, Some(hint)));
        }
        let held = environments.find_map(|it| Some((&it.name, it.machines.holder()?)));
        if let Some((name, holder)) = held {
            return Some(refusal(exit::BUSY, holder.refusal(name), Some(holder.hint(name))));
        }
        if let Some(reload) = self.reload.operation() {
            return Some(refusal(exit::BUSY, format!("reload {reload} is under way"), None));
        }
        self.publisher.elders.too_many().then(|| {
            let reason = "too many earlier processes still drain".to_owned();
            refusal(
                exit::REFUSED,
                reason,
                Some("`proxyctl status` shows what they wait for".into()),
            )
        })
    }

    /// It is over.
    pub(super) fn handed(&mut self, operation: u64, handed: Handed) {
        let Succession::UnderWay { since, .. } = &self.succession else {
            return;
        };
        let elapsed_ms = millis(since.elapsed());
        match handed {
            Ok(successor) => {
                let Successor { pid, version } = successor.clone();
                tracing::info!(
                    pid,
                    version,
                    "process {pid} is the front door now; this one ends what it has begun"
                );
                self.succession = Succession::Over(successor);
                self.let_everything_go();
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
                self.succession = Succession::None;
                for environment in &mut self.environments {
                    environment.machines.free(operation);
                }
                let reason = format!("the new process failed at `{phase}`: {reason}");
                tracing::warn!(operation, "an upgrade was refused: {reason}");
                self.notices.tell(None, operation, refusal(exit::REFUSED, reason, None));
            }
        }
    }

    /// What is under way keeps its time and no more (N20); what comes on connections that are still open is served as ever.
    fn let_everything_go(&mut self) {
        let snapshot = self.publisher.snapshot();
        let old: Vec<Live> = snapshot.services().to_vec();
        let new: Vec<_> = old.iter().map(|live| self.publisher.again(&live.activation)).collect();
        let closing = old.iter().map(|live| &live.activation);
        self.publisher.publish(snapshot.with(&new), closing);
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
        live.chain(retired.map(|it| it.activation.clone())).collect()
    }
}

fn refusal(code: u8, reason: String, hint: Option<String>) -> Event {
    Event::Common(CommonStep::Refused {
        code,
        reason,
        evidence: Vec::new(),
        hint,
        live: None,
    })
}
