//! The pause of an environment (N13): new requests are held, the live ones end, somebody restarts the app, its health is waited
//! for, and the held requests go on. When health does not come back in time, they are answered with 503.
//!
//! ```text
//! Open → Draining → Paused → Gating → Open
//! ```
//!
//! A pause of writes holds what is neither GET, HEAD nor OPTIONS, waits for what writes and nothing else, and touches no stream (N35).
//!
//! What was begun drains as the old side of a swap does: a new activation of the same slot takes the place of the live one, and
//! serves from the release on. A pause ends when somebody resumes, at its limit, when the client that it is attached to is gone, or
//! with the process: it is no state of the environment. Every pause gets exactly one final event, and it is always its last.

mod messages;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::messages::{Effect, Input};
use super::api::{
    Action, CommonStep, Event, GateReport, Holder, PauseRequest, PauseStep, Progress, ResumeRequest, STOPPING, exit,
    millis,
};
use super::clock::Moment;
use super::gate;
use super::handoff::Left;
use super::history::Caller;

/// How often progress is told.
const PROGRESS: Duration = Duration::from_secs(1);
/// However late it is, the app is asked for this long before held requests are given up.
const LAST_LOOK: Duration = Duration::from_secs(3);
/// But no longer than this, however slowly it may answer and however often it has to.
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// The least that an instance is asked for, so that it can pass as often as it has to, with answers that take all the time they may.
#[must_use]
pub fn last_look(passes: u32, interval: Duration, timeout: Duration) -> Duration {
    let passing = interval.max(timeout).saturating_mul(passes);
    passing.clamp(LAST_LOOK, LONGEST_LOOK)
}

/// The pause of one environment, whether it is on or not.
#[derive(Debug)]
pub struct Pause {
    environment: String,
    current: Option<Current>,
    stopped: bool,
}

/// The pause that holds the environment.
#[derive(Debug)]
struct Current {
    operation: u64,
    user: String,
    since: String,
    attached: bool,
    /// Whether requests that only read go on (N35).
    writes: bool,
    began: Duration,
    timeout: Duration,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Claims are still held.
    Draining {
        /// By these activations; `None` until the gates are closed.
        leaving: Option<Vec<usize>>,
        next_word: Duration,
        /// Whether the count of what is inside is awaited.
        counting: bool,
    },
    /// The app holds nothing.
    Paused,
    /// The app is asked for its health; why, where nobody asked for the end.
    Gating { why: Option<String> },
}

impl Current {
    fn limit(&self) -> Duration {
        self.began.saturating_add(self.timeout)
    }

    fn step(&self) -> &'static str {
        match self.stage {
            Stage::Draining { .. } => "drain",
            Stage::Paused => "paused",
            Stage::Gating { .. } => "gate",
        }
    }
}

impl Pause {
    /// An environment that is not paused.
    #[must_use]
    pub fn new(environment: String) -> Self {
        Self {
            environment,
            current: None,
            stopped: false,
        }
    }

    /// Takes what happened, and says what has to be done.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Ask {
                operation,
                request,
                user,
            } => self.ask(operation, &request, user, now, &mut effects),
            Input::Resume {
                listener,
                request,
                caller,
            } => self.resume(listener, &request, caller, now.at, &mut effects),
            Input::Left { operation } => {
                if self.of(operation).is_some() {
                    self.gate(Some("whoever asked for it is gone".into()), now.at, &mut effects);
                }
            }
            Input::Closed { leaving: closed } => {
                if let Some(Stage::Draining { leaving, .. }) = self.stage() {
                    *leaving = Some(closed);
                }
            }
            Input::Drained { activation } => {
                if let Some(Stage::Draining {
                    leaving: Some(leaving), ..
                }) = self.stage()
                {
                    leaving.retain(|it| *it != activation);
                }
            }
            Input::Written { operation } => {
                if self.of(operation).is_some_and(|current| current.writes)
                    && let Some(Stage::Draining { leaving, .. }) = self.stage()
                {
                    *leaving = Some(Vec::new());
                }
            }
            Input::Counted(left) => self.counted(left, now.at, &mut effects),
            Input::Gating {
                operation,
                instances,
                elapsed,
            } => self.gating(operation, instances, elapsed, &mut effects),
            Input::Gated {
                operation,
                result,
                elapsed,
            } => self.gated(operation, result, elapsed, now.at, &mut effects),
            Input::Tick => {}
            Input::Stop => {
                self.stopped = true;
                let reason = "the proxy stopped".into();
                self.end(Event::Common(CommonStep::Failed { reason, live: None }), &mut effects);
            }
        }
        self.turn(now.at, &mut effects);
        effects
    }

    /// When [`Input::Tick`] is due next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let current = self.current.as_ref()?;
        match &current.stage {
            // The answer is on its way.
            Stage::Draining { counting: true, .. } => None,
            // The gates are just being closed.
            Stage::Draining { leaving: None, .. } => None,
            Stage::Draining { next_word, .. } => Some(current.limit().min(*next_word)),
            Stage::Paused => Some(current.limit()),
            // The gate has a deadline of its own.
            Stage::Gating { .. } => None,
        }
    }

    /// Whether new requests are held.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.current.is_some()
    }

    /// Whether requests that only read go on (N35).
    #[must_use]
    pub fn is_of_writes(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.writes)
    }

    /// The pause that holds the environment.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        self.current.as_ref().map(|current| Holder {
            operation: current.operation,
            kind: if current.writes {
                Action::PauseWrites
            } else {
                Action::Pause
            },
            user: current.user.clone(),
            since: current.since.clone(),
            step: current.step().into(),
        })
    }

    fn ask(&mut self, operation: u64, request: &PauseRequest, user: String, now: Moment, effects: &mut Vec<Effect>) {
        let name = &self.environment;
        let busy = match (self.stopped, self.holder()) {
            (true, _) => Some((exit::FAILED, STOPPING.into(), None)),
            (false, Some(holder)) => Some((exit::BUSY, holder.refusal(name), Some(holder.hint(name)))),
            (false, None) => None,
        };
        if let Some((code, reason, hint)) = busy {
            let event = Event::Common(CommonStep::Refused {
                code,
                reason,
                evidence: Vec::new(),
                hint,
                live: None,
                health: Vec::new(),
            });
            return effects.push(Effect::Tell { operation, event });
        }
        self.current = Some(Current {
            operation,
            user,
            since: now.written(),
            attached: request.attached,
            writes: request.writes,
            began: now.at,
            timeout: Duration::from_millis(request.timeout_ms),
            stage: Stage::Draining {
                leaving: None,
                next_word: now.at.saturating_add(PROGRESS),
                counting: false,
            },
        });
        let event = Event::Pause(PauseStep::Pausing {
            operation,
            environment: self.environment.clone(),
            limit_ms: request.timeout_ms,
            writes: request.writes,
        });
        effects.push(Effect::Tell { operation, event });
        if request.attached {
            effects.push(Effect::Watch { operation });
        }
        effects.push(Effect::Hold {
            operation,
            writes: request.writes,
        });
    }

    fn resume(
        &mut self,
        listener: u64,
        request: &ResumeRequest,
        caller: Caller,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let name = &self.environment;
        let wrong = match (&self.current, request.operation) {
            (None, _) => Some(format!("`{name}` is not paused")),
            (Some(current), Some(asked)) if asked != current.operation => Some(format!(
                "that pause of `{name}` is over; pause {} holds it now",
                current.operation
            )),
            (Some(_), _) => None,
        };
        if let Some(reason) = wrong {
            let event = Event::Common(CommonStep::Refused {
                code: exit::REFUSED,
                reason,
                evidence: Vec::new(),
                hint: None,
                live: None,
                health: Vec::new(),
            });
            return effects.push(Effect::Refuse { listener, event });
        }
        if let Some(Current { operation, .. }) = self.current {
            effects.push(Effect::Join { listener, operation });
            // The command's own `proxyctl` names its pause: that is no news.
            if request.operation.is_none() {
                effects.push(Effect::Asked { operation, caller });
            }
        }
        if request.force {
            self.release(None, now, effects);
        } else {
            self.gate(None, now, effects);
        }
    }

    /// What time and the last claim bring about.
    fn turn(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some(current) = &mut self.current else { return };
        let (operation, limit) = (current.operation, current.limit());
        match &mut current.stage {
            Stage::Draining {
                leaving: Some(leaving), ..
            } if leaving.is_empty() => {
                let event = Event::Pause(PauseStep::Paused {
                    elapsed_ms: millis(now.saturating_sub(current.began)),
                    left_ms: millis(limit.saturating_sub(now)),
                    writes: current.writes,
                });
                current.stage = Stage::Paused;
                effects.push(Effect::Tell { operation, event });
            }
            Stage::Draining {
                leaving: Some(leaving),
                next_word,
                counting,
            } if !*counting && now >= limit.min(*next_word) => {
                *next_word = now.saturating_add(PROGRESS);
                *counting = true;
                effects.push(Effect::Count {
                    leaving: leaving.clone(),
                });
            }
            Stage::Paused if now >= limit => {
                let why = format!("its limit of {} s was reached", current.timeout.as_secs_f64());
                self.gate(Some(why), now, effects);
            }
            Stage::Draining { .. } | Stage::Paused | Stage::Gating { .. } => {}
        }
    }

    fn counted(&mut self, left: Left, now: Duration, effects: &mut Vec<Effect>) {
        let Some(current) = &mut self.current else { return };
        let (operation, limit) = (current.operation, current.limit());
        let Stage::Draining { counting, .. } = &mut current.stage else {
            return;
        };
        *counting = false;
        if now < limit {
            let event = Event::Progress(Progress::Draining {
                requests: left.requests,
                streams: left.streams,
                elapsed_ms: millis(now.saturating_sub(current.began)),
            });
            return effects.push(Effect::Tell { operation, event });
        }
        let reason = format!(
            "{left} did not end within {} s, so the app was not touched; requests are let through again",
            current.timeout.as_secs_f64()
        );
        let evidence = Vec::new();
        self.end(Event::Pause(PauseStep::Lapsed { reason, evidence }), effects);
    }

    /// Asks the app for its health before anything is let go.
    fn gate(&mut self, why: Option<String>, now: Duration, effects: &mut Vec<Effect>) {
        let Some(current) = &mut self.current else { return };
        if let Stage::Gating { .. } = current.stage {
            return;
        }
        current.stage = Stage::Gating { why };
        effects.push(Effect::Gate {
            operation: current.operation,
            patience: current.limit().saturating_sub(now).max(LAST_LOOK),
        });
    }

    fn gating(&self, operation: u64, instances: Vec<GateReport>, elapsed: Duration, effects: &mut Vec<Effect>) {
        if let Some(Stage::Gating { .. }) = self.of(operation).map(|current| &current.stage) {
            let elapsed_ms = millis(elapsed);
            let event = Event::Progress(Progress::Gating { instances, elapsed_ms });
            effects.push(Effect::Tell { operation, event });
        }
    }

    /// The app is well again, or was not in time.
    fn gated(
        &mut self,
        operation: u64,
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        elapsed: Duration,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Stage::Gating { why }) = self.of(operation).map(|current| &current.stage) else {
            return;
        };
        let why = why.clone();
        match result {
            Ok(instances) => {
                let event = Event::Common(CommonStep::Gated {
                    instances,
                    version: None,
                    elapsed_ms: millis(elapsed),
                });
                effects.push(Effect::Tell { operation, event });
                self.release(why, now, effects);
            }
            Err(evidence) => {
                let why = why.map_or(String::new(), |why| format!("{why}; "));
                let verdict = gate::verdict(&evidence, elapsed);
                let reason = format!("{why}{verdict}; the held requests were answered with 503");
                effects.push(Effect::TurnAway);
                self.end(Event::Pause(PauseStep::Lapsed { reason, evidence }), effects);
            }
        }
    }

    /// Lets the held requests go on.
    fn release(&mut self, why: Option<String>, now: Duration, effects: &mut Vec<Effect>) {
        let Some(current) = &self.current else { return };
        let event = match why {
            // The client whose command runs meanwhile has to know that it was not alone to the end.
            Some(why) if current.attached && now >= current.limit() => Event::Pause(PauseStep::Lapsed {
                reason: format!("{why}; requests are let through again"),
                evidence: Vec::new(),
            }),
            reason => Event::Pause(PauseStep::Resumed {
                environment: self.environment.clone(),
                elapsed_ms: millis(now.saturating_sub(current.began)),
                reason,
            }),
        };
        self.end(event, effects);
    }

    fn end(&mut self, event: Event, effects: &mut Vec<Effect>) {
        let Some(Current { operation, .. }) = self.current.take() else {
            return;
        };
        effects.push(Effect::Tell { operation, event });
        effects.push(Effect::Release);
    }

    /// The pause, if it is still this one.
    fn of(&self, operation: u64) -> Option<&Current> {
        self.current.as_ref().filter(|current| current.operation == operation)
    }

    fn stage(&mut self) -> Option<&mut Stage> {
        self.current.as_mut().map(|current| &mut current.stage)
    }
}
