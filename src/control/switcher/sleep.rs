//! What a sleep changes (N36): carries the effects of `model::sleep` out. What was begun ends as before a pause: a new activation of
//! the same slot takes the place of the live one, and serves from the waking on.

use std::time::Duration;

use tokio::time::Instant;

use super::environment::Environment;
use super::errands::{Errands, Reply};
use super::owner::Owner;
use super::parity::serving;
use super::publisher::Publisher;
use super::saves::{Save, SleepSave};
use crate::config;
use crate::control::commands::{self, Order};
use crate::control::evidence::awake;
use crate::control::evidence::instance::Instance;
use crate::control::ports::Durability;
use crate::model::environment;
use crate::model::history::{Caller, Record};
use crate::model::hold::Refusal;
use crate::model::pause;
use crate::model::sleep::{self, Effect, Input, Sample, StopFailed, Times};
use crate::model::state::Slept;
use crate::proxy::{Asleep, Bell, Stance};

/// Longer than a process that was replaced is there.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

impl Owner {
    /// Carries out what the sleep of an environment says.
    pub(super) fn sleep(&mut self, place: usize, effect: Effect) {
        let Some(name) = self.environments.get(place).map(|it| it.name.clone()) else {
            return;
        };
        match effect {
            Effect::Tell { operation, event } => self.notices.tell(Some(&name), operation, event),
            Effect::Number(kind) => {
                let (operation, caller) = (self.saves.number(), itself());
                let within = None;
                self.notices
                    .record(Some(&name), operation, Record::Asked { kind, caller, within });
                // Before anything else is told of it.
                self.inputs
                    .push_front((place, environment::Input::Sleep(Input::Numbered { operation })));
            }
            Effect::Count => {
                let counted = self.environments[place].sample(&self.publisher);
                self.hear_of_sleep(place, Input::Counted(counted));
            }
            Effect::Close => {
                self.environments[place].arm(&self.errands);
                let stance = self.stance(&name);
                let closed = self.environments[place].hold(&stance, &self.publisher, &self.errands);
                if let environment::Input::Pause(pause::Input::Closed { leaving }) = closed {
                    self.hear_of_sleep(place, Input::Closed { leaving });
                }
            }
            Effect::Look { leaving } => {
                let left = self.environments[place].count(&leaving, &self.publisher);
                self.hear_of_sleep(place, Input::Inside(left));
            }
            Effect::Publish => {
                self.environments[place].arm(&self.errands);
                self.publish_stance(&name);
            }
            Effect::TurnAway => self.publisher.plane.turn_away(&name, Refusal::DidNotWake),
            Effect::Save { ticket, slept } => {
                let name = name.clone();
                self.saves.push(Save::Sleep(SleepSave {
                    place,
                    name,
                    ticket,
                    slept,
                }));
                self.saves.next(&self.errands);
            }
            Effect::RunStop { command, deadline } => {
                let order = Order {
                    environment: Some(name.to_string()),
                    key: "sleep.stop",
                    argv: command,
                    deadline,
                    input: None,
                };
                let (instances, reply) = (serving(&self.publisher.snapshot(), &name), self.errands.reply());
                self.errands.run("stop", stop(order, instances, place, reply));
            }
            Effect::RunStart { command, deadline } => {
                let order = Order {
                    environment: Some(name.to_string()),
                    key: "sleep.start",
                    argv: command,
                    deadline,
                    input: None,
                };
                let (instances, reply) = (serving(&self.publisher.snapshot(), &name), self.errands.reply());
                self.errands.run("start", start(order, instances, place, reply));
            }
            Effect::Warn(what) => tracing::warn!(environment = &*name, "an environment that sleeps: {what}"),
        }
    }

    /// It is on disk, or not.
    pub(super) fn sleep_saved(&mut self, save: &SleepSave, result: Result<Durability, String>) {
        let ticket = save.ticket;
        let result = result.map(drop);
        self.hear_of_sleep(save.place, Input::Saved { ticket, result });
    }

    /// What was asleep when the last process ended is asleep, and can be woken.
    pub(super) fn sleep_on(&mut self) {
        for place in 0..self.environments.len() {
            if self.environments[place].machines.sleep_stance() != sleep::Stance::Awake {
                self.environments[place].arm(&self.errands);
                let name = self.environments[place].name.clone();
                self.publish_stance(&name);
            }
        }
    }

    /// Another process is the front door, and it alone runs commands. Who still comes here, by a connection of before, is told to come
    /// again: that leads there.
    pub(super) fn wake_nobody_any_more(&mut self) {
        for environment in &self.environments {
            if let Some(asleep) = environment.asleep(self.epoch) {
                let stance = Stance {
                    sleep: Some(Asleep {
                        refuses_until: Some(Instant::now() + FOR_EVER),
                        ..asleep
                    }),
                    ..self.stance(&environment.name)
                };
                let snapshot = self.publisher.snapshot().with_stance(&environment.name, &stance);
                self.publisher.publish(snapshot, []);
                self.publisher.plane.turn_away(&environment.name, Refusal::DidNotWake);
            }
        }
    }

    /// What is remembered of an environment that may sleep.
    pub(super) fn slept(&self, name: &str) -> Slept {
        self.saves.state().sleep.get(name).cloned().unwrap_or_default()
    }

    fn hear_of_sleep(&mut self, place: usize, input: Input) {
        self.inputs.push_back((place, environment::Input::Sleep(input)));
    }
}

impl Environment {
    /// It may sleep as the file says.
    pub(super) fn sleeping(mut self, file: &config::Environment, slept: Slept, now: Duration, times: Times) -> Self {
        self.machines = self.machines.sleeping(file.sleep.clone(), times, slept, now);
        self
    }

    /// What new requests come upon, as they are told.
    pub(super) fn asleep(&self, epoch: Instant) -> Option<Asleep> {
        match self.machines.sleep_stance() {
            sleep::Stance::Awake => None,
            sleep::Stance::Asleep {
                web_sockets,
                not_before,
            } => Some(Asleep {
                bell: self.bell.clone(),
                deaf_to_web_sockets: web_sockets,
                refuses_until: not_before.map(|at| epoch + at),
            }),
        }
    }

    /// The next request that waits is heard.
    pub(super) fn arm(&mut self, errands: &Errands) {
        let (place, reply) = (self.place, errands.reply());
        self.bell = Bell::new(move || reply.input(place, environment::Input::Sleep(Input::Called)));
    }

    /// Who needs it now: by what serves, and by what drains.
    fn sample(&self, publisher: &Publisher) -> Sample {
        let snapshot = publisher.snapshot();
        let own = snapshot
            .services()
            .iter()
            .filter(|live| live.service.environment == self.name);
        let own = own.map(|live| &live.activation);
        let all = own.chain(self.retired.iter().map(|retired| &retired.activation));
        let mut sample = Sample::default();
        for activation in all {
            let ((requests, streams), counters) = (activation.in_flight(), activation.counters());
            sample.marks.push((activation.id, counters.activity));
            sample.web_sockets += counters.web_sockets;
            sample.open += (requests + streams).saturating_sub(counters.web_sockets);
        }
        sample
    }
}

async fn stop(order: Order, instances: Vec<Instance>, place: usize, reply: Reply) {
    let (result, rest) = commands::run(order).await;
    let result = match result {
        Ok(()) => Ok(()),
        Err(reason) => {
            let answers = awake::answers_now(instances).await;
            Err(StopFailed { reason, answers })
        }
    };
    reply.input(place, environment::Input::Sleep(Input::Stopped(result)));
    rest.read().await;
}

async fn start(order: Order, instances: Vec<Instance>, place: usize, reply: Reply) {
    let (began, deadline, key) = (Instant::now(), order.deadline, order.key);
    let environment = order.environment.clone();
    let (result, rest) = commands::run(order).await;
    let left = deadline.saturating_sub(began.elapsed());
    let result = match result {
        Ok(()) => awake::answers(instances, left)
            .await
            .map_err(|who| format!("no answer within {} s: {who}", deadline.as_secs_f64())),
        // What it should have started may be there all the same.
        Err(why) => match awake::answers_now(instances).await {
            true => {
                tracing::warn!(environment, key, "{why}; the app answers all the same");
                Ok(())
            }
            false => Err(why),
        },
    };
    reply.input(place, environment::Input::Sleep(Input::Started(result)));
    rest.read().await;
}

/// Who asks for what begins by itself.
fn itself() -> Caller {
    Caller {
        uid: rustix::process::geteuid().as_raw(),
        user: "proxyd".into(),
    }
}
