//! The world around a switch: time, a disk, apps, people, and a daemon that crashes. Carries effects out with random delays and
//! random results, and checks the invariants while it does.

#[path = "checks.rs"]
mod checks;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fastrand::Rng;
use greengate::model::api::{Check, Kind, Move, OperationRequest, ProbeReport, Target, Traffic};
use greengate::model::bake::{Rule, Sample};
use greengate::model::clock::Moment;
use greengate::model::drain::Limits;
use greengate::model::slot::{Address, Slot};
use greengate::model::state::{Durability, EnvironmentState};
use greengate::model::switch::{Bake, Effect, Figures, Input, Look, Rules, Seen, Service, Switch, Ticket};

use self::checks::Promise;
pub(crate) use self::checks::Tally;
use super::plane::{News, Plane};

/// Consecutive passes that open the gate.
const PASSES: u32 = 3;
const MINUTES: Duration = Duration::from_secs(120);

/// What is about to happen.
enum Happening {
    /// To the switch of this life of the daemon.
    Input(u64, Box<Input>),
    /// The disk has done its work, or not.
    Written(u64, Ticket, Box<EnvironmentState>, Result<Durability, String>),
    Ask,
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
    switch: Switch,
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
    Rules {
        name: "prod".into(),
        protected: false,
        services: vec![
            service("web", vec![at(3000), at(3001)], vec![at(3010), at(3011)]),
            service("api", vec![at(8001)], vec![at(8011)]),
        ],
        fixed: vec![("docs".into(), vec![at(9000)])],
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
            switch: Switch::new(rules, disk.clone()),
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
            tally: Tally::default(),
        };
        world.serve_what_the_disk_says();
        for happening in [Happening::Ask, Happening::Request, Happening::Change] {
            world.soon(1000, happening);
        }
        if world.rng.u8(0..3) == 0 {
            world.soon(100_000, Happening::Crash);
        }
        world
    }

    /// Two minutes in which anything may happen, and then whatever time it takes to come to rest.
    pub(crate) fn live(mut self) -> Tally {
        while !(self.now > MINUTES && self.queue.is_empty() && self.switch.is_idle() && !self.plane.drains()) {
            assert!(self.now < 3 * MINUTES, "does not come to rest: {:?}", self.switch);
            let event = self.queue.first_key_value().map(|((at, _), _)| *at);
            let wake = self.switch.wake().map(|wake| wake.max(self.now));
            // Drains are looked at often enough to see each of their moments.
            let look = self.plane.drains().then(|| self.now + Duration::from_millis(250));
            let rest = MINUTES + Duration::from_nanos(1);
            let next = [event, wake, look].into_iter().flatten().min().unwrap_or(rest);
            self.now = next;
            if event == Some(next) {
                if let Some((_, happening)) = self.queue.pop_first() {
                    self.happen(happening);
                }
            } else if wake == Some(next) {
                self.input(Input::Tick);
            }
            self.look_at_drains();
            assert!(
                self.ahead || *self.switch.state() == self.disk,
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
        self.tally.turned_away = self.plane.turned_away;
        self.tally
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Input(life, input) if life == self.life => self.input(*input),
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
            // What the last life of the daemon still waited for.
            Happening::Input(..) | Happening::Written(..) => {}
            Happening::Ask => {
                self.ask();
                self.again(12_000, Happening::Ask);
            }
            Happening::Request => {
                let (service, streams) = (self.rng.usize(0..2), self.rng.u8(0..4) == 0);
                let lasts = Duration::from_nanos(self.rng.u64(0..if streams { 40_000_000_000 } else { 3_000_000_000 }));
                self.plane.request(service, self.now, self.now + lasts, streams);
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
        let ports = [3000, 3001, 3010, 3011, 3005, 8001, 8011];
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
            environment: "prod".into(),
            kind,
            to: to.filter(|_| kind == Kind::Swap),
            expect_version: (rng.u8(0..8) == 0).then(|| ["A", "B"][rng.usize(0..2)].into()),
            dry_run: rng.u8(0..20) == 0,
            force: rng.u8(0..8) == 0,
            confirmed: None,
            deadline_ms: (rng.u8(0..6) == 0).then(|| rng.u64(0..4000)),
        };
        let operation = self.operations;
        self.promises.insert(operation, Promise::default());
        self.input(Input::Ask {
            operation,
            request,
            user: "ci".into(),
            warnings: Vec::new(),
        });
    }

    /// `kill -9`, and a new life with what the disk says.
    fn crash(&mut self) {
        self.tally.crashes += 1;
        self.tally.crashes_in_a_save += u64::from(self.ahead);
        self.life += 1;
        // Nobody is left to answer whoever was waiting.
        self.promises.retain(|_, promise| promise.answers > 0);
        let rules = self.switch.rules().clone();
        self.switch = Switch::new(rules, self.disk.clone());
        (self.ahead, self.holder) = (false, None);
        self.asking = None;
        self.plane.activations.clear();
        self.serve_what_the_disk_says();
        if self.rng.bool() {
            self.soon(30_000, Happening::Crash);
        }
    }

    fn serve_what_the_disk_says(&mut self) {
        for (index, service) in self.switch.rules().services.iter().enumerate() {
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
        let wall = jiff::Timestamp::UNIX_EPOCH;
        for effect in self.switch.handle(input, Moment { at: self.now, wall }) {
            self.carry_out(effect);
        }
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
                self.may_publish(&moves);
                assert_eq!(
                    (generation, moves[0].to.slot),
                    (self.disk.generation, self.disk.live),
                    "published, not saved"
                );
                for (service, step) in self.switch.rules().services.iter().zip(&moves) {
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
            service: self.switch.rules().services[service].name.clone(),
            address: address.clone(),
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
        self.soon(within, Happening::Input(self.life, Box::new(input)));
    }

    fn again(&mut self, within: u64, happening: Happening) {
        if self.now < MINUTES {
            self.soon(within, happening);
        }
    }

    /// Within so many milliseconds.
    fn soon(&mut self, within: u64, happening: Happening) {
        let delay = Duration::from_micros(self.rng.u64(0..=within * 1000));
        self.order += 1;
        self.queue.insert((self.now + delay, self.order), happening);
    }
}
