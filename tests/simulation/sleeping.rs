//! An environment that sleeps, over thousands of random schedules: requests at any moment, commands that take their time and fail, a disk
//! that fails, a reload that holds it, people who ask, and crashes (N36).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use greengate::model::api::{Action, Holder};
use greengate::model::clock::Moment;
use greengate::model::environment::{self, Environment};
use greengate::model::handoff::Left;
use greengate::model::sleep::{Effect, Input, Rules, Sample, Stance, StopFailed, Times, Wanted};
use greengate::model::state::{EnvironmentState, Slept};
use greengate::model::switch::{Requires, Rules as SwitchRules};

use super::schedules::{AT_LEAST, on_every_schedule};

/// In which people and requests come; what is under way then is waited for.
const MINUTES: Duration = Duration::from_secs(120);

#[test]
fn n36_nothing_is_stopped_under_a_request_and_nothing_is_started_twice_on_any_schedule() {
    let Some(sum) = on_every_schedule(|seed| World::new(seed).live(), Tally::add) else {
        return;
    };
    for (count, what) in [
        (sum.stopped, "stopped"),
        (sum.started, "started"),
        (sum.called_off, "called off"),
        (sum.waited, "waited for"),
        (sum.turned_away, "turned away"),
        (sum.failed_starts, "started in vain"),
        (sum.failed_stops, "stopped in vain"),
        (sum.crashes, "crashed"),
        (sum.crashes_in_a_command, "crashed in a command"),
        (sum.taken, "held by a reload"),
    ] {
        assert!(count >= AT_LEAST, "hardly anything was {what}: {sum:?}");
    }
}

#[derive(Debug, Default)]
struct Tally {
    stopped: u64,
    started: u64,
    called_off: u64,
    waited: u64,
    turned_away: u64,
    failed_starts: u64,
    failed_stops: u64,
    crashes: u64,
    crashes_in_a_command: u64,
    taken: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.stopped += other.stopped;
        self.started += other.started;
        self.called_off += other.called_off;
        self.waited += other.waited;
        self.turned_away += other.turned_away;
        self.failed_starts += other.failed_starts;
        self.failed_stops += other.failed_stops;
        self.crashes += other.crashes;
        self.crashes_in_a_command += other.crashes_in_a_command;
        self.taken += other.taken;
    }
}

enum Happening {
    /// To the machine of this life.
    Input(u64, Box<Input>),
    Tick(u64),
    Request,
    /// A claim ends.
    Leave(u64, usize),
    /// What somebody wants.
    Ask(Wanted),
    Take,
    Free(u64),
    /// A command has done its work, whoever waits for it.
    Stopped(u64, Result<(), StopFailed>),
    Started(u64, Result<(), String>),
    Written(u64, u64, Box<Slept>, bool),
    Crash,
}

struct World {
    rng: Rng,
    now: Duration,
    queue: BTreeMap<(Duration, u64), Happening>,
    order: u64,
    life: u64,
    /// The next tick that is on its way to the machine of this life.
    tick: Option<Duration>,
    environment: Environment,
    inputs: VecDeque<Input>,
    disk: Slept,
    /// The app itself.
    running: bool,
    /// A command of this life is under way.
    commanded: bool,
    /// What keeps the app's units one after the other, as systemd does.
    busy: Duration,
    /// The activation that serves.
    live: usize,
    claims: BTreeMap<usize, u64>,
    leaving: BTreeSet<usize>,
    activity: u64,
    /// Requests that wait.
    waiting: u64,
    rung: bool,
    stance: Stance,
    numbers: u64,
    promises: BTreeSet<u64>,
    reload: Option<u64>,
    tally: Tally,
}

fn environment(slept: Slept, now: Duration) -> Environment {
    let rules = SwitchRules {
        name: "dev".into(),
        protected: false,
        services: Vec::new(),
        fixed: vec![("dev".into(), vec!["4000".parse().unwrap()])],
        requires: Requires::default(),
    };
    let sleep = Rules {
        after: Duration::from_secs(10),
        start: vec!["start".into()],
        stop: vec!["stop".into()],
        deadline: Duration::from_secs(30),
    };
    let times = Times {
        look: Duration::from_secs(2),
        web_socket: Duration::from_secs(5),
    };
    Environment::new(rules, EnvironmentState::first(String::new())).sleeping(Some(sleep), times, slept, now)
}

impl World {
    fn new(seed: u64) -> Self {
        let mut world = Self {
            rng: Rng::with_seed(seed),
            now: Duration::ZERO,
            queue: BTreeMap::new(),
            order: 0,
            life: 1,
            tick: None,
            environment: environment(Slept::default(), Duration::ZERO),
            inputs: VecDeque::new(),
            disk: Slept::default(),
            running: true,
            commanded: false,
            busy: Duration::ZERO,
            live: 1,
            claims: BTreeMap::new(),
            leaving: BTreeSet::new(),
            activity: 0,
            waiting: 0,
            rung: false,
            stance: Stance::Awake,
            numbers: 0,
            promises: BTreeSet::new(),
            reload: None,
            tally: Tally::default(),
        };
        world.soon(20_000, Happening::Request);
        world.soon(40_000, Happening::Take);
        world.soon(60_000, Happening::Crash);
        world.someone_asks();
        world
    }

    fn live(mut self) -> Tally {
        self.expect_a_tick();
        let mut turns = 0;
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            turns += 1;
            assert!(turns < 100_000, "it never comes to rest");
            self.now = at;
            self.happen(happening);
            self.expect_a_tick();
            // It sleeps for ever, or it is looked at for ever.
            if self.now > MINUTES && self.waiting == 0 && self.promises.is_empty() && self.claims.is_empty() {
                break;
            }
        }
        assert_eq!(self.waiting, 0, "somebody waits for ever");
        assert!(self.promises.is_empty(), "{:?} were never answered", self.promises);
        self.tally
    }

    fn after(&mut self, delay: Duration, happening: Happening) {
        self.order += 1;
        self.queue.insert((self.now + delay, self.order), happening);
    }

    fn soon(&mut self, millis: u64, happening: Happening) {
        let delay = Duration::from_millis(self.rng.u64(1..=millis));
        self.after(delay, happening);
    }

    fn someone_asks(&mut self) {
        let patience = Duration::from_secs(self.rng.u64(1..20));
        let wanted = match self.rng.bool() {
            true => Wanted::Awake,
            false => Wanted::Asleep { patience },
        };
        self.soon(40_000, Happening::Ask(wanted));
    }

    fn expect_a_tick(&mut self) {
        if let Some(at) = self.environment.wake() {
            let at = at.max(self.now + Duration::from_millis(1));
            if self.tick.is_none_or(|tick| tick > at || tick <= self.now) {
                self.tick = Some(at);
                self.after(at - self.now, Happening::Tick(self.life));
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        let goes_on = self.now < MINUTES;
        match happening {
            Happening::Input(life, input) if life == self.life => self.hear(*input),
            Happening::Tick(life) if life == self.life && self.environment.wake().is_some_and(|at| at <= self.now) => {
                self.hear(Input::Tick);
            }
            Happening::Input(..) | Happening::Tick(_) => {}
            Happening::Request => {
                self.request();
                if goes_on {
                    let pause = if self.rng.u8(0..3) == 0 { 40_000 } else { 300 };
                    self.soon(pause, Happening::Request);
                }
            }
            Happening::Leave(life, activation) => {
                if life == self.life {
                    self.leave(activation);
                }
            }
            Happening::Ask(wanted) => {
                self.numbers += 1;
                let operation = self.numbers;
                self.promises.insert(operation);
                let user = "ann".into();
                self.hear(Input::Ask {
                    operation,
                    wanted,
                    user,
                });
                if goes_on {
                    self.someone_asks();
                }
            }
            Happening::Take => {
                if self.environment.holder().is_none() && self.reload.is_none() {
                    self.tally.taken += 1;
                    self.numbers += 1;
                    self.reload = Some(self.numbers);
                    self.environment.take(Holder {
                        operation: self.numbers,
                        kind: Action::Reload,
                        user: "ann".into(),
                        since: String::new(),
                        step: "gate".into(),
                    });
                    let free = Happening::Free(self.life);
                    self.soon(8_000, free);
                }
                if goes_on {
                    self.soon(40_000, Happening::Take);
                }
            }
            Happening::Free(life) => {
                if let Some(operation) = self.reload.take_if(|_| life == self.life) {
                    self.environment.free(operation);
                    self.hear(Input::Tick);
                }
            }
            Happening::Stopped(life, result) => {
                self.running = matches!(result, Err(StopFailed { answers: true, .. }));
                self.tally.stopped += u64::from(result.is_ok());
                self.tally.failed_stops += u64::from(result.is_err());
                self.hear_of_a_command(life, Input::Stopped(result));
            }
            Happening::Started(life, result) => {
                self.running = result.is_ok();
                self.tally.started += u64::from(result.is_ok());
                self.tally.failed_starts += u64::from(result.is_err());
                self.hear_of_a_command(life, Input::Started(result));
            }
            Happening::Written(life, ticket, slept, well) => {
                if well {
                    self.disk = *slept;
                }
                if life == self.life {
                    let result = if well { Ok(()) } else { Err("no space left".into()) };
                    self.hear(Input::Saved { ticket, result });
                }
            }
            Happening::Crash => {
                self.crash();
                if goes_on {
                    self.soon(60_000, Happening::Crash);
                }
            }
        }
    }

    fn hear_of_a_command(&mut self, life: u64, input: Input) {
        if life == self.life {
            self.commanded = false;
            self.hear(input);
        }
    }

    fn crash(&mut self) {
        self.tally.crashes += 1;
        self.tally.crashes_in_a_command += u64::from(self.commanded);
        self.life += 1;
        self.tick = None;
        // What the disk says is what the next process goes by: it must not wait for an app that nobody starts.
        let is_awake = self.disk.since.is_none();
        assert!(!is_awake || self.running, "it counts as awake, and does not run");
        (self.waiting, self.commanded, self.reload) = (0, false, None);
        self.claims.clear();
        self.leaving.clear();
        self.promises.clear();
        self.inputs.clear();
        self.environment = environment(self.disk.clone(), self.now);
        self.live += 1;
        self.publish();
    }

    fn publish(&mut self) {
        self.stance = self.environment.sleep_stance();
        self.rung = false;
        if self.stance == Stance::Awake && self.waiting > 0 {
            self.tally.waited += self.waiting;
            for _ in 0..std::mem::take(&mut self.waiting) {
                self.claim();
            }
        }
    }

    fn request(&mut self) {
        match self.stance {
            Stance::Awake => self.claim(),
            // Now and then one has not seen it yet.
            Stance::Asleep {
                not_before: Some(at), ..
            } if at > self.now && self.rng.u8(0..10) > 0 => self.tally.turned_away += 1,
            Stance::Asleep { .. } => {
                self.waiting += 1;
                if !std::mem::replace(&mut self.rung, true) {
                    let life = self.life;
                    self.after(
                        Duration::from_micros(50),
                        Happening::Input(life, Box::new(Input::Called)),
                    );
                }
            }
        }
    }

    fn claim(&mut self) {
        assert!(self.running, "a request is let in, and nothing runs");
        assert!(!self.commanded, "a request is let in while a command runs");
        self.activity += 1;
        *self.claims.entry(self.live).or_default() += 1;
        let longest = if self.rng.u8(0..8) == 0 { 15_000 } else { 200 };
        let leave = Happening::Leave(self.life, self.live);
        self.soon(longest, leave);
    }

    fn leave(&mut self, activation: usize) {
        assert!(self.running, "it was stopped under a request");
        let claims = self.claims.get_mut(&activation).unwrap();
        *claims -= 1;
        if *claims == 0 {
            self.claims.remove(&activation);
            if self.leaving.remove(&activation) {
                self.drained(activation);
            }
        }
    }

    fn drained(&mut self, activation: usize) {
        let drained = Happening::Input(self.life, Box::new(Input::Drained { activation }));
        self.soon(20, drained);
    }

    fn hear(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let wall = jiff::Timestamp::UNIX_EPOCH;
            let moment = Moment { at: self.now, wall };
            for effect in self.environment.handle(environment::Input::Sleep(input), moment) {
                match effect {
                    environment::Effect::Sleep(effect) => self.carry_out(effect),
                    other => panic!("nobody has asked for {other:?}"),
                }
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Tell { operation, event } => {
                if let Some(code) = event.exit_code() {
                    assert!(self.promises.remove(&operation), "{operation} ends twice: {event:?}");
                    self.tally.called_off += u64::from(code == 4);
                }
            }
            Effect::Number(_) => {
                self.numbers += 1;
                let operation = self.numbers;
                self.promises.insert(operation);
                self.inputs.push_front(Input::Numbered { operation });
            }
            Effect::Count => {
                let sample = Sample {
                    marks: vec![(1, self.activity)],
                    open: self.claims.values().sum(),
                    web_sockets: 0,
                };
                self.inputs.push_back(Input::Counted(sample));
            }
            Effect::Close => {
                self.leaving.extend(self.claims.keys());
                self.leaving.insert(self.live);
                let leaving: Vec<usize> = self.leaving.iter().copied().collect();
                self.live += 1;
                self.publish();
                assert!(matches!(self.stance, Stance::Asleep { .. }));
                for activation in &leaving {
                    if !self.claims.contains_key(activation) {
                        self.leaving.remove(activation);
                        self.drained(*activation);
                    }
                }
                self.inputs.push_back(Input::Closed { leaving });
            }
            Effect::Look { leaving } => {
                let inside = leaving.iter().filter_map(|it| self.claims.get(it)).sum();
                self.inputs.push_back(Input::Inside(Left::here(inside, 0)));
            }
            Effect::Publish => self.publish(),
            Effect::TurnAway => self.tally.turned_away += std::mem::take(&mut self.waiting),
            Effect::Save { ticket, slept } => {
                let well = self.rng.u8(0..12) > 0;
                let written = Happening::Written(self.life, ticket, Box::new(slept), well);
                // One after the other.
                self.after(Duration::from_millis(10), written);
            }
            Effect::RunStop { .. } => {
                assert!(self.claims.is_empty(), "`stop` runs under a claim");
                assert!(self.disk.since.is_some(), "`stop` runs before that is written down");
                self.begin_command();
                let reason = "no luck".to_owned();
                let result = match self.rng.u8(0..8) {
                    0 => Err(StopFailed { reason, answers: true }),
                    1 => Err(StopFailed { reason, answers: false }),
                    _ => Ok(()),
                };
                let life = self.life;
                self.command(Happening::Stopped(life, result));
            }
            Effect::RunStart { .. } => {
                self.begin_command();
                let result = match self.rng.u8(0..4) {
                    0 => Err("no luck".to_owned()),
                    _ => Ok(()),
                };
                let life = self.life;
                self.command(Happening::Started(life, result));
            }
            Effect::Warn(_) => {}
        }
    }

    fn begin_command(&mut self) {
        assert!(!self.commanded, "two commands at a time");
        assert!(matches!(self.environment.sleep_stance(), Stance::Asleep { .. }));
        self.commanded = true;
    }

    fn command(&mut self, ends: Happening) {
        let took = Duration::from_millis(self.rng.u64(1..5_000));
        self.busy = self.busy.max(self.now) + took;
        let delay = self.busy - self.now;
        self.after(delay, ends);
    }
}
