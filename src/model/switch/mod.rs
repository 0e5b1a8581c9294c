//! The swap's state machine: one [`Switch`] for each environment decides everything and does nothing. Inputs come with the
//! moment they came at; what has to be done goes out as [`Effect`]s, and their results come back as inputs.
//!
//! ```text
//! Idle → Gating → Warming → Persisting → Verifying → Baking → Idle          Undoing: the new side is bad, the old one comes back
//! ```
//!
//! Whoever is in a phase holds the lock (N5). Old sides that still drain are kept *beside* the phases, because a rollback may
//! begin while an older side still drains. Every operation gets exactly one final event, and it is always its last.
//!
//! `plan` is steps 1 and 2 (lock, preflight), `phases` the steps under the lock, `undo` the automatic rollback, `watch` what
//! an operation waits for when it no longer holds the lock, `probing` who is asked when.

mod baking;
mod messages;
mod phases;
mod plan;
mod probing;
#[cfg(test)]
mod tests;
mod undo;
mod watch;

use std::time::Duration;

pub use messages::{Effect, Ended, Figures, Input, Look, Moment, Seen, Ticket};
pub use plan::{Bake, Rules, Service};

use self::plan::{Plan, Refusal};
use self::probing::Probing;
use self::watch::{Leaving, Watch};
use super::api::{self, CommonStep, Event, Holder, Kind, OperationRequest, SwapStep, exit};
use super::state::EnvironmentState;

/// The switch of one environment.
#[derive(Debug)]
pub struct Switch {
    rules: Rules,
    state: EnvironmentState,
    current: Option<Current>,
    /// A swap in its bake window, while a rollback tries to pre-empt it.
    suspended: Option<Current>,
    watching: Vec<Watch>,
    leaving: Vec<Leaving>,
    tickets: u64,
    stopped: bool,
}

/// The operation that holds the environment.
#[derive(Debug)]
struct Current {
    operation: u64,
    user: String,
    since: String,
    plan: Plan,
    ticket: Ticket,
    phase: Phase,
    /// From the switch on.
    watch: Option<Watch>,
    /// The state before the switch, to go back to.
    before: EnvironmentState,
}

#[derive(Debug)]
enum Phase {
    Gating(phases::Gating),
    Warming { began: Duration },
    Persisting,
    Verifying(phases::Verifying),
    Baking(baking::Baking),
    Undoing(undo::Undoing),
}

impl Phase {
    fn probing(&mut self) -> Option<&mut Probing> {
        match self {
            Self::Gating(gating) => Some(&mut gating.probing),
            Self::Baking(baking) => Some(&mut baking.probing),
            Self::Undoing(undoing) => Some(&mut undoing.probing),
            Self::Warming { .. } | Self::Persisting | Self::Verifying(_) => None,
        }
    }

    fn step(&self) -> &'static str {
        match self {
            Self::Gating(_) => "gate",
            Self::Warming { .. } => "warm-up",
            Self::Persisting => "persist",
            Self::Verifying(_) => "verify",
            Self::Baking(_) => "bake",
            Self::Undoing(_) => "undo",
        }
    }
}

impl Switch {
    /// An idle switch of an environment whose state was read or is the first.
    #[must_use]
    pub fn new(rules: Rules, state: EnvironmentState) -> Self {
        Self {
            rules,
            state,
            current: None,
            suspended: None,
            watching: Vec::new(),
            leaving: Vec::new(),
            tickets: 0,
            stopped: false,
        }
    }

    /// Takes what happened, and says what has to be done.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Ask {
                operation,
                request,
                user,
                warnings,
            } => self.ask(operation, &request, user, warnings, now, &mut effects),
            Input::Tick => {}
            Input::Probed {
                ticket,
                service,
                address,
                report,
            } => {
                if let Some(probing) = self.holding(ticket).and_then(|current| current.phase.probing()) {
                    probing.record(service, &address, report);
                }
            }
            Input::Warmed {
                ticket,
                requests,
                failed,
            } => self.warmed(ticket, requests, failed, now, &mut effects),
            Input::Persisted { ticket, result } => self.persisted(ticket, result, now, &mut effects),
            Input::Verified { ticket, seen } => self.verified(ticket, seen, now, &mut effects),
            Input::Measured {
                generation,
                figures,
                traffic,
                before,
                served,
            } => self.measured(generation, &figures, (traffic, before, served), now, &mut effects),
            Input::Draining {
                left,
                service,
                requests,
                streams,
            } => self.draining(left, service, (requests, streams), now, &mut effects),
            Input::Drained {
                left,
                service,
                ended,
                served,
            } => self.drained(left, service, ended, served, now, &mut effects),
            Input::Stop => self.stop(&mut effects),
        }
        self.turn(now, &mut effects);
        self.answer_watches(&mut effects);
        effects
    }

    /// When [`Input::Tick`] is due next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let current = self.current.as_ref()?;
        match &current.phase {
            Phase::Gating(gating) => gating.wake(),
            Phase::Warming { .. } | Phase::Persisting => None,
            Phase::Verifying(verifying) => verifying.wake(),
            Phase::Baking(baking) => baking.wake(),
            Phase::Undoing(undoing) => undoing.wake(),
        }
    }

    /// Who holds the environment.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        self.current.as_ref().map(|current| Holder {
            operation: current.operation,
            kind: current.plan.kind.into(),
            user: current.user.clone(),
            since: current.since.clone(),
            step: current.phase.step().into(),
        })
    }

    /// What is published.
    #[must_use]
    pub fn state(&self) -> &EnvironmentState {
        &self.state
    }

    /// The environment's rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// From now on other rules hold, and this is what is published: a reload. Not while an operation holds the environment.
    pub fn reconfigure(&mut self, rules: Rules, state: EnvironmentState) {
        debug_assert!(self.current.is_none(), "an operation holds the environment");
        self.rules = rules;
        self.state = state;
    }

    /// Whether nobody waits for anything any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.watching.is_empty() && self.leaving.is_empty()
    }

    fn ask(
        &mut self,
        operation: u64,
        request: &OperationRequest,
        user: String,
        warnings: Vec<String>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        // Where nothing has two sides, none of them serves.
        let live = (!self.rules.services.is_empty()).then_some(self.state.live);
        let refuse = |Refusal { code, reason, hint }: Refusal| {
            Event::Common(CommonStep::Refused {
                code,
                reason,
                evidence: Vec::new(),
                hint,
                live,
            })
        };
        let draining = self.draining_slots();
        let planned = match self.busy(request.kind) {
            Some(refusal) => Err(refusal),
            None => plan::plan(&self.rules, &self.state, &draining, request),
        };
        let plan = match planned {
            Ok(plan) => plan,
            Err(refusal) => return tell(effects, operation, refuse(refusal)),
        };
        tell(
            effects,
            operation,
            Event::Swap(SwapStep::Plan {
                operation,
                kind: plan.kind,
                environment: self.rules.name.clone(),
                moves: plan.moves.clone(),
                forced: plan.forced,
            }),
        );
        for message in warnings {
            tell(effects, operation, Event::Common(CommonStep::Warning { message }));
        }
        if request.dry_run {
            return tell(effects, operation, Event::Common(CommonStep::Planned));
        }
        // Only a rollback gets past `busy` while somebody bakes.
        self.suspended = self.current.take();
        let gating = phases::Gating::new(&self.rules, &plan, now.at);
        self.current = Some(Current {
            operation,
            user,
            since: now.written(),
            plan,
            ticket: self.ticket(),
            phase: Phase::Gating(gating),
            watch: None,
            before: self.state.clone(),
        });
    }

    /// One operation per environment, but a rollback pre-empts a bake window.
    fn busy(&self, kind: Kind) -> Option<Refusal> {
        let holder = self.holder();
        if self.stopped {
            return Some(Refusal {
                code: exit::BUSY,
                reason: "the proxy is stopping".into(),
                hint: None,
            });
        }
        let baking = matches!(&self.current, Some(current) if matches!(current.phase, Phase::Baking(_)));
        if kind == Kind::Rollback && baking {
            return None;
        }
        holder.map(|holder| Refusal {
            code: exit::BUSY,
            reason: holder.refusal(&self.rules.name),
            hint: Some(format!("`proxyctl status {}` shows how far it is", self.rules.name)),
        })
    }

    fn stop(&mut self, effects: &mut Vec<Effect>) {
        self.stopped = true;
        let live = Some(self.state.live);
        for current in [self.suspended.take(), self.current.take()].into_iter().flatten() {
            // A save that is under way may still come to be; the state file is the truth, and the next start reads it.
            let reason = match (&current.phase, &current.watch) {
                (Phase::Persisting, _) => "the proxy stopped while the switch was being saved".into(),
                (phase, None) => format!("the proxy stopped in step `{}`; nothing was switched", phase.step()),
                (phase, Some(_)) => format!("the proxy stopped after the switch, in step `{}`", phase.step()),
            };
            tell(
                effects,
                current.operation,
                Event::Common(CommonStep::Failed { reason, live }),
            );
        }
        for watch in self.watching.drain(..) {
            let reason = "the proxy stopped while the old side still drained".into();
            tell(
                effects,
                watch.operation,
                Event::Common(CommonStep::Failed { reason, live }),
            );
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn holding(&mut self, ticket: Ticket) -> Option<&mut Current> {
        self.current.as_mut().filter(|current| current.ticket == ticket)
    }

    fn take(&mut self, ticket: Ticket) -> Option<Current> {
        self.current.take_if(|current| current.ticket == ticket)
    }
}

fn tell(effects: &mut Vec<Effect>, operation: u64, event: Event) {
    effects.push(Effect::Tell { operation, event });
}

/// Whole milliseconds from one moment to another.
fn millis(from: Duration, to: Duration) -> u64 {
    api::millis(to.saturating_sub(from))
}
