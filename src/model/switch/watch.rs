//! Old sides on their way out, and the operations that wait for them: what happens beside the lock (steps 8 and 9).

use std::time::Duration;

use super::phases::PROGRESS;
use super::{Current, Effect, Ended, Moment, Switch, millis, tell};
use crate::model::api::{Event, Move, SafeToStop, Side, Traffic};
use crate::model::slot::{Generation, Slot};

/// One activation that drains, or has drained while somebody waits for its neighbours.
#[derive(Debug)]
pub(super) struct Leaving {
    /// The generation that replaced it.
    left: Generation,
    service: usize,
    slot: Slot,
    requests: u64,
    streams: u64,
    over: Option<Ended>,
}

/// An operation that has switched and waits for its old side.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) operation: u64,
    generation: Generation,
    moves: Vec<Move>,
    switched: Duration,
    told: Option<Duration>,
    drained: bool,
    pub(super) served: Traffic,
}

impl Watch {
    pub(super) fn new(current: &Current, generation: Generation, now: Duration) -> Self {
        Self {
            operation: current.operation,
            generation,
            moves: current.plan.moves.clone(),
            switched: now,
            told: None,
            drained: false,
            served: Traffic::default(),
        }
    }
}

impl Switch {
    /// These sides were replaced by this generation.
    pub(super) fn leave<'s>(&mut self, left: Generation, sides: impl Iterator<Item = &'s Side>) {
        self.leaving.extend(sides.enumerate().map(|(service, side)| Leaving {
            left,
            service,
            slot: side.slot,
            requests: 0,
            streams: 0,
            over: None,
        }));
    }

    /// Slots that still serve what they had begun.
    pub(super) fn draining_slots(&self) -> Vec<Slot> {
        let draining = self.leaving.iter().filter(|leaving| leaving.over.is_none());
        draining.map(|leaving| leaving.slot).collect()
    }

    pub(super) fn draining(
        &mut self,
        left: Generation,
        service: usize,
        (requests, streams): (u64, u64),
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let same = |it: &&mut Leaving| it.left == left && it.service == service && it.over.is_none();
        let Some(leaving) = self.leaving.iter_mut().find(same) else {
            return;
        };
        (leaving.requests, leaving.streams) = (requests, streams);
        let of_watch = self.leaving.iter().filter(|it| it.left == left && it.over.is_none());
        let (requests, streams) = of_watch.fold((0, 0), |sum, it| (sum.0 + it.requests, sum.1 + it.streams));
        for watch in self.watches().filter(|watch| watch.generation == left) {
            if watch.told.is_none_or(|told| now.at >= told.saturating_add(PROGRESS)) {
                watch.told = Some(now.at);
                let elapsed_ms = millis(watch.switched, now.at);
                tell(
                    effects,
                    watch.operation,
                    Event::Draining {
                        requests,
                        streams,
                        elapsed_ms,
                    },
                );
            }
        }
    }

    pub(super) fn drained(
        &mut self,
        left: Generation,
        service: usize,
        ended: Ended,
        served: Traffic,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let same = |it: &&mut Leaving| it.left == left && it.service == service && it.over.is_none();
        let Some(leaving) = self.leaving.iter_mut().find(same) else {
            return;
        };
        leaving.over = Some(ended);
        let all: Option<Vec<Ended>> = self
            .leaving
            .iter()
            .filter(|it| it.left == left)
            .map(|it| it.over)
            .collect();
        let Some(all) = all else {
            return;
        };
        let sum = |of: fn(&Ended) -> u64| all.iter().map(of).sum::<u64>();
        for watch in self.watches().filter(|watch| watch.generation == left) {
            watch.drained = true;
            watch.served = served;
            if sum(|ended| ended.left) > 0 {
                let message = format!("{} exchanges of the old side could not be cut", sum(|ended| ended.left));
                tell(effects, watch.operation, Event::Warning { message });
            }
            tell(
                effects,
                watch.operation,
                Event::Drained {
                    finished: sum(|ended| ended.finished),
                    ended: sum(|ended| ended.ended),
                    cut: sum(|ended| ended.cut),
                    elapsed_ms: millis(watch.switched, now.at),
                },
            );
        }
    }

    /// Answers whoever waits for nothing any more, and forgets old sides that nobody waits for.
    pub(super) fn answer_watches(&mut self, effects: &mut Vec<Effect>) {
        for watch in self.watching.extract_if(.., |watch| watch.drained) {
            let live: Vec<_> = self
                .rules
                .services
                .iter()
                .map(|service| {
                    let slot = self.state.live;
                    self.state.addresses(&service.name, slot, service.file(slot))
                })
                .collect();
            let safe_to_stop = watch.moves.iter().filter_map(|step| {
                let mut addresses = step.from.addresses.clone();
                addresses.retain(|address| !live.iter().flatten().any(|live| live == address));
                (!addresses.is_empty()).then(|| SafeToStop {
                    service: step.service.clone(),
                    addresses,
                })
            });
            tell(
                effects,
                watch.operation,
                Event::Done {
                    environment: self.rules.name.clone(),
                    live: self.state.live,
                    generation: self.state.generation,
                    safe_to_stop: safe_to_stop.collect(),
                    traffic: watch.served,
                },
            );
        }
        let awaited: Vec<_> = self.watches().map(|watch| watch.generation).collect();
        self.leaving
            .retain(|it| it.over.is_none() || awaited.contains(&it.left));
    }

    /// A person rolled back from generation `left`: whoever brought it about, and still waits, did not succeed.
    pub(super) fn undone_by(&mut self, user: &str, left: Generation, effects: &mut Vec<Effect>) {
        let (live, generation) = (self.state.live, self.state.generation);
        let mut answer = |operation, reason| {
            let event = Event::RolledBack {
                reason,
                live,
                generation,
            };
            tell(effects, operation, event);
        };
        if let Some(suspended) = self.suspended.take() {
            answer(
                suspended.operation,
                format!("a rollback by {user} pre-empted the bake window"),
            );
        }
        for watch in self.watching.extract_if(.., |watch| watch.generation == left) {
            answer(
                watch.operation,
                format!("a rollback by {user} undid it while the old side still drained"),
            );
        }
    }

    fn watches(&mut self) -> impl Iterator<Item = &mut Watch> {
        let holding = self.current.iter_mut().chain(&mut self.suspended);
        self.watching
            .iter_mut()
            .chain(holding.filter_map(|current| current.watch.as_mut()))
    }
}
