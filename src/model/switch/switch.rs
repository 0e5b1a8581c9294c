//! The switch of one environment: what it knows, what comes in, and who may begin. The steps themselves are in the files beside.

use std::time::Duration;

use super::elsewhere::Elsewhere;
use super::messages::{Effect, Input, Ticket, tell};
use super::phase::{Gating, Phase};
use super::plan::{self, Plan, Refusal, Rules};
use super::watch::{Leaving, Watch};
use crate::model::api::{CommonStep, Holder, Kind, OperationRequest, STOPPING, SwapStep, exit};
use crate::model::clock::Moment;
use crate::model::state::EnvironmentState;

/// The switch of one environment.
#[derive(Debug)]
pub struct Switch {
    pub(super) rules: Rules,
    pub(super) state: EnvironmentState,
    pub(super) current: Option<Current>,
    /// A swap in its bake window, while a rollback tries to pre-empt it.
    pub(super) suspended: Option<Current>,
    pub(super) watching: Vec<Watch>,
    pub(super) leaving: Vec<Leaving>,
    tickets: u64,
    stopped: bool,
}

/// The operation that holds the environment.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) operation: u64,
    pub(super) user: String,
    pub(super) since: String,
    pub(super) plan: Plan,
    pub(super) ticket: Ticket,
    pub(super) phase: Phase,
    /// From the switch on.
    pub(super) watch: Option<Watch>,
    /// The state before the switch, to go back to.
    pub(super) before: EnvironmentState,
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
                elsewhere,
            } => self.ask(operation, &request, user, (warnings, &elsewhere), now, &mut effects),
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
            Input::Required { ticket, found } => self.required(ticket, found, now, &mut effects),
            Input::Warmed {
                ticket,
                requests,
                failed,
            } => self.warmed(ticket, requests, failed, now, &mut effects),
            Input::ConnectedAhead { ticket } => self.connected_ahead(ticket, now, &mut effects),
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
            Input::GateUnwanted { operation } => self.gate_unwanted(operation, &mut effects),
            Input::Stop => self.stop(&mut effects),
        }
        self.turn(now, &mut effects);
        self.answer_watches(&mut effects);
        effects
    }

    /// When [`Input::Tick`] is due next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        self.current.as_ref()?.phase.wake()
    }

    /// The operation that holds the environment.
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

    /// Whether the operation that holds the environment is in its bake window.
    #[must_use]
    pub fn is_baking(&self) -> bool {
        matches!(&self.current, Some(current) if matches!(current.phase, Phase::Baking(_)))
    }

    /// The operation that only asks for the gate, while it does.
    #[must_use]
    pub fn gate_only(&self) -> Option<u64> {
        let current = self.current.as_ref().filter(|current| current.plan.gate_only)?;
        Some(current.operation)
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

    /// Whether no operation is under way and no old side drains.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.watching.is_empty() && self.leaving.is_empty()
    }

    fn ask(
        &mut self,
        operation: u64,
        request: &OperationRequest,
        user: String,
        (warnings, elsewhere): (Vec<String>, &[Elsewhere]),
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        // Where nothing has two sides, none of them serves.
        let live = (!self.rules.services.is_empty()).then_some(self.state.live);
        let refuse = |Refusal { code, reason, hint }: Refusal| CommonStep::Refused {
            code,
            reason,
            evidence: Vec::new(),
            hint,
            live,
            health: Vec::new(),
        };
        let draining = self.draining_slots();
        let planned = match self.busy(request.kind) {
            Some(refusal) => Err(refusal),
            None => plan::plan(&self.rules, &self.state, &draining, elsewhere, request),
        };
        let plan = match planned {
            Ok(plan) => plan,
            Err(refusal) => return tell(effects, operation, refuse(refusal)),
        };
        tell(
            effects,
            operation,
            SwapStep::Plan {
                operation,
                kind: plan.kind,
                environment: self.rules.name.clone(),
                moves: plan.moves.clone(),
                forced: plan.forced,
            },
        );
        for message in warnings {
            tell(effects, operation, CommonStep::Warning { message });
        }
        for message in self.not_asked_for(&plan) {
            tell(effects, operation, CommonStep::Warning { message });
        }
        if request.dry_run {
            return tell(effects, operation, CommonStep::Planned);
        }
        // Only a rollback gets past `busy` during a bake window.
        self.suspended = self.current.take();
        let gating = Gating::new(&self.rules, &plan, now.at);
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
                code: exit::FAILED,
                reason: STOPPING.into(),
                hint: None,
            });
        }
        if kind == Kind::Rollback && self.is_baking() {
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
            tell(effects, current.operation, CommonStep::Failed { reason, live });
        }
        for watch in self.watching.drain(..) {
            let reason = "the proxy stopped while the old side still drained".into();
            tell(effects, watch.operation, CommonStep::Failed { reason, live });
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    fn holding(&mut self, ticket: Ticket) -> Option<&mut Current> {
        self.current.as_mut().filter(|current| current.ticket == ticket)
    }

    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Current> {
        self.current.take_if(|current| current.ticket == ticket)
    }
}
