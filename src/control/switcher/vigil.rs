//! Watches what is live, every 5 s and for status only: health alone never takes the only live slot away.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::errands::Errands;
use super::message::Message;
use crate::config::Service;
use crate::control::evidence::figures::Past;
use crate::control::evidence::instance::Instance;
use crate::control::evidence::prober;
use crate::control::ports::Plane;
use crate::model::api::{HealthStatus, ProbeReport};
use crate::model::clock::{ClockWatch, Moment};
use crate::model::slot::Address;
use crate::proxy::{Activation, Live, Sign, Snapshot};

const INTERVAL: Duration = Duration::from_secs(5);
/// A jump of the clock is told in the status for this long.
const TOLD_FOR: Duration = Duration::from_secs(60 * 60);

/// What was last seen of each live instance.
#[derive(Default)]
pub(super) struct Vigil {
    instances: HashMap<(u64, Address), Watched>,
    next: Option<Instant>,
    waiting: Vec<oneshot::Sender<()>>,
    /// What it did lately, to compare a bake window with.
    past: Past,
    clock: ClockWatch,
    /// The last jump of the clock, and until when it is told.
    jump: Option<(Instant, String)>,
}

#[derive(Default)]
struct Watched {
    /// The question that is under way.
    asked: Option<Asked>,
    last: Option<(String, ProbeReport)>,
    /// Since when it is as it is, well or not.
    since: Option<String>,
    /// Since when it passes, under the version that it has now.
    well: Option<Instant>,
}

struct Asked {
    at: Instant,
    service: Arc<Service>,
    activation: Arc<Activation>,
    /// Nobody has planned since then that the app may be away.
    expected: bool,
}

impl Asked {
    /// What the log has to hear of the answer. Any answer is one here: whether it is a healthy one, the status says.
    fn sign(&self, report: &ProbeReport) -> Option<Sign> {
        if report.status.is_some() {
            return Some(Sign::Answered(self.at));
        }
        let cause = report.reason.clone().filter(|_| self.expected)?;
        Some(Sign::Unanswered(cause))
    }
}

impl Vigil {
    pub(super) fn wake(&self, now: Instant) -> Instant {
        self.next.unwrap_or(now)
    }

    pub(super) fn seen(&mut self, activation: u64, address: Address, report: ProbeReport, plane: &dyn Plane) {
        // One that is no longer live is not there any more.
        if let Some(instance) = self.instances.get_mut(&(activation, address.clone())) {
            let asked = instance.asked.take();
            if let Some(asked) = asked.as_ref().filter(|_| report.passed) {
                asked.activation.is_called(report.version.as_deref());
            }
            if let Some(asked) = asked
                && let Some(sign) = asked.sign(&report)
            {
                plane.looked(&asked.service.environment, &asked.service.name, &address, &sign);
            }
            let is_another = |(_, last): &(String, ProbeReport)| last.version != report.version;
            if !report.passed || instance.last.as_ref().is_some_and(is_another) {
                instance.well = None;
            }
            if report.passed {
                instance.well.get_or_insert_with(Instant::now);
            }
            let now = format!("{:.3}", jiff::Timestamp::now());
            if instance
                .last
                .as_ref()
                .is_none_or(|(_, last)| last.passed != report.passed)
            {
                instance.since = Some(now.clone());
            }
            instance.last = Some((now, report));
        }
    }

    pub(super) fn tell_when_all_seen(&mut self, reply: oneshot::Sender<()>) {
        self.waiting.push(reply);
    }

    pub(super) fn health(&self, activation: u64, address: &Address) -> HealthStatus {
        let instance = self.instances.get(&(activation, address.clone()));
        let last = instance.and_then(|instance| instance.last.as_ref());
        HealthStatus {
            address: address.clone(),
            healthy: last.map(|(_, report)| report.passed),
            since: instance.and_then(|instance| instance.since.clone()),
            checked: last.map(|(at, _)| at.clone()),
            last: last.map(|(_, report)| report.clone()),
        }
    }

    /// Looks again at once: somebody is about to ask how it is.
    pub(super) fn hurry(&mut self) {
        self.next = None;
    }

    /// How everything does that serves an environment, but for what sleeps.
    pub(super) fn health_of(&self, environment: &str, snapshot: &Snapshot) -> Vec<HealthStatus> {
        let own = snapshot
            .services()
            .iter()
            .filter(|live| &*live.service.environment == environment);
        let awake = own.filter(|live| live.stance.sleep.is_none());
        let each = |live: &Live| -> Vec<_> {
            let addresses = live.activation.addresses.iter();
            addresses
                .map(|address| self.health(live.activation.id, address))
                .collect()
        };
        awake.flat_map(each).collect()
    }

    /// For how long all of these have been healthy without a break; `None` when one is not, or is not known to be.
    pub(super) fn well<'a>(&self, mut instances: impl Iterator<Item = (u64, &'a Address)>) -> Option<Duration> {
        let well = instances.try_fold(None, |newest: Option<Instant>, (activation, address)| {
            let since = self.instances.get(&(activation, address.clone()))?.well?;
            Some(Some(newest.map_or(since, |newest| newest.max(since))))
        });
        well.flatten().map(|since| since.elapsed())
    }

    /// Forgets what is not live any more, and takes in what is. Whether anything is new.
    fn follow(&mut self, snapshot: &Snapshot) -> bool {
        // What sleeps is not asked: it might wake of it.
        let awake = snapshot.services().iter().filter(|live| live.stance.sleep.is_none());
        let live: Vec<_> = awake
            .flat_map(|live| {
                live.activation
                    .addresses
                    .iter()
                    .map(|it| (live.activation.id, it.clone()))
            })
            .collect();
        self.instances.retain(|key, _| live.contains(key));
        let closed = snapshot.services().iter().filter(|live| !live.stance.is_open());
        let closed: Vec<_> = closed.map(|live| live.activation.id).collect();
        for ((activation, _), instance) in &mut self.instances {
            if let Some(asked) = &mut instance.asked {
                asked.expected &= !closed.contains(activation);
            }
        }
        let known = self.instances.len();
        for key in live {
            self.instances.entry(key).or_default();
        }
        self.instances.len() > known
    }

    /// What was live lately, and what it did.
    pub(super) fn past(&self) -> &Past {
        &self.past
    }

    /// What an operator should know of the clock.
    pub(super) fn jump(&self) -> Option<&str> {
        self.jump.as_ref().map(|(_, told)| told.as_str())
    }

    fn tell_if_all_seen(&mut self) {
        if !self.waiting.is_empty() && self.instances.values().all(|instance| instance.last.is_some()) {
            for reply in self.waiting.drain(..) {
                let _ = reply.send(());
            }
        }
    }

    /// What a person who compares times has to know.
    fn look_at_the_clock(&mut self, moment: Moment) {
        if let Some(jump) = self.clock.look(moment.at, moment.wall) {
            let (seconds, direction) = (jump.abs().as_secs(), if jump.is_negative() { "back" } else { "ahead" });
            let told = format!(
                "the system's clock jumped {seconds} s {direction} (noticed at {}): times before and after do not compare; \
                 nothing but certificates and ticket keys goes by it",
                moment.written()
            );
            tracing::warn!("{told}");
            self.jump = Some((Instant::now() + TOLD_FOR, told));
        }
        self.jump.take_if(|(until, _)| Instant::now() >= *until);
    }

    /// Asks every live instance that is due: all of them every 5 s, new ones at once.
    pub(super) fn look(&mut self, snapshot: &Snapshot, moment: Moment, plane: &dyn Plane, errands: &Errands) {
        let now = Instant::now();
        let new = self.follow(snapshot);
        let due = self.next.is_none_or(|next| next <= now);
        if due {
            self.next = Some(now + INTERVAL);
            self.look_at_the_clock(moment);
            self.past.read(snapshot, now);
        }
        if due || new {
            for live in snapshot.services() {
                let activation = live.activation.id;
                plane.keep(
                    &live.service.environment,
                    &live.service.name,
                    &live.activation.addresses,
                );
                for asked in Instance::serving(live) {
                    let Some(instance) = self.instances.get_mut(&(activation, asked.address.clone())) else {
                        continue;
                    };
                    if instance.asked.is_some() || !due && instance.last.is_some() {
                        continue;
                    }
                    instance.asked = Some(Asked {
                        at: now,
                        service: live.service.clone(),
                        activation: live.activation.clone(),
                        expected: live.stance.is_open(),
                    });
                    let reply = errands.reply();
                    errands.run("live probe", async move {
                        let report = prober::probe(&asked).await;
                        reply.send(Message::Probed {
                            activation,
                            address: asked.address,
                            report,
                        });
                    });
                }
            }
        }
        self.tell_if_all_seen();
    }
}
