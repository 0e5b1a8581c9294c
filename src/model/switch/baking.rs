//! The bake window (step 8 of a swap): the new side is watched, and undone when it turns out worse. Then the lock ends.

use std::time::Duration;

use super::messages::{Effect, Figures, millis, tell};
use super::phase::{Baking, PROGRESS, Phase, ask};
use super::switch::{Current, Switch};
use crate::model::api::{Kind, Progress, SwapStep, Traffic};
use crate::model::bake;
use crate::model::clock::Moment;
use crate::model::probing::{Look, Probing};
use crate::model::slot::Generation;

impl Switch {
    /// After verify: bake, or let the lock go. A rollback does not bake: going back to where a person just fled from would
    /// not be a rescue.
    pub(super) fn settle(&mut self, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        let period = self
            .rules
            .services
            .iter()
            .filter_map(|service| service.bake)
            .map(|bake| bake.period);
        match (period.max(), current.plan.kind) {
            (Some(period), Kind::Swap) => {
                let moves = &current.plan.moves;
                let candidates = self.rules.candidates(moves, |step| &step.to, None);
                let probing = Probing::new(candidates, Look::Health, now.at, period);
                current.ticket = self.ticket();
                current.phase = Phase::Baking(Baking {
                    probing,
                    measure: now.at,
                });
                self.bake(current, now, effects);
            }
            (None, _) | (_, Kind::Rollback) => self.let_go(current),
        }
    }

    pub(super) fn bake(&mut self, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        let (forced, ticket) = (current.plan.forced, current.ticket);
        let Phase::Baking(baking) = &mut current.phase else {
            self.current = Some(current);
            return;
        };
        if let (false, Some(complaint)) = (forced, baking.probing.failing()) {
            return self.start_undo(current, format!("in the bake window, {complaint}"), now, effects);
        }
        if now.at >= baking.measure {
            // The last reading is taken exactly when the window closes.
            let next = now.at.saturating_add(PROGRESS);
            baking.measure = if now.at < baking.probing.deadline {
                next.min(baking.probing.deadline)
            } else {
                next
            };
            let generation = self.state.generation;
            effects.push(Effect::Measure { generation });
        }
        ask(effects, ticket, &mut baking.probing, now.at);
        self.current = Some(current);
    }

    /// Takes what the counters said of (the new side, the old side before, everything since the switch).
    pub(super) fn measured(
        &mut self,
        generation: Generation,
        figures: &[Figures],
        (traffic, before, served): (Traffic, Traffic, Traffic),
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        if generation != self.state.generation {
            return;
        }
        let Some(mut current) = self.current.take() else {
            return;
        };
        let (Phase::Baking(baking), Some(watch)) = (&current.phase, &mut current.watch) else {
            self.current = Some(current);
            return;
        };
        watch.served = served;
        let (began, deadline) = (baking.probing.began, baking.probing.deadline);
        let elapsed = now.at.saturating_sub(began);
        if let Some(worse) = self.worse(figures, elapsed) {
            return self.start_undo(current, format!("in the bake window, {worse}"), now, effects);
        }
        let operation = current.operation;
        if now.at < deadline {
            let left_ms = millis(now.at, deadline);
            tell(effects, operation, Progress::Baking { traffic, left_ms });
            self.current = Some(current);
        } else {
            let elapsed_ms = millis(began, now.at);
            tell(
                effects,
                operation,
                SwapStep::Baked {
                    traffic,
                    before,
                    elapsed_ms,
                },
            );
            self.let_go(current);
        }
    }

    /// The first service whose new side is worse; each is judged in its own window.
    fn worse(&self, figures: &[Figures], elapsed: Duration) -> Option<String> {
        self.rules.services.iter().zip(figures).find_map(|(service, figures)| {
            // Figures that are read when the window closes still belong to it.
            let bake = service
                .bake
                .filter(|bake| elapsed <= bake.period.saturating_add(PROGRESS))?;
            let worse = bake::worse(bake.rule, figures.new, figures.before)?;
            Some(format!("{}: {worse}", service.name))
        })
    }

    /// The lock ends; what is left is to wait for the old side.
    fn let_go(&mut self, current: Current) {
        self.watching.extend(current.watch);
    }
}
