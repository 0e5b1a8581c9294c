//! How an environment falls asleep: nobody needs it, nothing is inside any more, that is written down, and `stop` runs.

use std::time::Duration;

use super::messages::{Effect, Sample, StopFailed, failed, refused};
use super::phase::{Awake, Closing, Doing, ITSELF, PROGRESS, Phase};
use super::sleep::Sleep;
use crate::model::api::{CommonStep, Event, Progress, exit, millis};
use crate::model::clock::Moment;
use crate::model::handoff::Left;

/// How long what was begun at the last moment may keep an environment from falling asleep by itself.
const PATIENCE: Duration = Duration::from_secs(10);

impl Sleep {
    pub(super) fn ask_to_sleep(
        &mut self,
        operation: u64,
        patience: Duration,
        user: String,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if self.rules.is_none() {
            return effects.push(self.cannot(operation));
        }
        if let Phase::Asleep { .. } = self.phase {
            let event = self.asleep(Duration::ZERO, true);
            return effects.push(Effect::Tell { operation, event });
        }
        let doing = Doing::asked(operation, user, now);
        if let Phase::Awake(awake) = &mut self.phase
            && awake.wanted.is_none()
        {
            awake.wanted = Some((doing, patience));
            awake.counting = true;
            effects.push(Effect::Count);
            return;
        }
        if let Phase::Closing(closing) = &mut self.phase
            && closing.doing.operation == 0
        {
            closing.limit = now.at.saturating_add(patience);
            closing.doing = doing;
            let event = self.falling_asleep(operation, None);
            return effects.push(Effect::Tell { operation, event });
        }
        let holder = self.holder();
        let reason = holder.map_or_else(
            || format!("another asks for the sleep of `{}` just now", self.environment),
            |holder| holder.refusal(&self.environment),
        );
        effects.push(refused(operation, exit::BUSY, reason, None));
    }

    pub(super) fn counted(&mut self, sample: Sample, now: Moment, effects: &mut Vec<Effect>) {
        let Phase::Awake(awake) = &mut self.phase else { return };
        awake.counting = false;
        awake.next = now.at.saturating_add(self.times.look);
        if awake.marks != sample.marks {
            (awake.needed, awake.moved) = (now.at, now.at);
            awake.marks = sample.marks;
        }
        let sockets = sample.web_sockets > 0 && now.at.saturating_sub(awake.moved) < self.times.web_socket;
        if sample.open > 0 || sockets {
            awake.needed = now.at;
        }
        let idle = now.at.saturating_sub(awake.needed);
        let Some(rules) = self.rules.as_ref() else {
            return;
        };
        awake.next = awake.next.min(awake.needed.saturating_add(rules.after)).max(now.at);
        let (doing, patience) = match awake.wanted.take() {
            Some((doing, _)) if self.taken => {
                let reason = format!("something else holds `{}` by now", self.environment);
                return effects.push(refused(doing.operation, exit::BUSY, reason, None));
            }
            Some(wanted) => wanted,
            None if idle >= rules.after && !self.taken => {
                let doing = Doing {
                    operation: 0,
                    user: ITSELF.into(),
                    since: now.written(),
                    began: now.at,
                    idle: Some(idle),
                };
                (doing, PATIENCE)
            }
            None => return,
        };
        let operation = doing.operation;
        self.phase = Phase::Closing(Closing {
            doing,
            web_sockets: sample.web_sockets > 0,
            leaving: None,
            limit: now.at.saturating_add(patience),
            next_word: now.at.saturating_add(PROGRESS),
        });
        if operation != 0 {
            let event = self.falling_asleep(operation, None);
            effects.push(Effect::Tell { operation, event });
        }
        effects.push(Effect::Close);
    }

    /// What is still inside, while it waits for that.
    pub(super) fn inside(&mut self, left: Left, now: Duration, effects: &mut Vec<Effect>) {
        let Phase::Closing(closing) = &mut self.phase else {
            return;
        };
        let operation = closing.doing.operation;
        if now >= closing.limit {
            let time = closing.limit.saturating_sub(closing.doing.began);
            let time = Duration::from_millis(millis(time)).as_secs_f64();
            let why = format!("{left} did not end within {time} s, so nothing was stopped");
            return self.reopen(&why, now, effects);
        }
        if operation != 0 {
            let event = Event::Progress(Progress::Draining {
                requests: left.requests,
                streams: left.streams,
                elapsed_ms: millis(now.saturating_sub(closing.doing.began)),
            });
            effects.push(Effect::Tell { operation, event });
        }
    }

    pub(super) fn saved(
        &mut self,
        answered: u64,
        result: Result<(), String>,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        match (&self.phase, result) {
            (Phase::Saving { ticket, .. }, Err(error)) if *ticket == answered => {
                let why = format!("the state could not be saved: {error}; nothing was stopped");
                self.trouble = Some(why.clone());
                self.reopen(&why, now, effects);
            }
            (Phase::Saving { doing, ticket }, Ok(())) if *ticket == answered => {
                let doing = doing.clone();
                let Some(rules) = self.commands() else { return };
                effects.push(Effect::RunStop {
                    command: rules.stop.clone(),
                    deadline: rules.deadline,
                });
                self.phase = Phase::Stopping {
                    doing,
                    called: false,
                    wakers: Vec::new(),
                };
            }
            (_, Err(error)) => effects.push(Effect::Warn(format!(
                "how `{}` sleeps could not be saved: {error}; after a restart it may be started once too often",
                self.environment
            ))),
            (_, Ok(())) => {}
        }
    }

    pub(super) fn stop_ran(&mut self, result: Result<(), StopFailed>, now: Duration, effects: &mut Vec<Effect>) {
        let Phase::Stopping { doing, called, wakers } = &self.phase else {
            return;
        };
        let (doing, called, wakers) = (doing.clone(), *called, wakers.clone());
        let operation = doing.operation;
        self.trouble = result.as_ref().err().map(|failed| failed.reason.clone());
        if let Err(StopFailed { reason, answers }) = &result {
            effects.push(Effect::Warn(format!("`{}`: {reason}", self.environment)));
            if *answers {
                self.phase = Phase::Awake(Awake::since(now, self.times.look));
                self.slept.since = None;
                effects.push(Effect::Publish);
                self.save(effects);
                effects.push(failed(operation, format!("{reason}; the app answers, and is awake")));
                for operation in wakers {
                    let event = self.awake(now.saturating_sub(doing.began), true);
                    effects.push(Effect::Tell { operation, event });
                }
                return;
            }
            let message = format!("{reason}; the app does not answer, and counts as asleep");
            let event = Event::Common(CommonStep::Warning { message });
            effects.push(Effect::Tell { operation, event });
        }
        self.phase = Phase::Asleep {
            not_before: None,
            called,
        };
        let event = self.asleep(now.saturating_sub(doing.began), false);
        effects.push(Effect::Tell { operation, event });
        if let Some((first, rest)) = wakers.split_first() {
            let doing = Doing {
                operation: *first,
                began: now,
                idle: None,
                ..doing
            };
            self.run_start(doing, rest.to_vec(), effects);
        }
    }

    /// What it was about to do is called off: nothing was stopped.
    pub(super) fn reopen(&mut self, why: &str, now: Duration, effects: &mut Vec<Effect>) {
        let (doing, saved) = match &self.phase {
            Phase::Closing(closing) => (closing.doing.clone(), false),
            Phase::Saving { doing, .. } => (doing.clone(), true),
            _ => return,
        };
        self.phase = Phase::Awake(Awake::since(now, self.times.look));
        self.slept.since = None;
        effects.push(Effect::Publish);
        if saved {
            self.save(effects);
        }
        if doing.operation != 0 {
            effects.push(refused(doing.operation, exit::REFUSED, why.into(), None));
        }
    }
}
