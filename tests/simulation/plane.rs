//! A data plane in memory: activations with gates, requests and streams inside them, and `model::drain` at work on the old ones.

use std::time::Duration;

use greengate::model::api::{Move, Side};
use greengate::model::drain::{Drain, Limits, Step};
use greengate::model::slot::{Address, Generation, Slot};
use greengate::model::switch::Ended;

/// The longest that a drain may take beyond its limits: the polite end and the last bound.
const SLACK: Duration = Duration::from_secs(8);

/// One live period of one service's slot.
#[derive(Debug)]
pub(crate) struct Activation {
    pub service: usize,
    pub slot: Slot,
    pub addresses: Vec<Address>,
    closed: bool,
    /// When each exchange ends by itself, and whether it streams.
    inside: Vec<(Duration, bool)>,
    drain: Option<Leaving>,
}

#[derive(Debug)]
struct Leaving {
    left: Generation,
    /// Names it in what is heard of it.
    number: usize,
    drain: Drain,
    ends_by: Duration,
    ended: Ended,
    told: Option<Duration>,
}

/// What a look at the drains brought about.
#[derive(Debug)]
pub(crate) enum News {
    Draining(Generation, usize, u64, u64),
    Drained(Generation, usize, Ended),
}

/// Every activation that is live or drains.
#[derive(Debug)]
pub(crate) struct Plane {
    pub activations: Vec<Activation>,
    limits: Limits,
    /// Whether new requests are held.
    pub paused: bool,
    pub turned_away: u64,
    pub held: u64,
    /// Names what a pause closes.
    numbers: usize,
}

impl Plane {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            activations: Vec::new(),
            limits,
            paused: false,
            turned_away: 0,
            held: 0,
            numbers: 1000,
        }
    }

    pub(crate) fn start(&mut self, service: usize, slot: Slot, addresses: Vec<Address>) {
        self.activations.push(Activation {
            service,
            slot,
            addresses,
            closed: false,
            inside: Vec::new(),
            drain: None,
        });
    }

    /// The one that is live. Invariant: there is exactly one.
    pub(crate) fn live(&self, service: usize) -> &Activation {
        let live: Vec<_> = self
            .activations
            .iter()
            .filter(|it| it.service == service && !it.closed)
            .collect();
        assert_eq!(live.len(), 1, "service {service} has {} live activations", live.len());
        live[0]
    }

    /// Publish, then close; what raced with it is turned away and finds the new one.
    pub(crate) fn publish(&mut self, generation: Generation, moves: &[Move], now: Duration) {
        let old: Vec<usize> = (0..self.activations.len())
            .filter(|&at| !self.activations[at].closed)
            .collect();
        for (service, step) in moves.iter().enumerate() {
            let live = self.live(service);
            assert_eq!(
                (live.slot, &live.addresses),
                (step.from.slot, &step.from.addresses),
                "moves what is not live"
            );
            self.start(service, step.to.slot, step.to.addresses.clone());
        }
        for at in old {
            let service = self.activations[at].service;
            self.close(at, generation, service, now);
            // A request that loaded the old snapshot, and comes to the gate only now.
            assert!(!self.claim(at, now, now, false), "a closed gate admitted somebody");
            assert!(!self.live(service).closed);
        }
    }

    /// A new live period of a service, at other addresses.
    pub(crate) fn replace(&mut self, service: usize, generation: Generation, side: Side, now: Duration) {
        let live = |it: &Activation| it.service == service && !it.closed;
        let old = self.activations.iter().position(live).unwrap();
        self.start(service, side.slot, side.addresses);
        self.close(old, generation, service, now);
    }

    /// New requests are held from now on, and what was begun drains. Returns what was closed.
    pub(crate) fn hold(&mut self, now: Duration) -> Vec<(usize, Side)> {
        self.paused = true;
        let old: Vec<usize> = (0..self.activations.len())
            .filter(|&at| !self.activations[at].closed)
            .collect();
        let mut closed = Vec::new();
        for at in old {
            let Activation {
                service,
                slot,
                ref addresses,
                ..
            } = self.activations[at];
            let addresses = addresses.clone();
            self.start(service, slot, addresses.clone());
            self.numbers += 1;
            self.close(at, Generation::default(), self.numbers, now);
            // Half of the streams end politely, at once.
            let stays = |(end, streams): &(Duration, bool)| !streams || end.subsec_nanos() % 2 == 0;
            self.activations[at].inside.retain(stays);
            closed.push((self.numbers, Side { slot, addresses }));
        }
        closed
    }

    fn close(&mut self, at: usize, left: Generation, number: usize, now: Duration) {
        let limits = self.limits;
        let activation = &mut self.activations[at];
        activation.closed = true;
        activation.drain = Some(Leaving {
            left,
            number,
            drain: Drain::new(limits, now),
            ends_by: now + limits.requests.max(limits.streams) + SLACK,
            ended: Ended::default(),
            told: None,
        });
    }

    /// Requests and streams inside of what was closed under these numbers.
    pub(crate) fn inside(&self, numbers: &[usize], now: Duration) -> (u64, u64) {
        let of = |it: &&Activation| it.drain.as_ref().is_some_and(|it| numbers.contains(&it.number));
        let inside = self.activations.iter().filter(of).flat_map(|it| &it.inside);
        let inside: Vec<_> = inside.filter(|(end, _)| *end > now).collect();
        let streams = inside.iter().filter(|(_, streams)| *streams).count();
        ((inside.len() - streams) as u64, streams as u64)
    }

    /// A request of this service that lasts until then. Whether it is admitted, and not held.
    pub(crate) fn request(&mut self, service: usize, now: Duration, until: Duration, streams: bool) -> bool {
        if self.paused {
            self.held += 1;
            return false;
        }
        let at = self
            .activations
            .iter()
            .position(|it| it.service == service && !it.closed)
            .unwrap();
        assert!(self.claim(at, now, until, streams));
        true
    }

    fn claim(&mut self, at: usize, now: Duration, until: Duration, streams: bool) -> bool {
        let activation = &mut self.activations[at];
        if activation.closed {
            self.turned_away += 1;
            return false;
        }
        activation.inside.retain(|(end, _)| *end > now);
        activation.inside.push((until, streams));
        true
    }

    /// Lets time pass for whoever drains.
    pub(crate) fn look(&mut self, now: Duration) -> Vec<News> {
        let mut news = Vec::new();
        for activation in &mut self.activations {
            activation.look(now, &mut news);
        }
        self.activations
            .retain(|activation| !activation.closed || activation.drain.is_some());
        news
    }

    pub(crate) fn drains(&self) -> bool {
        self.activations.iter().any(|activation| activation.drain.is_some())
    }
}

impl Activation {
    /// Whether it serves who comes.
    pub(crate) fn is_live(&self) -> bool {
        !self.closed
    }

    fn look(&mut self, now: Duration, news: &mut Vec<News>) {
        let Some(leaving) = &mut self.drain else {
            return;
        };
        let before = self.inside.len();
        self.inside.retain(|(end, _)| *end > now);
        leaving.ended.finished += (before - self.inside.len()) as u64;
        loop {
            let streams = self.inside.iter().filter(|(_, streams)| *streams).count() as u64;
            let requests = self.inside.len() as u64 - streams;
            match leaving.drain.look(now, self.inside.is_empty(), requests) {
                Step::Wait(until) => {
                    assert!(until > now, "waits for what is over");
                    assert!(now <= leaving.ends_by, "a drain does not end");
                    if leaving.told.is_none_or(|told| now >= told + Duration::from_secs(1)) {
                        leaving.told = Some(now);
                        news.push(News::Draining(leaving.left, leaving.number, requests, streams));
                    }
                    return;
                }
                Step::GiveUpRequests => self.inside.retain(|(_, streams)| *streams),
                // Every third one does not listen.
                Step::EndStreams => {
                    let deaf = |(end, _): &(Duration, bool)| end.subsec_nanos() % 3 == 0;
                    leaving.ended.ended += self.inside.iter().filter(|it| !deaf(it)).count() as u64;
                    self.inside.retain(deaf);
                }
                // Every ninth one cannot even be cut.
                Step::Cut => {
                    let stuck = |(end, _): &(Duration, bool)| end.subsec_nanos() % 9 == 0;
                    leaving.ended.cut += self.inside.iter().filter(|it| !stuck(it)).count() as u64;
                    self.inside.retain(stuck);
                }
                step @ (Step::Done | Step::Abandoned) => {
                    assert_eq!(
                        step == Step::Done,
                        self.inside.is_empty(),
                        "drained while somebody is inside"
                    );
                    leaving.ended.left = self.inside.len() as u64;
                    news.push(News::Drained(leaving.left, leaving.number, leaving.ended));
                    self.drain = None;
                    return;
                }
            }
        }
    }
}
