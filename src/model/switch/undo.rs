//! The automatic rollback: the new side turned out bad after the switch. The old side has to answer one good probe per
//! instance; if it does not, the new side stays, loudly.

use super::messages::{Effect, tell};
use super::phase::{Phase, Undoing, ask};
use super::plan::{place, undone};
use super::switch::{Current, Switch};
use crate::model::api::{CommonStep, Move, SwapStep};
use crate::model::clock::Moment;
use crate::model::state::Durability;

impl Switch {
    pub(super) fn start_undo(&mut self, mut current: Current, reason: String, now: Moment, effects: &mut Vec<Effect>) {
        current.ticket = self.ticket();
        current.phase = Phase::Undoing(Undoing::new(&self.rules, &current.plan, reason, now.at));
        self.undo(current, now, effects);
    }

    pub(super) fn undo(&mut self, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        let ticket = self.ticket();
        let Phase::Undoing(undoing) = &mut current.phase else {
            self.current = Some(current);
            return;
        };
        if undoing.saving.is_some() {
            self.current = Some(current);
        } else if undoing.probing.all_healthy() {
            let mut state = undone(&current.before, &self.state, &current.plan);
            state.since = now.written();
            undoing.saving = Some(state.clone());
            current.ticket = ticket;
            effects.push(Effect::Persist { ticket, state });
            self.current = Some(current);
        } else if now.at >= undoing.probing.deadline {
            let elapsed = now.at.saturating_sub(undoing.probing.began);
            let dead = undoing.probing.verdict(elapsed);
            let reason = format!(
                "{}; the old side is no better: {dead}; {} stays live",
                undoing.reason, self.state.live
            );
            self.fail(&current, reason, effects);
        } else {
            ask(effects, current.ticket, &mut undoing.probing, now.at);
            self.current = Some(current);
        }
    }

    pub(super) fn undo_persisted(
        &mut self,
        mut current: Current,
        result: Result<Durability, String>,
        effects: &mut Vec<Effect>,
    ) {
        let Phase::Undoing(undoing) = &mut current.phase else {
            self.current = Some(current);
            return;
        };
        let (durability, state) = match (result, undoing.saving.take()) {
            (Ok(durability), Some(state)) => (durability, state),
            (Ok(_), None) => {
                self.current = Some(current);
                return;
            }
            (Err(error), _) => {
                let reason = format!(
                    "{}; the way back could not be saved: {error}; {} stays live",
                    undoing.reason, self.state.live
                );
                return self.fail(&current, reason, effects);
            }
        };
        let reason = std::mem::take(&mut undoing.reason);
        let moves: Vec<Move> = current.plan.moves.iter().map(turned).collect();
        let (generation, live) = (state.generation, state.live);
        self.state = state;
        self.leave(generation, moves.iter().map(|step| &step.from).enumerate());
        effects.push(Effect::Publish { generation, moves });
        if let Durability::Uncertain(why) = durability {
            let message = format!("durability uncertain: a power cut may undo the way back ({why})");
            tell(effects, current.operation, CommonStep::Warning { message });
        }
        tell(
            effects,
            current.operation,
            SwapStep::RolledBack {
                reason,
                by: None,
                live,
                generation,
            },
        );
    }

    fn fail(&self, current: &Current, reason: String, effects: &mut Vec<Effect>) {
        let kept: Vec<_> = current
            .plan
            .moves
            .iter()
            .map(|step| place(&step.service, &step.to.addresses))
            .collect();
        let message = format!("a person has to look at {}", kept.join(", "));
        tell(effects, current.operation, CommonStep::Warning { message });
        let live = Some(self.state.live);
        tell(effects, current.operation, CommonStep::Failed { reason, live });
    }
}

fn turned(step: &Move) -> Move {
    Move {
        service: step.service.clone(),
        from: step.to.clone(),
        to: step.from.clone(),
    }
}
