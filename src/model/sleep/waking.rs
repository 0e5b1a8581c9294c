//! How an environment wakes: `start` runs once, and those who wait go on when the app answers, or hear that it does not.

use std::time::Duration;

use super::messages::{Effect, failed};
use super::phase::{Awake, Doing, Phase};
use super::rules::Rules;
use super::sleep::Sleep;
use crate::model::api::millis;
use crate::model::clock::Moment;
use crate::model::state::Slept;

/// After a `start` that failed, the next request that comes so soon is answered with 503 at once; twice as long after each more.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// But no longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Sleep {
    pub(super) fn ask_to_wake(&mut self, operation: u64, user: String, now: Moment, effects: &mut Vec<Effect>) {
        if self.rules.is_none() && self.before.is_none() {
            return effects.push(self.cannot(operation));
        }
        match &mut self.phase {
            Phase::Waking { wakers, .. } => {
                wakers.push(operation);
                let event = self.waking(operation);
                effects.push(Effect::Tell { operation, event });
            }
            Phase::Stopping { called, wakers, .. } => {
                *called = true;
                wakers.push(operation);
                let event = self.waking(operation);
                effects.push(Effect::Tell { operation, event });
            }
            Phase::Asleep { .. } => {
                let doing = Doing::asked(operation, user, now);
                self.start(doing, Vec::new(), effects);
            }
            Phase::Awake(_) | Phase::Closing(_) | Phase::Saving { .. } => {
                self.reopen(
                    &format!("`proxyctl wake {}` came meanwhile", self.environment),
                    now.at,
                    effects,
                );
                if let Phase::Awake(awake) = &mut self.phase {
                    awake.needed = now.at;
                }
                let event = self.awake(Duration::ZERO, true);
                effects.push(Effect::Tell { operation, event });
            }
        }
    }

    pub(super) fn called(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Closing(_) | Phase::Saving { .. } => {
                self.reopen("a request came before it was stopped; it stays awake", now, effects);
            }
            Phase::Stopping { called, .. } | Phase::Asleep { called, .. } => *called = true,
            Phase::Awake(_) | Phase::Waking { .. } => {}
        }
    }

    pub(super) fn start(&mut self, doing: Doing, wakers: Vec<u64>, effects: &mut Vec<Effect>) {
        if doing.operation != 0 {
            let (operation, event) = (doing.operation, self.waking(doing.operation));
            effects.push(Effect::Tell { operation, event });
        }
        self.run_start(doing, wakers, effects);
    }

    pub(super) fn start_ran(&mut self, result: Result<(), String>, now: Duration, effects: &mut Vec<Effect>) {
        let Phase::Waking { doing, wakers } = &self.phase else {
            return;
        };
        let (doing, wakers) = (doing.clone(), wakers.clone());
        let took = now.saturating_sub(doing.began);
        let all = std::iter::once(doing.operation).chain(wakers);
        match result {
            Ok(()) => {
                self.failures = 0;
                self.trouble = None;
                self.before = None;
                self.slept = Slept {
                    since: None,
                    web_sockets: false,
                    woke: self.slept.woke + 1,
                    waking_ms: Some(millis(took)),
                };
                self.phase = Phase::Awake(Awake::since(now, self.times.look));
                effects.push(Effect::Publish);
                self.save(effects);
                for operation in all {
                    let event = self.awake(took, false);
                    effects.push(Effect::Tell { operation, event });
                }
            }
            Err(reason) => {
                self.failures = self.failures.saturating_add(1);
                self.trouble = Some(reason.clone());
                let pause = FIRST_PAUSE * 2_u32.pow(self.failures.min(7) - 1);
                self.phase = Phase::Asleep {
                    not_before: Some(now.saturating_add(pause.min(LONGEST_PAUSE))),
                    called: false,
                };
                // First the news: who comes later must not wait for what was given up.
                effects.extend([Effect::Publish, Effect::TurnAway]);
                effects.push(Effect::Warn(format!("`{}` does not wake: {reason}", self.environment)));
                effects.extend(all.map(|operation| failed(operation, reason.clone())));
            }
        }
    }

    pub(super) fn run_start(&mut self, doing: Doing, wakers: Vec<u64>, effects: &mut Vec<Effect>) {
        let Some(rules) = self.commands() else { return };
        effects.extend([
            Effect::Publish,
            Effect::RunStart {
                command: rules.start.clone(),
                deadline: rules.deadline,
            },
        ]);
        self.phase = Phase::Waking { doing, wakers };
    }

    pub(super) fn commands(&self) -> Option<&Rules> {
        self.rules.as_ref().or(self.before.as_ref())
    }
}
