//! Old sides on their way out, and the operations that wait for them: what happens beside the lock (steps 8 and 9).

use std::time::Duration;

use super::phases::PROGRESS;
use super::{Current, Effect, Ended, Moment, Switch, millis, tell};
use crate::model::api::{CommonStep, Event, Move, Progress, SafeToStop, Side, SwapStep, Traffic};
use crate::model::slot::{Generation, Slot};

/// One activation that drains, or has drained while somebody waits for its neighbours.
#[derive(Debug)]
pub(super) struct Leaving {
    /// The generation that replaced it.
    left: Generation,
    service: usize,
    side: Side,
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

    /// Whether it has to wait for that: for what it has left itself, and for earlier periods of the same instances, which are
    /// not safe to stop before.
    fn waits_for(&self, leaving: &Leaving) -> bool {
        let mut left = self.moves.iter().flat_map(|step| &step.from.addresses);
        leaving.left == self.generation || left.any(|address| leaving.side.addresses.contains(address))
    }
}

impl Switch {
    /// These sides were replaced by this generation; each has a number that names it in what is heard of it. What a pause
    /// replaced, within a generation, belongs to [`Generation::default`].
    pub fn leave<'s>(&mut self, left: Generation, sides: impl Iterator<Item = (usize, &'s Side)>) {
        self.leaving.extend(sides.map(|(service, side)| Leaving {
            left,
            service,
            side: side.clone(),
            requests: 0,
            streams: 0,
            over: None,
        }));
    }

    /// Slots that still serve what they had begun.
    pub(super) fn draining_slots(&self) -> Vec<Slot> {
        let draining = self.leaving.iter().filter(|leaving| leaving.over.is_none());
        draining.map(|leaving| leaving.side.slot).collect()
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
        let (all, watches) = self.leaving_and_watches();
        for watch in watches {
            let mut sum = (0, 0);
            let mut of_this = false;
            for it in all.iter().filter(|it| it.over.is_none() && watch.waits_for(it)) {
                of_this |= it.left == left && it.service == service;
                sum = (sum.0 + it.requests, sum.1 + it.streams);
            }
            if of_this && watch.told.is_none_or(|told| now.at >= told.saturating_add(PROGRESS)) {
                watch.told = Some(now.at);
                let (requests, streams) = sum;
                let elapsed_ms = millis(watch.switched, now.at);
                tell(
                    effects,
                    watch.operation,
                    Event::Progress(Progress::Draining {
                        requests,
                        streams,
                        elapsed_ms,
                    }),
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
        let (all, watches) = self.leaving_and_watches();
        for watch in watches.filter(|watch| !watch.drained) {
            if watch.generation == left {
                watch.served = served;
            }
            if all.iter().any(|it| it.over.is_none() && watch.waits_for(it)) {
                continue;
            }
            watch.drained = true;
            let own = all.iter().filter(|it| it.left == watch.generation);
            let sum = |of: fn(&Ended) -> u64| own.clone().filter_map(|it| it.over.as_ref()).map(of).sum::<u64>();
            if sum(|ended| ended.left) > 0 {
                let message = format!("{} exchanges of the old side could not be cut", sum(|ended| ended.left));
                tell(effects, watch.operation, Event::Common(CommonStep::Warning { message }));
            }
            tell(
                effects,
                watch.operation,
                Event::Swap(SwapStep::Drained {
                    finished: sum(|ended| ended.finished),
                    ended: sum(|ended| ended.ended),
                    cut: sum(|ended| ended.cut),
                    elapsed_ms: millis(watch.switched, now.at),
                }),
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
                Event::Swap(SwapStep::Done {
                    environment: self.rules.name.clone(),
                    live: self.state.live,
                    generation: self.state.generation,
                    safe_to_stop: safe_to_stop.collect(),
                    traffic: watch.served,
                }),
            );
        }
        let (all, watches) = self.leaving_and_watches();
        let awaited: Vec<_> = watches.map(|watch| watch.generation).collect();
        all.retain(|it| it.over.is_none() || awaited.contains(&it.left));
    }

    /// A person rolled back from generation `left`: whoever brought it about, and still waits, did not succeed.
    pub(super) fn undone_by(&mut self, user: &str, left: Generation, effects: &mut Vec<Effect>) {
        let (live, generation) = (self.state.live, self.state.generation);
        let mut answer = |operation, reason| {
            let event = Event::Swap(SwapStep::RolledBack {
                reason,
                live,
                generation,
            });
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

    fn leaving_and_watches(&mut self) -> (&mut Vec<Leaving>, impl Iterator<Item = &mut Watch>) {
        let holding = self.current.iter_mut().chain(&mut self.suspended);
        let watches = self
            .watching
            .iter_mut()
            .chain(holding.filter_map(|current| current.watch.as_mut()));
        (&mut self.leaving, watches)
    }
}
