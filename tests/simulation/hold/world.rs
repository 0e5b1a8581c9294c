//! The world around a queue: apps, requests with their clients, and what an operator does to them. It keeps its own account of who
//! waits, and knows beforehand how every request ought to be received.

#[path = "checks.rs"]
mod checks;
#[path = "shell.rs"]
mod shell;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use fastrand::Rng;
use greengate::model::clock::Moment;
use greengate::model::hold::{Bounds, Keeper, Newcomer, News, Queue, Refusal, Step, Why};

use super::Tally;

/// So long anything may happen; then the app is there and stays.
const TROUBLE: Duration = Duration::from_secs(20);
/// The longest that everybody may take to be answered after that.
const RECOVERY: Duration = Duration::from_secs(5);

/// What is about to happen.
enum Happening {
    Arrive,
    /// The request has connected to this activation, or found that it cannot.
    Connect(usize),
    /// Its app has answered.
    Answer(usize),
    /// Its client does something.
    Client(usize),
    /// Something becomes better or worse.
    Change,
    /// The app goes away.
    Away,
    /// The keeper's task is woken from this step.
    Wake(u64),
    /// This try of the keeper has come to an end.
    Tried(u64),
}

#[derive(Debug, Default)]
struct Request {
    bytes: u64,
    /// The activation that it is inside of.
    claim: Option<u64>,
    /// Its number, once it has waited.
    number: Option<u64>,
    doubtful: bool,
    /// The batch that it was released in.
    pass: Option<u64>,
    /// How often it was answered, or its client has left.
    ends: u32,
}

pub(crate) struct World {
    rng: Rng,
    now: Duration,
    happenings: BTreeMap<(Duration, u64), Happening>,
    order: u64,
    bounds: Bounds,
    queue: Queue<usize>,
    /// Alive, at this step.
    keeper: Option<(Keeper, Step)>,
    /// Of the keeper's step; what is meant for an earlier one comes too late.
    step: u64,
    /// The activation that the keeper connects to, and how often it has.
    trying: Option<u64>,
    tries: u64,
    changed: bool,
    room: bool,
    gone: bool,
    paused: bool,
    maintenance: bool,
    new_page: bool,
    activation: u64,
    /// Whether each activation can be reached.
    reachable: HashMap<u64, bool>,
    requests: Vec<Request>,
    /// By number.
    waiting: BTreeMap<u64, usize>,
    /// Sent to the app from the queue, and when.
    under_way: BTreeMap<usize, Duration>,
    /// Since when the app has been away, as somebody has noticed, and nothing has ended it.
    away_since: Option<Duration>,
    connected_at: Duration,
    tally: Tally,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let most = if rng.bool() { 4 } else { 200 };
        let bounds = Bounds {
            period: Duration::from_millis(rng.u64(0..8_000)),
            max_requests: rng.usize(1..most),
            max_bytes: rng.u64(500..20_000),
        };
        let mut world = Self {
            now: Duration::ZERO,
            happenings: BTreeMap::new(),
            order: 0,
            bounds,
            queue: Queue::default(),
            keeper: None,
            step: 0,
            trying: None,
            tries: 0,
            changed: false,
            room: false,
            gone: false,
            paused: false,
            maintenance: false,
            new_page: false,
            activation: 1,
            // After a boot the proxy is often there before its apps (N31).
            reachable: HashMap::from([(1, rng.bool())]),
            requests: Vec::new(),
            waiting: BTreeMap::new(),
            under_way: BTreeMap::new(),
            away_since: None,
            connected_at: Duration::ZERO,
            tally: Tally::default(),
            rng,
        };
        world.soon(500, Happening::Arrive);
        world.soon(3_000, Happening::Change);
        world
    }

    pub(crate) fn live(mut self) -> Tally {
        let mut calm = false;
        while let Some(((at, _), happening)) = self.happenings.pop_first() {
            self.now = at;
            if at > TROUBLE && !calm {
                calm = true;
                self.recover();
            }
            let over = || self.keeper.is_none() && self.requests.iter().all(|request| request.ends > 0);
            assert!(
                self.now < TROUBLE + RECOVERY || over(),
                "the app is back, and somebody has no answer"
            );
            self.happen(happening);
            self.check();
        }
        self.check_end()
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrive => {
                let burst = if self.rng.u8(0..20) == 0 { 150 } else { 3 };
                for _ in 0..self.rng.usize(0..burst) {
                    let bytes = self.rng.u64(50..300);
                    self.requests.push(Request {
                        bytes,
                        ..Request::default()
                    });
                    let one = self.requests.len() - 1;
                    self.ask(one);
                    if self.rng.bool() {
                        self.soon(3_000, Happening::Client(one));
                    }
                }
                if self.now < TROUBLE {
                    self.soon(800, Happening::Arrive);
                }
            }
            Happening::Connect(one) => self.connect(one),
            Happening::Answer(one) if self.requests[one].claim.is_some() => self.end(one),
            Happening::Answer(_) => {}
            Happening::Client(one) => self.client(one),
            Happening::Change if self.now < TROUBLE => {
                self.change();
                self.soon(3_000, Happening::Change);
            }
            Happening::Away if self.now < TROUBLE => {
                self.reachable.insert(self.activation, false);
            }
            Happening::Change | Happening::Away => {}
            Happening::Wake(step) if step == self.step => self.wake(),
            Happening::Tried(number) if number == self.tries => self.tried(),
            Happening::Wake(_) | Happening::Tried(_) => {}
        }
    }

    /// A request looks for its route, as it does before it claims.
    fn ask(&mut self, one: usize) {
        if self.requests[one].ends > 0 {
            return;
        }
        // The page lets every fourth client in.
        if self.gone || (self.maintenance && !one.is_multiple_of(4)) {
            self.end(one);
        } else if self.paused {
            self.enter(one, Why::Paused);
        } else {
            self.requests[one].claim = Some(self.activation);
            if self.queue.away() == Some(self.activation) {
                self.enter(one, Why::Away(self.activation));
            } else {
                self.soon(20, Happening::Connect(one));
            }
        }
    }

    fn connect(&mut self, one: usize) {
        let Some(activation) = self.requests[one].claim else {
            return;
        };
        if self.reachable[&activation] {
            let within = if self.rng.u8(0..30) == 0 { 900 } else { 60 };
            self.soon(within, Happening::Answer(one));
        } else {
            self.enter(one, Why::Away(activation));
        }
    }

    fn enter(&mut self, one: usize, why: Why) {
        // A waiter owns no claim.
        self.requests[one].claim = None;
        let (before, bytes) = (self.requests[one].number, self.requests[one].bytes);
        let newcomer = Newcomer {
            why,
            before,
            bytes,
            waiter: one,
        };
        let expected = self.expected(why, before, bytes);
        let entered = self.queue.enter(newcomer, &self.bounds, moment(self.now));
        self.keep();
        if matches!(why, Why::Away(_)) {
            self.notify(News::Room);
        }
        self.give_back(one);
        match entered {
            Ok(number) => {
                assert_eq!(expected, None, "admitted");
                assert_eq!(before.unwrap_or(number), number, "the place is another");
                self.tally.came_back += u64::from(before.is_some());
                (self.requests[one].number, self.requests[one].doubtful) = (Some(number), false);
                assert_eq!(self.waiting.insert(number, one), None);
            }
            Err(why) => {
                assert_eq!(expected, Some(why), "refused");
                match why {
                    Refusal::Over => self.tally.over += 1,
                    _ => self.tally.full += 1,
                }
                self.end(one);
            }
        }
    }

    /// How a request ought to be received: with the window over nobody, and of newcomers as many as there is room for.
    fn expected(&mut self, why: Why, before: Option<u64>, bytes: u64) -> Option<Refusal> {
        if matches!(why, Why::Away(_)) {
            let since = *self.away_since.get_or_insert(self.now);
            if self.now >= since + self.bounds.period {
                return Some(Refusal::Over);
            }
        }
        let full = before.is_none() && !self.has_room(false, bytes);
        full.then_some(Refusal::Full)
    }

    fn has_room(&self, doubtful: bool, bytes: u64) -> bool {
        let like = || {
            let requests = self.waiting.values().map(|one| &self.requests[*one]);
            requests.filter(|request| request.doubtful == doubtful)
        };
        let held: u64 = like().map(|request| request.bytes).sum();
        like().count() < self.bounds.max_requests && held + bytes <= self.bounds.max_bytes
    }

    /// A client leaves for good, or ends its direction.
    fn client(&mut self, one: usize) {
        if self.requests[one].claim.is_some() {
            // Its app had not answered yet.
            return self.end(one);
        }
        let waits = |number: &u64| self.waiting.get(number) == Some(&one);
        let Some(number) = self.requests[one].number.filter(waits) else {
            return;
        };
        let Request { doubtful, bytes, .. } = self.requests[one];
        if !doubtful && self.rng.bool() {
            let room = self.has_room(true, bytes);
            assert_eq!(self.queue.doubt(number, &self.bounds), room, "in doubt");
            if room {
                self.requests[one].doubtful = true;
                self.tally.doubted += 1;
                return self.soon(3_000, Happening::Client(one));
            }
            self.tally.turned_out += 1;
        }
        self.tally.left += 1;
        self.waiting.remove(&number);
        self.queue.leave(number);
        self.end(one);
    }

    fn end(&mut self, one: usize) {
        let request = &mut self.requests[one];
        request.ends += 1;
        request.claim = None;
        assert_eq!(request.ends, 1, "answered twice");
        self.give_back(one);
    }

    fn give_back(&mut self, one: usize) {
        self.under_way.remove(&one);
        if let Some(batch) = self.requests[one].pass.take()
            && self.queue.answered(batch)
        {
            self.notify(News::Room);
        }
    }

    fn change(&mut self) {
        match self.rng.u8(0..14) {
            0..=4 => {
                let up = self.reachable.entry(self.activation).or_default();
                *up = !*up;
                return;
            }
            5 => {
                self.activation += 1;
                self.reachable.insert(self.activation, self.rng.bool());
            }
            6 | 7 => self.paused = !self.paused,
            8 => (self.maintenance, self.new_page) = (true, true),
            9 | 10 => (self.maintenance, self.new_page) = (false, false),
            11 => self.gone = self.rng.u8(0..3) == 0,
            // A pause that ends badly.
            12 if self.paused => {
                let told = self.queue.refuse(Refusal::PauseOver);
                assert!(self.tell(told, true).is_empty());
                self.paused = false;
            }
            // Back, and away again in the same moment.
            _ => {
                self.reachable.insert(self.activation, true);
                self.soon(5, Happening::Away);
            }
        }
        self.notify(News::Changed);
    }

    /// The app is there, and stays.
    fn recover(&mut self) {
        self.reachable.insert(self.activation, true);
        // Nobody says so: the keeper has to find out.
        if self.gone || self.paused || self.maintenance {
            (self.gone, self.paused, self.maintenance, self.new_page) = (false, false, false, false);
            self.notify(News::Changed);
        }
    }

    /// Within so many milliseconds.
    fn soon(&mut self, within: u64, happening: Happening) {
        let delay = Duration::from_micros(self.rng.u64(0..=within * 1000));
        self.schedule(self.now + delay, happening);
    }

    fn schedule(&mut self, at: Duration, happening: Happening) {
        self.order += 1;
        self.happenings.insert((at, self.order), happening);
    }
}

fn moment(at: Duration) -> Moment {
    let wall = jiff::Timestamp::UNIX_EPOCH;
    Moment { at, wall }
}
