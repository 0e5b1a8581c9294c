//! A deployment and what is around it, for the tests beside this.

mod steps;
mod turns;

use std::time::Duration;

use super::queue::PLACES;
use super::*;
use crate::model::api::{
    Action, CommandBegun, CommandEnded, CommonStep, DeployOutcome, DeployRequest, DeployStep, Event, Holder, Kind,
    OperationRequest, Problem, Progress, ReleaseRequest, Stage, Step, StepRequest, SwapStep, exit,
};
use crate::model::clock::Moment;
use crate::model::history::Caller;
use crate::model::slot::{Generation, Slot};
use crate::model::state::{EnvironmentState, Previous};
use crate::model::switch::{Rules, Service, example};

/// `prod` with one service, whose blue is live, and what it does beside its deployments.
struct Prod {
    deployments: Deployments,
    rules: Rules,
    state: EnvironmentState,
    aside: Option<Holder>,
    switch: Option<Holder>,
    baking: bool,
    draining: Vec<Slot>,
    surroundings: Surroundings,
    now: Duration,
    replies: u64,
    told: Vec<(u64, Event)>,
}

impl Prod {
    fn new() -> Self {
        let service = Service {
            names_version: true,
            ..example::service("web", 3000, 3010)
        };
        Self {
            deployments: Deployments::default(),
            rules: example::rules(vec![service]),
            state: EnvironmentState::first("2026-01-01T00:00:00.000Z".into()),
            aside: None,
            switch: None,
            baking: false,
            draining: Vec::new(),
            surroundings: Surroundings::default(),
            now: Duration::ZERO,
            replies: 0,
            told: Vec::new(),
        }
    }

    fn parts(&mut self) -> (&mut Deployments, Scene<'_>) {
        let scene = Scene {
            rules: &self.rules,
            state: &self.state,
            aside: self.aside.clone(),
            switch: self.switch.clone(),
            baking: self.baking,
            draining: self.draining.clone(),
        };
        (&mut self.deployments, scene)
    }

    /// What was to be done but to tell, which is kept.
    fn input(&mut self, input: Input) -> Vec<Effect> {
        let now = Moment {
            at: self.now,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        let (deployments, scene) = self.parts();
        let effects = deployments.handle(input, &scene, now);
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::Tell { operation, event } => self.told.push((operation, event)),
                other => others.push(other),
            }
        }
        // What is looked at is seen at once.
        if let Some(place) = others.iter().position(|it| matches!(it, Effect::Look { .. }))
            && let Effect::Look { operation, plan } = others.swap_remove(place)
        {
            others.extend(self.input(Input::Looked { operation, plan }));
        }
        others
    }

    fn ask(&mut self, operation: u64, request: DeployRequest) {
        let caller = ci();
        self.input(Input::Ask {
            operation,
            request,
            caller,
        });
    }

    fn step(&mut self, operation: u64, step: Step, caller: Caller) -> Result<(), Problem> {
        self.replies += 1;
        let (reply, surroundings) = (self.replies, self.surroundings.clone());
        let request = StepRequest { operation, step };
        let done = self.input(Input::Step {
            reply,
            request,
            caller,
            surroundings,
        });
        match done.as_slice() {
            [Effect::Reply { reply: to, result }] if *to == reply => result.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn begin(&mut self, operation: u64, step: Stage, slot: Option<Slot>) -> Result<(), Problem> {
        self.step(operation, Step::Begun(begun(step, slot)), ci())
    }

    fn end(&mut self, operation: u64, step: Stage, slot: Option<Slot>) -> Result<(), Problem> {
        self.step(operation, Step::Ended(ended(step, slot)), ci())
    }

    fn release(&mut self, operation: u64) -> Result<(), Problem> {
        self.replies += 1;
        let (reply, caller) = (self.replies, ci());
        let request = ReleaseRequest {
            operation,
            outcome: DeployOutcome::Done,
            reason: None,
        };
        let done = self.input(Input::Release { reply, request, caller });
        match done.as_slice() {
            [Effect::Reply { reply: to, result }] if *to == reply => result.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// A swap that is a part of a deployment publishes, and has not said its last word.
    fn switch_within(&mut self, within: u64, operation: u64) {
        let request = OperationRequest {
            within: Some(within),
            ..OperationRequest::new("prod", Kind::Swap)
        };
        assert_eq!(self.admitted(operation, &request), Ok(()));
        self.green_serves();
        self.deployments.hear(operation, &switched());
    }

    fn green_serves(&mut self) {
        self.state.live = Slot::Green;
        self.state.generation = self.state.generation.next();
        self.state.previous = Some(Previous {
            slot: Slot::Blue,
            services: [].into(),
        });
    }

    fn admitted(&mut self, operation: u64, request: &OperationRequest) -> Result<(), Problem> {
        let (deployments, scene) = self.parts();
        deployments.admit(operation, request, "ci", &scene)
    }

    /// Which one holds it.
    fn holder(&self) -> Option<u64> {
        Some(self.deployments.holder(self.switch.as_ref())?.operation)
    }

    /// The final event of an operation, of which there is at most one.
    fn end_of(&self, operation: u64) -> Option<&Event> {
        let own = self.told.iter().filter(|(of, _)| *of == operation);
        let mut own = own.skip_while(|(_, event)| event.exit_code().is_none());
        let last = own.next();
        assert!(own.next().is_none(), "nothing follows a final event: {:?}", self.told);
        last.map(|(_, event)| event)
    }

    fn code_of(&self, operation: u64) -> Option<u8> {
        self.end_of(operation)?.exit_code()
    }
}

fn ci() -> Caller {
    Caller {
        uid: 1000,
        user: "ci".into(),
    }
}

fn swap() -> DeployRequest {
    DeployRequest {
        environment: "prod".into(),
        kind: Kind::Swap,
        version: Some("v2".into()),
        confirmed: None,
        dry_run: false,
        wait_ms: None,
        since: None,
    }
}

fn waits() -> DeployRequest {
    DeployRequest {
        wait_ms: Some(60_000),
        ..swap()
    }
}

fn rollback() -> DeployRequest {
    DeployRequest {
        kind: Kind::Rollback,
        ..swap()
    }
}

fn begun(step: Stage, slot: Option<Slot>) -> CommandBegun {
    CommandBegun {
        step,
        service: None,
        slot,
        command: vec!["systemctl".into(), step.to_string()],
    }
}

fn ended(step: Stage, slot: Option<Slot>) -> CommandEnded {
    CommandEnded {
        step,
        service: None,
        slot,
        command: vec!["systemctl".into(), step.to_string()],
        exit: Some(0),
        signal: None,
        error: None,
        output: String::new(),
        elapsed_ms: 1,
    }
}

fn switched() -> Event {
    SwapStep::Switched {
        generation: Generation(2),
        services: vec!["web".into()],
        durability_uncertain: false,
    }
    .into()
}

fn holder(kind: Action, operation: u64) -> Holder {
    Holder {
        operation,
        kind,
        user: "ann".into(),
        since: String::new(),
        step: "gate".into(),
    }
}
