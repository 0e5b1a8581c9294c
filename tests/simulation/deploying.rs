//! Deployments: clients that hold the environment, start, stop and switch in any order, and hang up at any moment (N5, N32, N34).

use std::collections::BTreeMap;

use greengate::model::api::{
    CommandBegun, CommandEnded, CommonStep, DeployOutcome, DeployRequest, DeployStep, Event, Kind, OperationRequest,
    Progress, ReleaseRequest, Stage, Step, StepRequest, SwapStep, exit,
};
use greengate::model::deployment::{Effect, Input, Surroundings};
use greengate::model::environment;
use greengate::model::history::Caller;
use greengate::model::slot::{Generation, Slot};
use greengate::model::switch;

use super::checks::Promise;
use super::{Happening, MINUTES, World};

/// What is known of deployments and of their clients.
#[derive(Default)]
pub(super) struct Deploying {
    /// Those that were told that they hold the environment, with the command that runs.
    pub(super) clients: BTreeMap<u64, Client>,
    /// Those that were told to wait, in the order in which they asked.
    queue: Vec<u64>,
    /// The answer to a step.
    answer: Option<(u64, bool)>,
    asked: u64,
}

/// The client of a deployment.
#[derive(Debug, Default)]
pub(super) struct Client {
    kind: Option<Kind>,
    command: Option<(Stage, Option<Slot>)>,
    /// The swap that is a part of it and not over.
    swap: Option<u64>,
    switched: bool,
}

impl World {
    pub(super) fn ask_deploy(&mut self) {
        self.operations += 1;
        let operation = self.operations;
        self.promises.insert(operation, Promise::default());
        let rng = &mut self.rng;
        let kind = if rng.u8(0..4) == 0 { Kind::Rollback } else { Kind::Swap };
        let request = DeployRequest {
            environment: "prod".into(),
            kind,
            version: rng.bool().then(|| "v2".into()),
            confirmed: None,
            dry_run: rng.u8(0..10) == 0,
            wait_ms: (rng.u8(0..3) > 0).then(|| rng.u64(0..20_000)),
            since: (rng.u8(0..8) == 0).then_some(Generation(rng.u64(1..8))),
        };
        let caller = caller();
        self.handle(environment::Input::Deploy(Input::Ask {
            operation,
            request,
            caller,
        }));
    }

    pub(super) fn carry_out_deploy(&mut self, effect: Effect) {
        match effect {
            Effect::Tell { operation, event } => self.told_of_deploy(operation, &event),
            Effect::Watch { operation } => {
                if self.rng.u8(0..5) == 0 {
                    self.answer_deploy(15_000, Input::Left { operation });
                }
            }
            Effect::Look { operation, plan } => {
                let queue = &mut self.deploying.queue;
                if let Some(place) = queue.iter().position(|it| *it == operation) {
                    assert_eq!(place, 0, "{operation} overtakes {queue:?}");
                    queue.remove(0);
                    self.tally.came_next += 1;
                }
                self.answer_deploy(100, Input::Looked { operation, plan });
            }
            Effect::Reply { reply, result } => {
                assert_eq!(self.deploying.answer, None, "answered twice");
                self.deploying.answer = Some((reply, result.is_ok()));
            }
        }
    }

    /// A client does whatever comes to its mind.
    pub(super) fn deploy_goes_on(&mut self, operation: u64) {
        let Some(client) = self.deploying.clients.get(&operation) else {
            return;
        };
        let (command, swap, rest) = (client.command, client.swap, self.now > MINUTES);
        match (self.rng.u8(0..12), command) {
            (0, _) if !rest => self.handle(environment::Input::Deploy(Input::Left { operation })),
            (_, Some((step, slot))) => {
                assert!(self.step(operation, Step::Ended(ended(step, slot))), "it was begun");
                self.deploying.clients.get_mut(&operation).expect("it holds").command = None;
            }
            (1 | 2, None) => self.release(operation),
            (_, None) if rest => self.release(operation),
            (3..7, None) => self.swap_within(operation, swap),
            (_, None) => self.begin(operation),
        }
        if self.deploying.clients.contains_key(&operation) {
            self.soon(3000, Happening::Deploy(self.life, operation));
        }
    }

    /// Nobody switches to what is being started or stopped (N32).
    pub(super) fn is_not_touched(&self, slot: Slot) {
        for (operation, client) in &self.deploying.clients {
            let touched = client.command.filter(|(step, _)| step.touches_a_side());
            assert!(
                touched.is_none_or(|(_, of)| of != Some(slot)),
                "{slot} goes live while {operation} starts or stops it"
            );
        }
    }

    /// A swap or rollback begins: by its deployment, back from one that has switched, or while none holds the environment (N5).
    pub(super) fn may_move(&self, operation: u64, kind: Kind) {
        let own = |client: &Client| client.swap == Some(operation);
        let clients = &self.deploying.clients;
        let free = clients.is_empty() || clients.values().any(own);
        let back = kind == Kind::Rollback && clients.values().any(|client| client.switched);
        assert!(free || back, "operation {operation} moves what {clients:?} hold");
    }

    /// What a swap says to the deployment that it is a part of.
    pub(super) fn deploy_hears(&mut self, operation: u64, event: &Event) {
        for client in self.deploying.clients.values_mut() {
            if client.swap == Some(operation) {
                match event {
                    Event::Swap(SwapStep::Switched { .. }) => client.switched = true,
                    Event::Swap(SwapStep::RolledBack { .. }) => client.switched = false,
                    _ => {}
                }
                client.swap.take_if(|_| event.exit_code().is_some());
            }
        }
    }

    /// Nobody waits for what nobody holds.
    pub(super) fn whoever_waits_waits_for_something(&self) {
        let waiting = self.environment.deployments().waiting();
        assert!(
            waiting.is_empty() || self.environment.holder().is_some(),
            "{waiting:?} wait for nothing"
        );
    }

    fn swap_within(&mut self, within: u64, before: Option<u64>) {
        self.operations += 1;
        let operation = self.operations;
        self.promises.insert(operation, Promise::default());
        let client = self.deploying.clients.get_mut(&within).expect("it holds");
        if before.is_none() {
            client.swap = Some(operation);
        }
        let gate_only = self.rng.u8(0..3) == 0;
        let request = OperationRequest {
            within: Some(within),
            gate_only,
            version: self.rng.bool().then(|| "v2".into()),
            ..OperationRequest::new("prod", client.kind.unwrap_or(Kind::Swap))
        };
        self.input(switch::Input::Ask {
            operation,
            request,
            user: "ci".into(),
            warnings: Vec::new(),
            elsewhere: Vec::new(),
        });
        self.tally.gate_only += u64::from(gate_only);
        // It may have been refused at once.
        if let Some(client) = self.deploying.clients.get_mut(&within) {
            let own = self.environment.deployments().has_swap(operation);
            client.swap.take_if(|swap| *swap == operation && !own);
        }
    }

    fn begin(&mut self, operation: u64) {
        let stages = [Stage::Start, Stage::Stop, Stage::Before, Stage::After];
        let stage = stages[self.rng.usize(0..4)];
        let slot = [Slot::Blue, Slot::Green][self.rng.usize(0..2)];
        let slot = stage.touches_a_side().then_some(slot);
        if !self.step(operation, Step::Begun(begun(stage, slot))) {
            self.tally.kept_from_a_side += 1;
            return;
        }
        if let Some(slot) = slot {
            self.tally.touched += 1;
            self.may_be_touched(slot);
        }
        let client = self.deploying.clients.get_mut(&operation).expect("it holds");
        assert_eq!(client.command, None, "two commands at once");
        client.command = Some((stage, slot));
    }

    /// What serves, what was begun there, and what the switch may come back to is not touched (N32).
    fn may_be_touched(&self, slot: Slot) {
        let of_slot = self.environment.addresses(slot);
        for activation in &self.plane.activations {
            let there = activation.slot == slot || activation.addresses.iter().any(|it| of_slot.contains(it));
            assert!(!there, "{slot} is touched while it serves: {activation:?}");
        }
    }

    fn release(&mut self, operation: u64) {
        self.deploying.asked += 1;
        let (reply, caller) = (self.deploying.asked, caller());
        let request = ReleaseRequest {
            operation,
            outcome: DeployOutcome::Done,
            reason: None,
        };
        self.handle(environment::Input::Deploy(Input::Release { reply, request, caller }));
        assert_eq!(self.deploying.answer.take(), Some((reply, true)));
    }

    fn step(&mut self, operation: u64, step: Step) -> bool {
        self.deploying.asked += 1;
        let (reply, caller) = (self.deploying.asked, caller());
        let live = self.plane.activations.iter().filter(|it| it.is_live());
        let inside = self.plane.activations.iter().filter(|it| !it.is_live());
        let surroundings = Surroundings {
            live: live.flat_map(|it| it.addresses.clone()).collect(),
            inside: inside.flat_map(|it| it.addresses.clone()).collect(),
        };
        let request = StepRequest { operation, step };
        self.handle(environment::Input::Deploy(Input::Step {
            reply,
            request,
            caller,
            surroundings,
        }));
        let (answered, granted) = self.deploying.answer.take().expect("a step is answered at once");
        assert_eq!(answered, reply);
        granted
    }

    fn told_of_deploy(&mut self, operation: u64, event: &Event) {
        let promise = self.promises.get_mut(&operation).expect("told to nobody");
        assert_eq!(promise.answers, 0, "told after the answer: {event:?}");
        match event {
            Event::Progress(Progress::Queued { ahead, .. }) => {
                let queue = &mut self.deploying.queue;
                if !queue.contains(&operation) {
                    queue.push(operation);
                    self.tally.queued += 1;
                }
                let place = queue.iter().position(|it| *it == operation);
                assert_eq!(place, Some(*ahead as usize), "its place in {queue:?}");
            }
            Event::Deploy(DeployStep::Deploying {
                operation: Some(_),
                kind,
                ..
            }) => {
                self.is_alone();
                let others = &self.deploying.clients;
                let alone = others.is_empty() || *kind == Kind::Rollback && others.len() == 1;
                assert!(alone, "{operation} and {others:?} hold the environment");
                let client = Client {
                    kind: Some(*kind),
                    ..Client::default()
                };
                self.deploying.clients.insert(operation, client);
                self.tally.deployed += 1;
                self.soon(1000, Happening::Deploy(self.life, operation));
            }
            _ => {}
        }
        if event.exit_code().is_none() {
            return;
        }
        self.promises.get_mut(&operation).unwrap().answers += 1;
        self.deploying.clients.remove(&operation);
        self.deploying.queue.retain(|it| *it != operation);
        match event {
            Event::Common(CommonStep::Refused { code: exit::BUSY, .. }) => self.tally.busy += 1,
            Event::Deploy(DeployStep::Abandoned { .. }) => self.tally.abandoned += 1,
            _ => {}
        }
    }

    fn answer_deploy(&mut self, within: u64, input: Input) {
        let input = Box::new(environment::Input::Deploy(input));
        self.soon(within, Happening::Input(self.life, input));
    }
}

fn caller() -> Caller {
    Caller {
        uid: 1000,
        user: "ci".into(),
    }
}

fn begun(step: Stage, slot: Option<Slot>) -> CommandBegun {
    CommandBegun {
        step,
        service: None,
        slot,
        command: vec!["true".into()],
    }
}

fn ended(step: Stage, slot: Option<Slot>) -> CommandEnded {
    CommandEnded {
        step,
        service: None,
        slot,
        command: vec!["true".into()],
        exit: Some(0),
        signal: None,
        error: None,
        output: String::new(),
        elapsed_ms: 1,
    }
}
