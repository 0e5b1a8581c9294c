//! Who holds an environment, and what the others are told.

use super::*;
use crate::model::api::{
    Action, CommandBegun, DeployRequest, Kind, OperationRequest, PauseRequest, STOPPING, Stage, StepRequest,
};
use crate::model::history::Caller;
use crate::model::switch::{Ended, example};

struct Scene {
    environment: Environment,
    done: Vec<Effect>,
}

impl Scene {
    fn new() -> Self {
        let rules = example::rules(vec![example::service("web", 3000, 3010)]);
        Self {
            environment: Environment::new(rules, EnvironmentState::first(String::new())),
            done: Vec::new(),
        }
    }

    fn input(&mut self, input: Input) {
        let now = Moment {
            at: Duration::ZERO,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        self.done = self.environment.handle(input, now);
    }

    fn swap(&mut self, operation: u64) {
        self.operate(operation, OperationRequest::new("prod", Kind::Swap));
    }

    fn operate(&mut self, operation: u64, request: OperationRequest) {
        self.input(Input::Switch(switch::Input::Ask {
            operation,
            request,
            user: "ci".into(),
            warnings: Vec::new(),
            elsewhere: Vec::new(),
        }));
    }

    fn deploy(&mut self, operation: u64) {
        let request = DeployRequest {
            environment: "prod".into(),
            kind: Kind::Swap,
            version: None,
            confirmed: None,
            dry_run: false,
            wait_ms: None,
            since: None,
        };
        let caller = ci();
        self.input(Input::Deploy(deployment::Input::Ask {
            operation,
            request,
            caller,
        }));
    }

    fn pause(&mut self, operation: u64) {
        let request = PauseRequest {
            environment: "prod".into(),
            timeout_ms: 30_000,
            attached: false,
            writes: false,
        };
        let user = "ci".into();
        self.input(Input::Pause(pause::Input::Ask {
            operation,
            request,
            user,
        }));
    }

    fn reload(&mut self, operation: u64) {
        self.environment.take(Holder {
            operation,
            kind: Action::Reload,
            user: "ci".into(),
            since: String::new(),
            step: "gate".into(),
        });
    }

    /// Why it was refused; `None` when it has begun.
    fn refused(&self) -> Option<&str> {
        let event = match self.done.first()? {
            Effect::Switch(switch::Effect::Tell { event, .. })
            | Effect::Pause(pause::Effect::Tell { event, .. })
            | Effect::Deploy(deployment::Effect::Tell { event, .. }) => event,
            Effect::Deploy(_) => return None,
            other => panic!("{other:?}"),
        };
        match event {
            Event::Common(CommonStep::Refused { code, reason, .. }) => {
                let expected = if reason == STOPPING { exit::FAILED } else { exit::BUSY };
                assert_eq!((*code, self.done.len()), (expected, 1));
                Some(reason)
            }
            _ => None,
        }
    }
}

fn ci() -> Caller {
    Caller {
        uid: 1000,
        user: "ci".into(),
    }
}

#[test]
fn n5_whatever_holds_the_environment_refuses_the_others_and_is_named() {
    let begin: [fn(&mut Scene, u64); 4] = [Scene::swap, Scene::pause, Scene::reload, Scene::deploy];
    for (first, name) in begin.into_iter().zip(["swap 1", "pause 1", "reload 1", "deploy 1"]) {
        for second in [Scene::swap, Scene::pause, Scene::deploy] {
            let mut scene = Scene::new();
            first(&mut scene, 1);
            assert_eq!(scene.environment.holder().unwrap().operation, 1);
            second(&mut scene, 2);
            let reason = scene.refused().unwrap();
            assert!(reason.contains(name), "{reason}");
            assert_eq!(scene.environment.holder().unwrap().operation, 1);
        }
    }
}

#[test]
fn what_is_over_holds_nothing() {
    let mut scene = Scene::new();
    scene.reload(1);
    scene.environment.free(2);
    assert!(!scene.environment.is_idle(), "another reload has no say");
    scene.environment.free(1);
    assert!(scene.environment.is_idle());
    scene.pause(2);
    assert_eq!(scene.refused(), None);
    assert!(scene.environment.is_paused());
}

#[test]
fn n13_a_pause_hears_of_what_it_closed_and_not_of_what_a_swap_left() {
    let mut scene = Scene::new();
    scene.pause(1);
    scene.input(Input::Pause(pause::Input::Closed { leaving: vec![1] }));
    for (left, step) in [(Generation(1), "drain"), (Generation::default(), "paused")] {
        scene.input(Input::Switch(switch::Input::Drained {
            left,
            service: 1,
            ended: Ended::default(),
            served: crate::model::api::Traffic::default(),
        }));
        assert_eq!(scene.environment.holder().unwrap().step, step);
    }
}

#[test]
fn a_stop_ends_a_pause_and_begins_nothing() {
    let mut scene = Scene::new();
    scene.pause(1);
    scene.input(Input::Stop);
    assert!(scene.environment.is_idle());
    scene.swap(2);
    assert_eq!(scene.refused(), Some("the proxy is stopping"));
    scene.pause(3);
    assert_eq!(scene.refused(), Some("the proxy is stopping"));
}

#[test]
fn a_gate_that_a_deployment_asked_for_ends_with_it_and_with_its_next_stop() {
    for leaves in [true, false] {
        let mut scene = Scene::new();
        scene.deploy(1);
        let gate = OperationRequest {
            within: Some(1),
            gate_only: true,
            ..OperationRequest::new("prod", Kind::Swap)
        };
        scene.operate(2, gate);
        assert_eq!(scene.refused(), None);
        assert_eq!(scene.environment.switching().unwrap().operation, 2);
        assert_eq!(scene.environment.holder().unwrap().operation, 1, "it is a part of it");
        scene.pause(3);
        assert!(scene.refused().unwrap().contains("deploy 1"));
        scene.input(Input::Deploy(if leaves {
            deployment::Input::Left { operation: 1 }
        } else {
            let begun = CommandBegun {
                step: Stage::Stop,
                service: None,
                slot: Some(Slot::Green),
                command: Vec::new(),
            };
            deployment::Input::Step {
                reply: 1,
                request: StepRequest {
                    operation: 1,
                    step: Step::Begun(begun),
                },
                caller: ci(),
                surroundings: deployment::Surroundings::default(),
            }
        }));
        assert!(scene.environment.switching().is_none());
        let granted = scene
            .done
            .iter()
            .any(|effect| matches!(effect, Effect::Deploy(deployment::Effect::Reply { result: Ok(()), .. })));
        assert_eq!(granted, !leaves);
        assert_eq!(scene.environment.holder().is_some(), !leaves);
    }
}
