//! Old sides on their way out, and the operations that wait for them: what happens beside the lock (steps 8 and 9).

use super::messages::{Effect, Ended, millis, tell};
use super::phase::PROGRESS;
use super::switch::Switch;
use super::watch::{Leaving, Watch};
use crate::model::api::{CommonStep, Progress, SafeToStop, Side, SwapStep, Traffic};
use crate::model::clock::Moment;
use crate::model::slot::{Generation, Slot};

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
    #[must_use]
    pub fn draining_slots(&self) -> Vec<Slot> {
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
                    Progress::Draining {
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
                tell(effects, watch.operation, CommonStep::Warning { message });
            }
            let (files, bytes) = (sum(|ended| ended.kept.files), sum(|ended| ended.kept.bytes));
            if files > 0 {
                tell(effects, watch.operation, SwapStep::Kept { files, bytes });
            }
            if sum(|ended| u64::from(ended.kept.failed)) > 0 {
                let message = "not all files of the old side could be kept; the log says why".into();
                tell(effects, watch.operation, CommonStep::Warning { message });
            }
            tell(
                effects,
                watch.operation,
                SwapStep::Drained {
                    finished: sum(|ended| ended.finished),
                    ended: sum(|ended| ended.ended),
                    cut: sum(|ended| ended.cut),
                    elapsed_ms: millis(watch.switched, now.at),
                },
            );
        }
    }

    /// Ends the operations whose old sides have drained, and forgets the sides that no operation waits for.
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
                SwapStep::Done {
                    environment: self.rules.name.clone(),
                    live: self.state.live,
                    generation: self.state.generation,
                    safe_to_stop: safe_to_stop.collect(),
                    traffic: watch.served,
                },
            );
        }
        let (all, watches) = self.leaving_and_watches();
        let awaited: Vec<_> = watches.map(|watch| watch.generation).collect();
        all.retain(|it| it.over.is_none() || awaited.contains(&it.left));
    }

    /// A user rolled back from generation `left`: the operation that published it did not succeed, if it is not over.
    pub(super) fn undone_by(&mut self, user: &str, left: Generation, effects: &mut Vec<Effect>) {
        let (live, generation) = (self.state.live, self.state.generation);
        let mut answer = |operation, reason| {
            let event = SwapStep::RolledBack {
                reason,
                by: Some(user.to_owned()),
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

    fn leaving_and_watches(&mut self) -> (&mut Vec<Leaving>, impl Iterator<Item = &mut Watch>) {
        let holding = self.current.iter_mut().chain(&mut self.suspended);
        let watches = self
            .watching
            .iter_mut()
            .chain(holding.filter_map(|current| current.watch.as_mut()));
        (&mut self.leaving, watches)
    }
}
