//! The world around an environment: time, a disk, apps, people, and a daemon that crashes. Carries effects out with random delays
//! and random results, and checks the invariants while it does.

#[path = "checks.rs"]
mod checks;
#[path = "deploying.rs"]
mod deploying;
#[path = "pausing.rs"]
mod pausing;
#[path = "reloading.rs"]
mod reloading;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use greengate::model::api::{
    About, Check, Difference, GateReport, Kind, Move, OperationRequest, ProbeReport, Target, Traffic,
};
use greengate::model::bake::{Rule, Sample};
use greengate::model::clock::Moment;
use greengate::model::drain::Limits;
use greengate::model::environment::{self, Environment};
use greengate::model::reload::Reload;
use greengate::model::slot::{Address, Slot};
use greengate::model::state::{Durability, EnvironmentState};
use greengate::model::switch::{Bake, Effect, Figures, Found, Input, Look, Requires, Rules, Seen, Service, Ticket};

use self::checks::Promise;
pub(crate) use self::checks::Tally;
use self::deploying::Deploying;
use self::pausing::Pausing;
use self::reloading::{NextFile, Reloading};
use super::plane::{News, Plane};

/// Consecutive passes that open the gate.
const PASSES: u32 = 3;
const MINUTES: Duration = Duration::from_secs(120);
/// More often than anything happens in that time.
const TURNS: u32 = 100_000;

/// What is about to happen.
enum Happening {
    /// To the machines of this life of the daemon.
    Input(u64, Box<environment::Input>),
    Reload(u64, Box<NextFile>),
    /// The disk has done its work, or not.
    Written(u64, Ticket, Box<EnvironmentState>, Result<Durability, String>),
    Ask,
    AskPause,
    AskResume,
    AskReload,
    AskDeploy,
    /// The client of a deployment goes on.
    Deploy(u64, u64),
    Request,
    Change,
    Crash,
}

pub(crate) struct World {
    rng: Rng,
    now: Duration,
    queue: BTreeMap<(Duration, u64), Happening>,
    order: u64,
    life: u64,
    environment: Environment,
    /// Inputs that came up while another was handled.
    inputs: VecDeque<environment::Input>,
    reload: Reload,
    disk: EnvironmentState,
    /// Saved, and the switch has not heard of it yet.
    ahead: bool,
    plane: Plane,
    /// Share of good answers of each app that is not quite well; the others are.
    apps: HashMap<Address, f32>,
    front_door: f32,
    operations: u64,
    promises: HashMap<u64, Promise>,
    /// What the answers count for. Late ones of an earlier step count for nothing.
    asking: Option<Ticket>,
    /// Consecutive passes of each instance in this step, and whether it passed at all.
    passes: HashMap<(usize, Address), (u32, bool)>,
    holder: Option<u64>,
    /// The swap or rollback that has begun and not switched yet.
    moving: Option<u64>,
    pausing: Pausing,
    reloading: Reloading,
    deploying: Deploying,
    tally: Tally,
}

fn at(port: u16) -> Address {
    port.to_string().parse().unwrap()
}

fn rules(rng: &mut Rng) -> Rules {
    let bake = rng.bool().then_some(Bake {
        period: Duration::from_secs(8),
        rule: Rule { max_error_rate: 0.05 },
    });
    let mut service = |name: &str, blue: Vec<Address>, green: Vec<Address>| Service {
        name: name.into(),
        blue,
        green,
        health_path: "/health".into(),
        names_version: name == "web",
        passes: PASSES,
        interval: Duration::from_millis(500),
        timeout: Duration::from_secs(2),
        deadline: Duration::from_secs(10),
        warms: rng.bool(),
        bake,
    };
    let services = vec![
        service("web", vec![at(3000), at(3001)], vec![at(3010), at(3011)]),
        service("api", vec![at(8001)], vec![at(8011)]),
    ];
    let requires = Requires {
        healthy: rng.bool().then(|| "dev".into()),
        parity: rng.bool().then(|| "dev".into()),
    };
    Rules {
        name: "prod".into(),
        protected: false,
        services,
        fixed: vec![("docs".into(), vec![at(9000)])],
        requires,
    }
}

/// What stands against a swap.
fn found(unhealthy: bool, differs: bool) -> Found {
    let sick = || GateReport {
        last: ProbeReport::none_yet("web", &at(4000)),
        passes: 0,
        needed: 1,
        probes: 1,
    };
    let difference = || Difference {
        service: Some("web".into()),
        about: About::Configuration,
        key: "limit.body".into(),
        a: None,
        b: None,
    };
    Found {
        nobody: None,
        unhealthy: unhealthy.then(sick).into_iter().collect(),
        differences: differs.then(difference).into_iter().collect(),
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rules = rules(&mut rng);
        let disk = EnvironmentState::first(String::new());
        let limits = Limits {
            requests: Duration::from_secs(rng.u64(0..10)),
            streams: Duration::from_secs(rng.u64(0..20)),
        };
        let mut world = Self {
            environment: Environment::new(rules, disk.clone()),
            inputs: VecDeque::new(),
            reload: Reload::new(),
            rng,
            now: Duration::ZERO,
            queue: BTreeMap::new(),
            order: 0,
            life: 0,
            disk,
            ahead: false,
            plane: Plane::new(limits),
            apps: HashMap::new(),
            front_door: 1.0,
            operations: 0,
            promises: HashMap::new(),
            asking: None,
            passes: HashMap::new(),
            holder: None,
            moving: None,
            pausing: Pausing::default(),
            reloading: Reloading::default(),
            deploying: Deploying::default(),
            tally: Tally::default(),
        };
        world.serve_what_the_disk_says();
        for happening in [
            Happening::Ask,
            Happening::AskPause,
            Happening::AskResume,
            Happening::AskReload,
            Happening::AskDeploy,
            Happening::Request,
            Happening::Change,
        ] {
            world.soon(1000, happening);
        }
        if world.rng.u8(0..3) == 0 {
            world.soon(100_000, Happening::Crash);
        }
        world
    }

    /// Two minutes in which anything may happen, and then whatever time it takes to come to rest.
    pub(crate) fn live(mut self) -> Tally {
        let mut turns = 0;
        while !(self.now > MINUTES && self.queue.is_empty() && self.is_idle() && !self.plane.drains()) {
            assert!(
                self.now < 3 * MINUTES,
                "does not come to rest: {:?} {:?}",
                self.environment,
                self.reload
            );
            let event = self.queue.first_key_value().map(|((at, _), _)| *at);
            let wake = self.environment.wake().map(|wake| wake.max(self.now));
            // Drains are looked at often enough to see each of their moments.
            let look = self.plane.drains().then(|| self.now + Duration::from_millis(250));
            let rest = MINUTES.max(self.now) + Duration::from_secs(1);
            turns += 1;
            assert!(turns < TURNS, "turns in circles: {:?}", self.environment);
            let next = [event, wake, look].into_iter().flatten().min().unwrap_or(rest);
            self.now = next;
            let is_look = event != Some(next) && wake != Some(next);
            if event == Some(next) {
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening);
                }
            } else if wake == Some(next) {
                self.handle(environment::Input::Tick);
            }
            self.look_at_drains();
            // A look changes neither.
            assert!(
                is_look || self.ahead || *self.environment.state() == self.disk,
                "memory and disk differ"
            );
        }
        for (operation, promise) in &self.promises {
            assert_eq!(
                promise.answers, 1,
                "operation {operation} was answered {} times",
                promise.answers
            );
        }
        self.every_resume_was_answered();
        self.tally.turned_away = self.plane.turned_away;
        self.tally.held = self.plane.held;
        self.tally
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Input(life, input) if life == self.life => match *input {
                environment::Input::Switch(input) => self.input(input),
                input => self.handle(input),
            },
            Happening::Reload(life, next) if life == self.life => self.reload_goes_on(*next),
            Happening::Written(life, ticket, state, result) if life == self.life => {
                if result.is_ok() {
                    self.disk = *state;
                    self.ahead = true;
                }
                self.answer(50, Input::Persisted { ticket, result });
                if self.rng.u8(0..20) == 0 {
                    self.soon(50, Happening::Crash);
                }
            }
            Happening::Deploy(life, operation) if life == self.life => self.deploy_goes_on(operation),
            // What the last life of the daemon still waited for.
            Happening::Input(..) | Happening::Written(..) | Happening::Reload(..) | Happening::Deploy(..) => {}
            Happening::Ask => {
                self.ask();
                self.again(12_000, Happening::Ask);
            }
            Happening::AskPause => {
                self.ask_pause();
                self.again(25_000, Happening::AskPause);
            }
            Happening::AskResume => {
                self.ask_resume();
                self.again(10_000, Happening::AskResume);
            }
            Happening::AskReload => {
                self.ask_reload();
                self.again(25_000, Happening::AskReload);
            }
            Happening::AskDeploy => {
                self.ask_deploy();
                self.again(12_000, Happening::AskDeploy);
            }
            Happening::Request => {
                let (service, streams) = (self.rng.usize(0..2), self.rng.u8(0..4) == 0);
                let lasts = Duration::from_nanos(self.rng.u64(0..if streams { 40_000_000_000 } else { 3_000_000_000 }));
                let admitted = self.plane.request(service, self.now, self.now + lasts, streams);
                assert!(!admitted || self.pausing.operation.is_none(), "admitted while paused");
                self.again(1500, Happening::Request);
            }
            Happening::Change => {
                self.change();
                self.again(9000, Happening::Change);
            }
            Happening::Crash => self.crash(),
        }
    }

    /// Something becomes better or worse.
    fn change(&mut self) {
        let ports = [3000, 3001, 3002, 3010, 3011, 3005, 8001, 8011];
        let port = ports[self.rng.usize(0..ports.len())];
        match self.rng.u8(0..8) {
            0 => self.apps.insert(at(port), 0.0),
            1 => self.apps.insert(at(port), 0.6),
            2 => {
                self.front_door = [0.0, 0.5][self.rng.usize(0..2)];
                None
            }
            _ => {
                self.front_door = 1.0;
                self.apps.remove(&at(port))
            }
        };
    }

    fn ask(&mut self) {
        self.operations += 1;
        let rng = &mut self.rng;
        let to = match rng.u8(0..10) {
            0 => Some(Target::Slot(if rng.bool() { Slot::Blue } else { Slot::Green })),
            1 => Some(Target::Services(BTreeMap::from([("web".into(), at(3005))]))),
            2 => Some(Target::Services(BTreeMap::from([(
                "api".into(),
                at([3000, 8001, 8012][rng.usize(0..3)]),
            )]))),
            3 => Some(Target::Address(at(3005))),
            _ => None,
        };
        let kind = if rng.u8(0..4) == 0 { Kind::Rollback } else { Kind::Swap };
        let request = OperationRequest {
            to: to.filter(|_| kind == Kind::Swap),
            expect_version: (rng.u8(0..8) == 0).then(|| ["A", "B"][rng.usize(0..2)].into()),
            dry_run: rng.u8(0..20) == 0,
            force: rng.u8(0..8) == 0,
            deadline_ms: (rng.u8(0..6) == 0).then(|| rng.u64(0..4000)),
            ..OperationRequest::new("prod", kind)
        };
        let operation = self.operations;
        self.promises.insert(operation, Promise::default());
        self.input(Input::Ask {
            operation,
            request,
            user: "ci".into(),
            warnings: Vec::new(),
            elsewhere: Vec::new(),
        });
    }

    /// `kill -9`, and a new life with what the disk says.
    fn crash(&mut self) {
        self.tally.crashes += 1;
        self.tally.crashes_in_a_save += u64::from(self.ahead);
        self.life += 1;
        // Nobody is left to answer whoever was waiting.
        self.promises.retain(|_, promise| promise.answers > 0);
        let rules = self.rules_after_a_crash();
        self.environment = Environment::new(rules, self.disk.clone());
        self.reload = Reload::new();
        self.inputs.clear();
        (self.pausing, self.reloading) = (Pausing::default(), Reloading::default());
        self.deploying = Deploying::default();
        (self.ahead, self.holder, self.moving) = (false, None, None);
        self.asking = None;
        self.plane.activations.clear();
        // A pause ends with the process (N31: what was recorded is served, and nobody has to do anything).
        self.plane.paused = false;
        self.serve_what_the_disk_says();
        assert!(
            self.environment.holder().is_none() && !self.environment.is_paused(),
            "a new life begins with what the last one did"
        );
        if self.rng.bool() {
            self.soon(30_000, Happening::Crash);
        }
    }

    fn serve_what_the_disk_says(&mut self) {
        for (index, service) in self.environment.rules().services.iter().enumerate() {
            let slot = self.disk.live;
            let addresses = self.disk.addresses(&service.name, slot, service.file(slot));
            self.plane.start(index, slot, addresses);
        }
    }

    fn input(&mut self, input: Input) {
        if let Input::Persisted { result: Ok(_), .. } = &input {
            self.ahead = false;
        }
        if let Input::Probed {
            ticket,
            service,
            address,
            report,
        } = &input
            && self.asking == Some(*ticket)
        {
            let (passes, accepted) = self.passes.entry((*service, address.clone())).or_default();
            *passes = if report.passed { *passes + 1 } else { 0 };
            *accepted |= report.passed;
        }
        self.handle(environment::Input::Switch(input));
    }

    /// Handles an input and everything that follows from it at once.
    fn handle(&mut self, input: environment::Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let left = self.hangs_up(&input);
            for effect in self.environment.handle(input, self.moment()) {
                match effect {
                    environment::Effect::Switch(effect) => self.carry_out(effect),
                    environment::Effect::Pause(effect) => self.carry_out_pause(effect),
                    environment::Effect::Deploy(effect) => self.carry_out_deploy(effect),
                    environment::Effect::Sleep(effect) => panic!("it may not sleep: {effect:?}"),
                }
            }
            assert!(!left || self.is_letting_go(), "the pause outlives the one who asked");
        }
        self.whoever_waits_waits_for_something();
    }

    fn moment(&self) -> Moment {
        let wall = jiff::Timestamp::UNIX_EPOCH;
        Moment { at: self.now, wall }
    }

    fn is_idle(&self) -> bool {
        self.environment.is_idle() && self.reload.operation().is_none()
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Tell { operation, event } => self.told(operation, &event),
            Effect::Probe {
                ticket,
                service,
                address,
                look,
            } => {
                if self.asking != Some(ticket) {
                    self.asking = Some(ticket);
                    self.passes.clear();
                }
                let report = self.report(service, &address, look);
                let slow = if self.rng.u8(0..20) == 0 { 2000 } else { 50 };
                self.answer(
                    slow,
                    Input::Probed {
                        ticket,
                        service,
                        address,
                        report,
                    },
                );
            }
            Effect::Require { ticket, requires, .. } => {
                let unhealthy = requires.healthy.filter(|_| self.rng.u8(0..8) == 0);
                let differs = requires.parity.filter(|_| self.rng.u8(0..8) == 0);
                let found = found(unhealthy.is_some(), differs.is_some());
                self.answer(200, Input::Required { ticket, found });
            }
            Effect::Warm { ticket, instances } => {
                let requests = u32::try_from(instances.len()).unwrap();
                self.answer(
                    500,
                    Input::Warmed {
                        ticket,
                        requests,
                        failed: 0,
                    },
                );
            }
            Effect::ConnectAhead { ticket, .. } => self.answer(200, Input::ConnectedAhead { ticket }),
            Effect::Persist { ticket, state } => {
                let result = match self.rng.u8(0..12) {
                    0 => Err("no space left on device".into()),
                    1 => Ok(Durability::Uncertain("the folder".into())),
                    _ => Ok(Durability::Durable),
                };
                let written = Happening::Written(self.life, ticket, Box::new(state), result);
                self.soon(100, written);
            }
            Effect::Publish { generation, moves } => {
                self.is_alone();
                self.may_publish(&moves);
                self.is_not_touched(moves[0].to.slot);
                assert_eq!(
                    (generation, moves[0].to.slot),
                    (self.disk.generation, self.disk.live),
                    "published, not saved"
                );
                for (service, step) in self.environment.rules().services.iter().zip(&moves) {
                    let saved = self
                        .disk
                        .addresses(&service.name, step.to.slot, service.file(step.to.slot));
                    assert_eq!(saved, step.to.addresses, "published elsewhere than saved");
                }
                self.plane.publish(generation, &moves, self.now);
            }
            Effect::Verify { ticket, moves } => {
                let good = self.rng.f32() < self.front_door;
                let seen = |step: &Move| Seen {
                    check: Check {
                        service: step.service.clone(),
                        target: "https://example.com/health".into(),
                        status: Some(200),
                        version: Some("A".into()),
                    },
                    problem: (!good).then(|| "answered 500".into()),
                };
                let seen = moves.iter().map(seen).collect();
                self.answer(200, Input::Verified { ticket, seen });
            }
            Effect::Measure { generation } => {
                let bad = if self.rng.u8(0..40) == 0 { 50 } else { 0 };
                let figures = Figures {
                    new: Sample {
                        requests: 100,
                        app_errors: bad,
                        ..Sample::default()
                    },
                    before: Sample::default(),
                };
                self.answer(
                    5,
                    Input::Measured {
                        generation,
                        figures: vec![figures; 2],
                        traffic: Traffic::default(),
                        before: Traffic::default(),
                        served: Traffic::default(),
                    },
                );
            }
        }
    }

    fn report(&mut self, service: usize, address: &Address, look: Look) -> ProbeReport {
        let share = self.apps.get(address).copied().unwrap_or(1.0);
        let share = match look {
            Look::Health => share,
            Look::Connect => share.ceil(),
        };
        let passed = self.rng.f32() < share;
        ProbeReport {
            service: self.environment.rules().services[service].name.clone(),
            address: address.clone(),
            reached: None,
            passed,
            status: passed.then_some(200),
            latency_us: 0,
            reason: (!passed).then(|| "connection refused".into()),
            body: String::new(),
            version: passed.then(|| "A".into()),
        }
    }

    fn look_at_drains(&mut self) {
        for news in self.plane.look(self.now) {
            let (delay, input) = match news {
                News::Draining(left, service, requests, streams) => (
                    1,
                    Input::Draining {
                        left,
                        service,
                        requests,
                        streams,
                    },
                ),
                News::Drained(left, service, ended) => (
                    1,
                    Input::Drained {
                        left,
                        service,
                        ended,
                        served: Traffic::default(),
                    },
                ),
            };
            self.answer(delay, input);
        }
    }

    fn answer(&mut self, within: u64, input: Input) {
        let input = environment::Input::Switch(input);
        self.soon(within, Happening::Input(self.life, Box::new(input)));
    }

    fn again(&mut self, within: u64, happening: Happening) {
        if self.now < MINUTES {
            self.soon(within, happening);
        }
    }

    /// To the machines of this life, at that moment.
    fn at(&mut self, moment: Duration, input: environment::Input) {
        self.order += 1;
        let happening = Happening::Input(self.life, Box::new(input));
        self.queue.insert((moment, self.order), happening);
    }

    /// Within so many milliseconds.
    fn soon(&mut self, within: u64, happening: Happening) {
        let delay = Duration::from_micros(self.rng.u64(0..=within * 1000));
        self.order += 1;
        self.queue.insert((self.now + delay, self.order), happening);
    }
}
