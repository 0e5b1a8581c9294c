//! The steps under the lock: gate, warm up, connect, persist and publish, verify (steps 3 to 7 of a swap).

use std::time::Duration;

use super::messages::{Effect, Seen, Ticket, millis, tell};
use super::phase::{Phase, Verifying, ask};
use super::switch::{Current, Switch};
use super::watch::Watch;
use crate::model::api::{CommonStep, Event, Kind, Progress, SwapStep, exit};
use crate::model::clock::Moment;
use crate::model::state::Durability;

/// The front door is asked this often before a bad answer counts, with a pause in between.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

impl Switch {
    /// What time alone brings about.
    pub(super) fn turn(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let Some(mut current) = self.current.take() else {
            return;
        };
        match &mut current.phase {
            Phase::Gating(_) => return self.gate(current, now, effects),
            Phase::Undoing(_) => return self.undo(current, now, effects),
            Phase::Baking(_) => return self.bake(current, now, effects),
            Phase::Verifying(verifying) => {
                if verifying.again.is_some_and(|again| again <= now.at) {
                    verifying.again = None;
                    let (ticket, moves) = (current.ticket, current.plan.moves.clone());
                    effects.push(Effect::Verify { ticket, moves });
                }
            }
            Phase::Requiring { .. } | Phase::Warming { .. } | Phase::Connecting | Phase::Persisting => {}
        }
        self.current = Some(current);
    }

    fn gate(&mut self, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        let Phase::Gating(gating) = &mut current.phase else {
            self.current = Some(current);
            return;
        };
        let began = gating.probing.began;
        let elapsed_ms = millis(began, now.at);
        if gating.probing.all_healthy() {
            let (instances, version) = (gating.probing.reports(), gating.probing.version());
            current.plan.called(version.as_deref());
            tell(
                effects,
                current.operation,
                CommonStep::Gated {
                    instances,
                    version,
                    elapsed_ms,
                },
            );
            return self.require(current, now, effects);
        }
        if now.at >= gating.probing.deadline {
            let refused = CommonStep::Refused {
                code: exit::REFUSED,
                reason: gating.probing.verdict(now.at.saturating_sub(began)),
                evidence: gating.probing.reports(),
                hint: None,
                live: Some(self.state.live),
                health: Vec::new(),
            };
            return self.give_up(&current, refused, effects);
        }
        ask(effects, current.ticket, &mut gating.probing, now.at);
        if gating.news(now.at) {
            let instances = gating.probing.reports();
            tell(effects, current.operation, Progress::Gating { instances, elapsed_ms });
        }
        self.current = Some(current);
    }

    /// Ends an operation that only asks for the gate.
    pub(super) fn gate_unwanted(&mut self, operation: u64, effects: &mut Vec<Effect>) {
        let unwanted = |current: &mut Current| current.operation == operation && current.plan.gate_only;
        if let Some(current) = self.current.take_if(unwanted) {
            let failed = CommonStep::Failed {
                reason: "the deployment that asked for the gate went on without it; nothing was switched".into(),
                live: Some(self.state.live),
            };
            self.give_up(&current, failed, effects);
        }
    }

    /// Ends an operation before it switched; a swap whose bake window it wanted to pre-empt goes on.
    pub(super) fn give_up(&mut self, current: &Current, event: impl Into<Event>, effects: &mut Vec<Effect>) {
        tell(effects, current.operation, event);
        if let Some(mut suspended) = self.suspended.take() {
            suspended.ticket = self.ticket();
            if let Some(probing) = suspended.phase.probing() {
                probing.forget_asked();
            }
            self.current = Some(suspended);
        }
    }

    pub(super) fn warm(&mut self, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        let services = self.rules.services.iter().zip(&current.plan.moves).enumerate();
        let warmed = services.filter(|(_, (service, _))| service.warms);
        let instances: Vec<_> = warmed
            .flat_map(|(index, (_, step))| step.to.addresses.iter().map(move |address| (index, address.clone())))
            .collect();
        if instances.is_empty() {
            return self.connect_ahead(current, effects);
        }
        current.ticket = self.ticket();
        current.phase = Phase::Warming { began: now.at };
        let ticket = current.ticket;
        effects.push(Effect::Warm { ticket, instances });
        self.current = Some(current);
    }

    pub(super) fn warmed(
        &mut self,
        ticket: Ticket,
        requests: u32,
        failed: u32,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(current) = self.take(ticket) else {
            return;
        };
        let Phase::Warming { began } = current.phase else {
            self.current = Some(current);
            return;
        };
        let elapsed_ms = millis(began, now.at);
        tell(
            effects,
            current.operation,
            SwapStep::Warmed {
                requests,
                failed,
                elapsed_ms,
            },
        );
        self.connect_ahead(current, effects);
    }

    /// The last thing before the switch, so that what is made now is young when it is used.
    fn connect_ahead(&mut self, mut current: Current, effects: &mut Vec<Effect>) {
        current.ticket = self.ticket();
        current.phase = Phase::Connecting;
        effects.push(Effect::ConnectAhead {
            ticket: current.ticket,
            moves: current.plan.moves.clone(),
        });
        self.current = Some(current);
    }

    pub(super) fn connected_ahead(&mut self, ticket: Ticket, now: Moment, effects: &mut Vec<Effect>) {
        let connecting = |current: &mut Current| current.ticket == ticket && matches!(current.phase, Phase::Connecting);
        if let Some(current) = self.current.take_if(connecting) {
            self.persist(current, now, effects);
        }
    }

    fn persist(&mut self, mut current: Current, now: Moment, effects: &mut Vec<Effect>) {
        current.plan.next.since = now.written();
        current.plan.deploy(&now.written());
        current.ticket = self.ticket();
        current.phase = Phase::Persisting;
        effects.push(Effect::Persist {
            ticket: current.ticket,
            state: current.plan.next.clone(),
        });
        self.current = Some(current);
    }

    pub(super) fn persisted(
        &mut self,
        ticket: Ticket,
        result: Result<Durability, String>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(current) = self.take(ticket) else {
            return;
        };
        match (&current.phase, result) {
            (Phase::Persisting, Ok(durability)) => self.publish(current, durability, now, effects),
            (Phase::Persisting, Err(error)) => {
                let failed = CommonStep::Failed {
                    reason: format!("the state could not be saved: {error}; nothing was switched"),
                    live: Some(self.state.live),
                };
                self.give_up(&current, failed, effects);
            }
            (Phase::Undoing(_), result) => self.undo_persisted(current, result, effects),
            (
                Phase::Gating(_)
                | Phase::Requiring { .. }
                | Phase::Warming { .. }
                | Phase::Connecting
                | Phase::Verifying(_)
                | Phase::Baking(_),
                _,
            ) => {
                self.current = Some(current);
            }
        }
    }

    /// Steps 5 and 6: saved, so it may be seen.
    fn publish(&mut self, mut current: Current, durability: Durability, now: Moment, effects: &mut Vec<Effect>) {
        let (generation, left) = (current.plan.next.generation, self.state.generation);
        self.state = current.plan.next.clone();
        let moves = current.plan.moves.clone();
        let services = moves.iter().map(|step| step.service.clone()).collect();
        self.leave(generation, moves.iter().map(|step| &step.from).enumerate());
        effects.push(Effect::Publish { generation, moves });
        tell(
            effects,
            current.operation,
            SwapStep::Switched {
                generation,
                services,
                durability_uncertain: matches!(durability, Durability::Uncertain(_)),
            },
        );
        if let Durability::Uncertain(why) = durability {
            let message = format!("durability uncertain: a power cut may undo this switch ({why})");
            tell(effects, current.operation, CommonStep::Warning { message });
        }
        if current.plan.kind == Kind::Rollback {
            self.undone_by(&current.user, left, effects);
        }
        current.watch = Some(Watch::new(
            current.operation,
            current.plan.moves.clone(),
            generation,
            now.at,
        ));
        current.ticket = self.ticket();
        current.phase = Phase::Verifying(Verifying {
            attempts: 0,
            again: None,
        });
        effects.push(Effect::Verify {
            ticket: current.ticket,
            moves: current.plan.moves.clone(),
        });
        self.current = Some(current);
    }

    pub(super) fn verified(&mut self, ticket: Ticket, seen: Vec<Seen>, now: Moment, effects: &mut Vec<Effect>) {
        let Some(mut current) = self.take(ticket) else {
            return;
        };
        let problem = self.problem(&current, &seen);
        let Phase::Verifying(verifying) = &mut current.phase else {
            self.current = Some(current);
            return;
        };
        let checks = seen.into_iter().map(|seen| seen.check).collect();
        let Some(problem) = problem else {
            tell(effects, current.operation, SwapStep::Verified { checks });
            return self.settle(current, now, effects);
        };
        verifying.attempts += 1;
        if verifying.attempts < ATTEMPTS {
            verifying.again = Some(now.at.saturating_add(PAUSE));
            self.current = Some(current);
        } else if current.plan.forced {
            // `--force` skips the verdict, here as at the gate.
            let message = format!("through the front door, {problem}; nothing is undone, because it was forced");
            tell(effects, current.operation, CommonStep::Warning { message });
            self.settle(current, now, effects);
        } else {
            self.start_undo(current, format!("through the front door, {problem}"), now, effects);
        }
    }

    fn problem(&self, current: &Current, seen: &[Seen]) -> Option<String> {
        seen.iter().find_map(|Seen { check, problem }| {
            if let Some(problem) = problem {
                return Some(format!("{} {}: {problem}", check.service, check.target));
            }
            let service = self
                .rules
                .services
                .iter()
                .find(|service| service.name == check.service)?;
            let expected = current.plan.expected.as_ref().filter(|_| service.names_version)?;
            (check.version.as_ref() != Some(expected)).then(|| {
                format!(
                    "{} {} is version `{}`, expected `{expected}`",
                    check.service,
                    check.target,
                    check.version.as_deref().unwrap_or("unknown")
                )
            })
        })
    }
}
