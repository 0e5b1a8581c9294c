//! Pauses: people who ask for one and for its end, clients that hang up, and what a pause promised (N13).

use std::collections::HashMap;
use std::time::Duration;

use greengate::model::api::{Action, CommonStep, Event, PauseRequest, PauseStep, ResumeRequest, exit};
use greengate::model::environment;
use greengate::model::handoff::Left;
use greengate::model::history::Caller;
use greengate::model::pause::{Effect, Input};
use greengate::model::slot::Generation;

use super::checks::Promise;
use super::{Happening, World};

/// The last look at the app's health after the limit, and the time that answers take.
const SLACK: Duration = Duration::from_millis(3200);

/// What is known of the pause that holds the environment, and of those who asked for an end.
#[derive(Default)]
pub(super) struct Pausing {
    pub(super) operation: Option<u64>,
    ends_by: Duration,
    closed: Vec<usize>,
    gated: bool,
    gate_failed: bool,
    forced: bool,
    /// How often each listener was answered, and the operation that it listens to.
    resumes: HashMap<u64, (u32, Option<u64>)>,
    listeners: u64,
}

impl World {
    pub(super) fn ask_pause(&mut self) {
        self.operations += 1;
        let operation = self.operations;
        self.promises.insert(operation, Promise::default());
        let request = PauseRequest {
            environment: "prod".into(),
            timeout_ms: self.rng.u64(0..15_000),
            attached: self.rng.bool(),
            writes: false,
        };
        let ask = Input::Ask {
            operation,
            request,
            user: "ci".into(),
        };
        self.handle(environment::Input::Pause(ask));
    }

    pub(super) fn ask_resume(&mut self) {
        self.pausing.listeners += 1;
        let listener = self.pausing.listeners;
        let operation = match self.rng.u8(0..4) {
            0 => Some(self.rng.u64(0..=self.operations)),
            1 => self.pausing.operation,
            _ => None,
        };
        let force = self.rng.u8(0..5) == 0;
        let own = self.pausing.operation.is_some() && operation.is_none_or(|it| Some(it) == self.pausing.operation);
        self.pausing.forced |= own && force;
        self.pausing.resumes.insert(listener, (0, None));
        let resume = Input::Resume {
            listener,
            request: ResumeRequest {
                environment: "prod".into(),
                operation,
                force,
            },
            caller: Caller {
                uid: 0,
                user: "ann".into(),
            },
        };
        self.handle(environment::Input::Pause(resume));
    }

    pub(super) fn every_resume_was_answered(&self) {
        for (listener, (answers, _)) in &self.pausing.resumes {
            assert_eq!(*answers, 1, "resume {listener} was answered {answers} times");
        }
    }

    /// Whether the client that the pause is attached to is gone with this.
    pub(super) fn hangs_up(&self, input: &environment::Input) -> bool {
        let current = self.pausing.operation;
        matches!(input, environment::Input::Pause(Input::Left { operation }) if Some(*operation) == current)
    }

    /// Whether the pause is over, or waits for health alone.
    pub(super) fn is_letting_go(&self) -> bool {
        let holder = self.environment.holder();
        holder.is_none_or(|holder| holder.kind != Action::Pause || holder.step == "gate")
    }

    pub(super) fn carry_out_pause(&mut self, effect: Effect) {
        match effect {
            Effect::Tell { operation, event } => self.told_of_pause(operation, &event),
            Effect::Refuse { listener, event } => {
                assert_eq!(event.exit_code(), Some(exit::REFUSED));
                self.resume(listener).0 += 1;
            }
            Effect::Join { listener, operation } => {
                assert_eq!(Some(operation), self.pausing.operation);
                self.resume(listener).1 = Some(operation);
            }
            Effect::Asked { operation, .. } => assert_eq!(Some(operation), self.pausing.operation),
            Effect::Watch { operation } => {
                if self.rng.u8(0..3) == 0 {
                    self.answer_pause(8000, Input::Left { operation });
                }
            }
            Effect::Hold { .. } => {
                let closed = self.plane.hold(self.now);
                let leaving: Vec<_> = closed.iter().map(|(number, _)| *number).collect();
                let sides = closed.iter().map(|(number, side)| (*number, side));
                self.environment.leave(Generation::default(), sides);
                self.pausing.closed.clone_from(&leaving);
                self.inputs
                    .push_back(environment::Input::Pause(Input::Closed { leaving }));
            }
            Effect::Count { leaving } => {
                let (requests, streams) = self.plane.inside(&leaving, self.now);
                self.answer_pause(5, Input::Counted(Left::here(requests, streams)));
            }
            Effect::Gate { operation, patience } => {
                let well = self.rng.u8(0..5) > 0;
                let elapsed = match (well, u64::try_from(patience.as_millis()).unwrap()) {
                    (true, patience) => Duration::from_millis(self.rng.u64(0..=patience)),
                    (false, _) => patience,
                };
                let result = if well { Ok(Vec::new()) } else { Err(Vec::new()) };
                let gated = Input::Gated {
                    operation,
                    result,
                    elapsed,
                };
                self.at(self.now + elapsed, environment::Input::Pause(gated));
            }
            Effect::TurnAway => {
                assert!(self.plane.paused, "turned away, and nobody is held");
                self.pausing.gate_failed = true;
            }
            Effect::Release => {
                assert_eq!(self.pausing.operation, None, "let go before it was told");
                assert!(!self.environment.is_paused());
                self.plane.paused = false;
            }
        }
    }

    fn told_of_pause(&mut self, operation: u64, event: &Event) {
        let answers = &mut self.promises.get_mut(&operation).expect("told to nobody").answers;
        assert_eq!(*answers, 0, "told after the answer: {event:?}");
        match event {
            Event::Pause(PauseStep::Pausing { limit_ms, .. }) => {
                self.is_alone();
                assert_eq!(self.moving, None, "two operations at once");
                self.tally.paused += 1;
                let ends_by = self.now + Duration::from_millis(*limit_ms) + SLACK;
                let Self { pausing, .. } = self;
                (pausing.operation, pausing.ends_by) = (Some(operation), ends_by);
                (pausing.gated, pausing.gate_failed, pausing.forced) = (false, false, false);
            }
            Event::Pause(PauseStep::Paused { .. }) => {
                let inside = self.plane.inside(&self.pausing.closed, self.now);
                assert_eq!(inside, (0, 0), "paused while the app holds requests");
                assert!(self.plane.paused, "paused, and nobody is held");
            }
            Event::Common(CommonStep::Gated { .. }) => self.pausing.gated = true,
            Event::Pause(PauseStep::Resumed { reason, .. }) => {
                let gated = self.pausing.gated || self.pausing.forced;
                assert!(gated, "let go without a passed gate: {reason:?}");
                self.tally.resumed += 1;
                self.tally.left += u64::from(reason.as_ref().is_some_and(|it| it.contains("gone")));
            }
            Event::Pause(PauseStep::Lapsed { reason, .. }) => {
                // Nothing was touched, or health did not come back, or it came back too late for the one who asked.
                let touched = !reason.contains("did not end within");
                let gated = self.pausing.gated || self.pausing.gate_failed;
                assert!(!touched || gated, "let go without a gate: {reason}");
                self.tally.lapsed += 1;
            }
            _ => {}
        }
        if event.exit_code().is_none() {
            return;
        }
        self.promises.get_mut(&operation).unwrap().answers += 1;
        if self.pausing.operation == Some(operation) {
            assert!(self.now <= self.pausing.ends_by, "the pause ends too late");
            self.pausing.operation = None;
            for (answers, of) in self.pausing.resumes.values_mut() {
                *answers += u32::from(*of == Some(operation));
            }
        } else {
            self.tally.busy += 1;
        }
    }

    fn resume(&mut self, listener: u64) -> &mut (u32, Option<u64>) {
        self.pausing.resumes.get_mut(&listener).expect("answered to nobody")
    }

    fn answer_pause(&mut self, within: u64, input: Input) {
        let input = Box::new(environment::Input::Pause(input));
        self.soon(within, Happening::Input(self.life, input));
    }
}
