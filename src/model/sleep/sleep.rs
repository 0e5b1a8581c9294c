//! The machine of one environment's sleep.

use std::time::Duration;

use super::messages::{Effect, Input, Wanted, failed};
use super::phase::{Awake, Closing, Doing, ITSELF, PROGRESS, Phase};
use super::rules::{Rules, Times};
use crate::model::api::{Action, Holder, STOPPING, SleepState, SleepStatus, millis};
use crate::model::clock::Moment;
use crate::model::state::Slept;

/// The sleep of one environment, whether it may or not.
#[derive(Debug)]
pub struct Sleep {
    pub(super) environment: String,
    /// `None` where it may not sleep.
    pub(super) rules: Option<Rules>,
    /// Those by which it was stopped, where it may not any more: it is started by them.
    pub(super) before: Option<Rules>,
    pub(super) times: Times,
    pub(super) slept: Slept,
    pub(super) phase: Phase,
    /// Starts in a row that failed.
    pub(super) failures: u32,
    /// What went wrong last, until something goes well.
    pub(super) trouble: Option<String>,
    pub(super) tickets: u64,
    pub(super) stopped: bool,
    /// Whether something else held the environment at the last look.
    pub(super) taken: bool,
    /// Whether the file has it no more.
    pub(super) gone: bool,
}

/// What requests come upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// The app.
    Awake,
    /// They wait for it.
    Asleep {
        /// WebSockets do not: their clients come back by themselves, whether anybody needs the app or not.
        web_sockets: bool,
        /// Until then they are answered with 503: it could not be started.
        not_before: Option<Duration>,
    },
}

impl Sleep {
    /// As it was remembered. Without rules, it is awake whatever was.
    #[must_use]
    pub fn new(environment: String, rules: Option<Rules>, times: Times, slept: Slept, now: Duration) -> Self {
        let phase = match &slept.since {
            Some(_) if rules.is_some() => Phase::Asleep {
                not_before: None,
                called: false,
            },
            Some(_) | None => Phase::Awake(Awake::since(now, times.look)),
        };
        Self {
            environment,
            rules,
            before: None,
            times,
            slept,
            phase,
            failures: 0,
            trouble: None,
            tickets: 0,
            stopped: false,
            taken: false,
            gone: false,
        }
    }

    /// Takes what happened, and says what has to be done. `taken`: something else holds the environment, and nothing begins here.
    pub fn handle(&mut self, input: Input, taken: bool, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.taken = taken;
        if self.stopped {
            if let Input::Ask { operation, .. } = input {
                effects.push(failed(operation, STOPPING.into()));
            }
            return effects;
        }
        match input {
            Input::Ask {
                operation,
                wanted: Wanted::Asleep { patience },
                user,
            } => self.ask_to_sleep(operation, patience, user, now, &mut effects),
            Input::Ask {
                operation,
                wanted: Wanted::Awake,
                user,
            } => self.ask_to_wake(operation, user, now, &mut effects),
            Input::Called => self.called(now.at, &mut effects),
            Input::Counted(sample) => self.counted(sample, now, &mut effects),
            Input::Closed { leaving: closed } => {
                if let Phase::Closing(Closing { leaving, .. }) = &mut self.phase {
                    *leaving = Some(closed);
                }
            }
            Input::Drained { activation } => {
                if let Phase::Closing(Closing {
                    leaving: Some(leaving), ..
                }) = &mut self.phase
                {
                    leaving.retain(|it| *it != activation);
                }
            }
            Input::Inside(left) => self.inside(left, now.at, &mut effects),
            Input::Numbered { operation } => self.numbered(operation, &mut effects),
            Input::Saved { ticket, result } => self.saved(ticket, result, now.at, &mut effects),
            Input::Stopped(result) => self.stop_ran(result, now.at, &mut effects),
            Input::Started(result) => self.start_ran(result, now.at, &mut effects),
            Input::Rules(rules) => {
                if rules.is_none() && !matches!(self.phase, Phase::Awake(_)) {
                    self.before = self.rules.take().or_else(|| self.before.take());
                }
                if let Phase::Awake(awake) = &mut self.phase {
                    (awake.needed, awake.next) = (now.at, now.at);
                }
                self.rules = rules;
                self.gone = false;
            }
            Input::Gone => self.gone = true,
            Input::Stop => self.stop(&mut effects),
            Input::Tick => {}
        }
        self.turn(now, &mut effects);
        effects
    }

    /// When [`Input::Tick`] is due next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        if self.stopped || self.gone {
            return None;
        }
        match &self.phase {
            Phase::Awake(Awake { counting: true, .. }) => None,
            Phase::Awake(awake) => self.rules.as_ref().map(|_| awake.next),
            Phase::Closing(Closing { leaving: None, .. }) => None,
            Phase::Closing(closing) => Some(closing.limit.min(closing.next_word)),
            Phase::Asleep {
                not_before,
                called: true,
            } if !self.taken => Some(not_before.unwrap_or_default()),
            Phase::Asleep { .. } | Phase::Saving { .. } | Phase::Stopping { .. } | Phase::Waking { .. } => None,
        }
    }

    /// What holds the environment: falling asleep and waking do, to be asleep does not.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        let (doing, kind, step) = match &self.phase {
            Phase::Awake(_) | Phase::Asleep { .. } => return None,
            Phase::Closing(closing) => (&closing.doing, Action::Sleep, "drain"),
            Phase::Saving { doing, .. } => (doing, Action::Sleep, "persist"),
            Phase::Stopping { doing, .. } => (doing, Action::Sleep, "stop"),
            Phase::Waking { doing, .. } => (doing, Action::Wake, "start"),
        };
        Some(Holder {
            operation: doing.operation,
            kind,
            user: doing.user.clone(),
            since: doing.since.clone(),
            step: step.into(),
        })
    }

    /// Since when it is asleep.
    #[must_use]
    pub fn asleep_since(&self) -> Option<&str> {
        match self.phase {
            Phase::Asleep { .. } => self.slept.since.as_deref(),
            _ => None,
        }
    }

    /// What requests come upon.
    #[must_use]
    pub fn stance(&self) -> Stance {
        match &self.phase {
            Phase::Awake(_) => Stance::Awake,
            Phase::Closing(Closing { web_sockets, .. }) => Stance::Asleep {
                web_sockets: *web_sockets,
                not_before: None,
            },
            Phase::Saving { .. } | Phase::Stopping { .. } => Stance::Asleep {
                web_sockets: self.slept.web_sockets,
                not_before: None,
            },
            Phase::Asleep { not_before, .. } => Stance::Asleep {
                web_sockets: self.slept.web_sockets,
                not_before: *not_before,
            },
            Phase::Waking { .. } => Stance::Asleep {
                web_sockets: false,
                not_before: None,
            },
        }
    }

    /// How it stands; `None` where it may not sleep.
    #[must_use]
    pub fn status(&self, now: Duration) -> Option<SleepStatus> {
        let state = match &self.phase {
            Phase::Awake(_) => SleepState::Awake,
            Phase::Closing(_) | Phase::Saving { .. } | Phase::Stopping { .. } => SleepState::FallingAsleep,
            Phase::Asleep { .. } => SleepState::Asleep,
            Phase::Waking { .. } => SleepState::Waking,
        };
        let rules = self.rules.as_ref();
        if rules.is_none() && state == SleepState::Awake {
            return None;
        }
        let idle = match &self.phase {
            Phase::Awake(awake) => Some(now.saturating_sub(awake.needed)),
            _ => None,
        };
        Some(SleepStatus {
            state,
            after_ms: rules.map(|rules| millis(rules.after)),
            idle_ms: idle.map(millis),
            since: self.slept.since.clone().filter(|_| state != SleepState::Awake),
            woke: self.slept.woke,
            waking_ms: self.slept.waking_ms,
            trouble: self.trouble.clone(),
        })
    }

    fn numbered(&mut self, number: u64, effects: &mut Vec<Effect>) {
        let event = match &mut self.phase {
            Phase::Saving { doing, .. } if doing.operation == 0 => {
                doing.operation = number;
                let idle = doing.idle;
                self.falling_asleep(number, idle)
            }
            Phase::Waking { doing, .. } if doing.operation == 0 => {
                doing.operation = number;
                self.waking(number)
            }
            _ => return,
        };
        let operation = number;
        effects.push(Effect::Tell { operation, event });
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.stopped = true;
        let mut all = Vec::new();
        match &self.phase {
            Phase::Awake(Awake {
                wanted: Some((doing, _)),
                ..
            }) => all.push(doing.operation),
            Phase::Closing(Closing { doing, .. }) | Phase::Saving { doing, .. } => all.push(doing.operation),
            Phase::Stopping { doing, wakers, .. } | Phase::Waking { doing, wakers } => {
                all.push(doing.operation);
                all.extend(wakers);
            }
            Phase::Awake(_) | Phase::Asleep { .. } => {}
        }
        all.retain(|operation| *operation != 0);
        effects.extend(
            all.into_iter()
                .map(|operation| failed(operation, "the proxy stopped".into())),
        );
    }

    /// What time, the last claim and a waiting request bring about.
    fn turn(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.stopped || self.gone {
            return;
        }
        let look = self.times.look;
        match &mut self.phase {
            Phase::Awake(awake) if self.rules.is_some() && !awake.counting && now.at >= awake.next => {
                if self.taken {
                    // Whoever holds it needs it.
                    (awake.needed, awake.next) = (now.at, now.at.saturating_add(look));
                } else {
                    awake.counting = true;
                    effects.push(Effect::Count);
                }
            }
            Phase::Closing(Closing {
                doing,
                web_sockets,
                leaving: Some(leaving),
                ..
            }) if leaving.is_empty() => {
                self.slept.web_sockets = *web_sockets;
                self.slept.since = Some(now.written());
                let doing = doing.clone();
                if doing.operation == 0 {
                    effects.push(Effect::Number(Action::Sleep));
                }
                let ticket = self.save(effects);
                self.phase = Phase::Saving { doing, ticket };
            }
            Phase::Closing(Closing {
                leaving: Some(leaving),
                limit,
                next_word,
                ..
            }) if now.at >= (*limit).min(*next_word) => {
                *next_word = now.at.saturating_add(PROGRESS);
                effects.push(Effect::Look {
                    leaving: leaving.clone(),
                });
            }
            Phase::Asleep { not_before, called } if !self.taken => {
                let wanted = *called || self.rules.is_none();
                if wanted && not_before.is_none_or(|at| now.at >= at) {
                    effects.push(Effect::Number(Action::Wake));
                    let doing = Doing {
                        operation: 0,
                        user: ITSELF.into(),
                        since: now.written(),
                        began: now.at,
                        idle: None,
                    };
                    self.start(doing, Vec::new(), effects);
                }
            }
            _ => {}
        }
    }

    pub(super) fn save(&mut self, effects: &mut Vec<Effect>) -> u64 {
        self.tickets += 1;
        effects.push(Effect::Save {
            ticket: self.tickets,
            slept: self.slept.clone(),
        });
        self.tickets
    }
}
