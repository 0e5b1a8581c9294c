//! The machine: who asks, who holds, who waits.

use std::time::Duration;

use super::held::Held;
use super::messages::{Effect, Input};
use super::plan::{busy, plan, problem, refused};
use super::queue::{PLACES, Queue, Waiting};
use super::scene::{Scene, Surroundings};
use super::touch::{allowed, touched};
use crate::model::api::{
    CommonStep, DeployPlan, DeployRequest, DeployStep, Event, Holder, Kind, OperationRequest, Problem, ReleaseRequest,
    STOPPING, Step, StepRequest, SwapStep, WaitingStatus, exit,
};
use crate::model::clock::Moment;
use crate::model::history::Caller;
use crate::model::slot::Generation;

/// The deployments of one environment.
#[derive(Debug, Default)]
pub struct Deployments {
    /// The one that holds the environment.
    held: Option<Held>,
    /// A rollback that came when that one had switched: it holds the environment until it is over.
    above: Option<Held>,
    /// In the order in which they asked.
    queue: Queue,
    /// Dry runs that are answered when the sides were looked at.
    dry: Vec<(u64, DeployRequest)>,
    /// What a switch has published last, if one has since this process began.
    switched: Option<Generation>,
    stopped: bool,
}

impl Deployments {
    /// Takes what happened, and says what has to be done.
    pub fn handle(&mut self, input: Input, scene: &Scene<'_>, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Ask {
                operation,
                request,
                caller,
            } => {
                // Who came first may be free to go since then.
                self.turn(scene, now, &mut effects);
                self.ask(operation, request, caller, scene, now, &mut effects);
            }
            Input::Looked { operation, plan } => self.looked(operation, plan, scene, &mut effects),
            Input::Step {
                reply,
                request,
                caller,
                surroundings,
            } => {
                let operation = request.operation;
                let told = self.step(request, &caller, &surroundings, scene);
                answer(reply, operation, told, &mut effects);
            }
            Input::Release { reply, request, caller } => {
                let operation = request.operation;
                let told = self.release(request, &caller);
                answer(reply, operation, told, &mut effects);
            }
            Input::Left { operation } => self.left(operation, scene, &mut effects),
            Input::Gone => {
                let reason = format!("there is no environment `{}` any more", scene.rules.name);
                self.turn_away(|| refused(problem(exit::USAGE, reason.clone(), None)), &mut effects);
            }
            Input::Tick => {}
            Input::Stop => self.stop(scene, &mut effects),
        }
        self.turn(scene, now, &mut effects);
        effects
    }

    /// When [`Input::Tick`] is due next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        self.queue.wake()
    }

    /// The deployment that holds the environment, whose switch is at this operation.
    #[must_use]
    pub fn holder(&self, switch: Option<&Holder>) -> Option<Holder> {
        Some(self.top()?.holder(switch))
    }

    /// Those that wait, in their order.
    #[must_use]
    pub fn waiting(&self) -> Vec<WaitingStatus> {
        self.queue.status()
    }

    /// Whether nobody waits for anything any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.top().is_none() && self.queue.is_empty() && self.dry.is_empty()
    }

    /// Whether this one holds the environment, or stands below the one that does.
    #[must_use]
    pub fn has(&self, operation: u64) -> bool {
        self.all().any(|held| held.operation == operation)
    }

    /// Whether this swap is a part of a deployment.
    #[must_use]
    pub fn has_swap(&self, operation: u64) -> bool {
        self.all().any(|held| held.swap == Some(operation))
    }

    /// Whether a swap or rollback may begin, as far as deployments go; one that is a part of a deployment is remembered.
    ///
    /// # Errors
    /// Why it may not.
    pub fn admit(
        &mut self,
        operation: u64,
        request: &OperationRequest,
        user: &str,
        scene: &Scene<'_>,
    ) -> Result<(), Problem> {
        let name = &scene.rules.name;
        if request.gate_only && request.within.is_none() {
            let reason = "only a deployment asks for the gate alone".into();
            return Err(problem(exit::USAGE, reason, None));
        }
        let top = match self.above.as_mut() {
            Some(above) => Some(above),
            None => self.held.as_mut(),
        };
        let top = match (top, request.within) {
            (None, None) => return Ok(()),
            (Some(top), Some(within)) if top.operation == within && top.caller.user == user => top,
            (_, Some(within)) => {
                let reason = format!("deployment {within} does not hold `{name}`, or is not yours");
                return Err(problem(exit::REFUSED, reason, None));
            }
            (Some(top), None) => {
                if request.kind == Kind::Rollback && top.switched {
                    let touched = touched(top, name);
                    return touched.map_or(Ok(()), |reason| Err(problem(exit::BUSY, reason, None)));
                }
                let holder = top.holder(scene.switch.as_ref());
                return Err(problem(exit::BUSY, holder.refusal(name), Some(holder.hint(name))));
            }
        };
        let touched = touched(top, name);
        if let Some(reason) = touched {
            return Err(problem(exit::REFUSED, reason, None));
        }
        if let Some(swap) = top.swap {
            let reason = format!("operation {swap} of the same deployment is not over");
            return Err(problem(exit::REFUSED, reason, None));
        }
        top.swap = Some(operation);
        Ok(())
    }

    /// An operation of the environment's switch says something.
    pub fn hear(&mut self, operation: u64, event: &Event) {
        if let Event::Swap(SwapStep::Switched { generation, .. } | SwapStep::RolledBack { generation, .. }) = event {
            self.switched = Some(*generation);
        }
        for held in self.held.iter_mut().chain(&mut self.above) {
            held.hear(operation, event);
        }
    }

    fn ask(
        &mut self,
        operation: u64,
        request: DeployRequest,
        caller: Caller,
        scene: &Scene<'_>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let mut tell = |event| effects.push(Effect::Tell { operation, event });
        if self.stopped {
            let (reason, live) = (STOPPING.into(), Some(scene.state.live));
            return tell(CommonStep::Failed { reason, live }.into());
        }
        let plan = match plan(scene.rules, scene.state, &request, self.switched) {
            Ok(plan) => plan,
            Err(problem) => return tell(refused(problem)),
        };
        if request.dry_run {
            if self.dry.len() >= PLACES {
                let reason = format!("{PLACES} dry runs are being answered already");
                return tell(refused(problem(exit::BUSY, reason, None)));
            }
            self.dry.push((operation, request));
            let plan = Box::new(plan);
            return effects.push(Effect::Look { operation, plan });
        }
        let Some(holder) = self.blocker(request.kind, scene) else {
            effects.push(Effect::Watch { operation });
            return self.hold(operation, request, caller, plan, now, effects);
        };
        let Some(wait) = request.wait_ms.filter(|wait| *wait > 0) else {
            return tell(refused(busy(&holder, &scene.rules.name)));
        };
        let waiting = Waiting {
            operation,
            request,
            caller,
            since: now.written(),
            until: now.at.saturating_add(Duration::from_millis(wait)),
            told: None,
        };
        if self.queue.push(waiting) {
            effects.push(Effect::Watch { operation });
        } else {
            let reason = format!("{PLACES} deployments wait for `{}` already", scene.rules.name);
            tell(refused(problem(exit::BUSY, reason, None)));
        }
    }

    /// What keeps a deployment from holding the environment.
    fn blocker(&self, kind: Kind, scene: &Scene<'_>) -> Option<Holder> {
        if let Some(aside) = &scene.aside {
            return Some(aside.clone());
        }
        let overtakes = kind == Kind::Rollback;
        if let Some(switch) = &scene.switch
            && !(overtakes && scene.baking)
        {
            return Some(self.holder(Some(switch)).unwrap_or_else(|| switch.clone()));
        }
        let below = |held: &Held| overtakes && held.switched && held.touches().is_none();
        match (&self.above, &self.held) {
            (None, Some(held)) if below(held) => None,
            (Some(held), _) | (None, Some(held)) => Some(held.holder(scene.switch.as_ref())),
            (None, None) => None,
        }
    }

    fn hold(
        &mut self,
        operation: u64,
        request: DeployRequest,
        caller: Caller,
        plan: DeployPlan,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let held = Held {
            operation,
            caller,
            kind: request.kind,
            version: request.version,
            since: now.written(),
            command: None,
            swap: None,
            switched: false,
        };
        if self.held.is_none() {
            self.held = Some(held);
        } else {
            self.above = Some(held);
        }
        let plan = Box::new(plan);
        effects.push(Effect::Look { operation, plan });
    }

    fn looked(&mut self, operation: u64, plan: Box<DeployPlan>, scene: &Scene<'_>, effects: &mut Vec<Effect>) {
        let mut tell = |event| effects.push(Effect::Tell { operation, event });
        let environment = scene.rules.name.clone();
        if let Some(held) = self.all().find(|held| held.operation == operation) {
            let deploying = DeployStep::Deploying {
                operation: Some(operation),
                environment,
                kind: held.kind,
                version: held.version.clone(),
                plan,
            };
            return tell(deploying.into());
        }
        let place = self.dry.iter().position(|(dry, _)| *dry == operation);
        if let Some((_, request)) = place.map(|place| self.dry.swap_remove(place)) {
            let deploying = DeployStep::Deploying {
                operation: None,
                environment,
                kind: request.kind,
                version: request.version,
                plan,
            };
            tell(deploying.into());
            tell(CommonStep::Planned.into());
        }
    }

    fn step(
        &mut self,
        request: StepRequest,
        caller: &Caller,
        surroundings: &Surroundings,
        scene: &Scene<'_>,
    ) -> Result<Event, Problem> {
        let StepRequest { operation, step } = request;
        match step {
            Step::Begun(begun) => {
                let above = self.above.as_ref().filter(|above| above.operation != operation);
                if let Some(above) = above
                    && self.has(operation)
                {
                    let holder = above.holder(scene.switch.as_ref());
                    return Err(problem(exit::BUSY, holder.refusal(&scene.rules.name), None));
                }
                let held = self.of(operation, caller)?;
                allowed(&begun, surroundings, scene)?;
                held.begin(begun)
            }
            Step::Ended(ended) => self.of(operation, caller)?.end(ended),
        }
    }

    fn release(&mut self, request: ReleaseRequest, caller: &Caller) -> Result<Event, Problem> {
        self.of(request.operation, caller)?;
        self.forget(request.operation);
        let ReleaseRequest { outcome, reason, .. } = request;
        Ok(DeployStep::Released { outcome, reason }.into())
    }

    fn left(&mut self, operation: u64, scene: &Scene<'_>, effects: &mut Vec<Effect>) {
        let held = self.all().find(|held| held.operation == operation);
        let step = match held.map(|held| held.step(scene.switch.as_ref())) {
            Some(step) => step,
            None if self.queue.remove(operation) => "its turn had not come".into(),
            None => return,
        };
        self.forget(operation);
        let live = Some(scene.state.live);
        let event = DeployStep::Abandoned { step, live }.into();
        effects.push(Effect::Tell { operation, event });
    }

    fn stop(&mut self, scene: &Scene<'_>, effects: &mut Vec<Effect>) {
        self.stopped = true;
        let live = Some(scene.state.live);
        let stopped = |reason| Event::Common(CommonStep::Failed { reason, live });
        for held in [self.above.take(), self.held.take()].into_iter().flatten() {
            let step = held.step(scene.switch.as_ref());
            let (operation, event) = (held.operation, stopped(format!("the proxy stopped in step `{step}`")));
            effects.push(Effect::Tell { operation, event });
        }
        self.turn_away(|| stopped("the proxy stopped".into()), effects);
    }

    /// Ends everything that holds nothing.
    fn turn_away(&mut self, event: impl Fn() -> Event, effects: &mut Vec<Effect>) {
        let waiting = self.queue.drain().map(|waiting| waiting.operation);
        let dry = self.dry.drain(..).map(|(operation, _)| operation);
        effects.extend(waiting.chain(dry).map(|operation| Effect::Tell {
            operation,
            event: event(),
        }));
    }

    /// What time brings about, and who comes next.
    fn turn(&mut self, scene: &Scene<'_>, now: Moment, effects: &mut Vec<Effect>) {
        while self.blocker_of_the_first(scene) == Some(None) {
            let Some(Waiting {
                operation,
                request,
                caller,
                ..
            }) = self.queue.pop()
            else {
                break;
            };
            match plan(scene.rules, scene.state, &request, self.switched) {
                Ok(plan) => self.hold(operation, request, caller, plan, now, effects),
                Err(problem) => {
                    let event = refused(problem);
                    effects.push(Effect::Tell { operation, event });
                }
            }
        }
        for late in self.queue.late(now.at) {
            let waited = Duration::from_millis(late.request.wait_ms.unwrap_or_default());
            let reason = format!("its turn did not come within {} s", waited.as_secs_f64());
            let (operation, event) = (late.operation, refused(problem(exit::BUSY, reason, None)));
            effects.push(Effect::Tell { operation, event });
        }
        if let Some(Some(behind)) = self.blocker_of_the_first(scene) {
            let news = self.queue.news(&behind).into_iter();
            effects.extend(news.map(|(operation, event)| Effect::Tell { operation, event }));
        }
    }

    /// `None` when nobody waits, `Some(None)` when nothing keeps the first one.
    fn blocker_of_the_first(&self, scene: &Scene<'_>) -> Option<Option<Holder>> {
        let first = self.queue.first()?;
        Some(self.blocker(first.request.kind, scene))
    }

    fn forget(&mut self, operation: u64) {
        self.above.take_if(|held| held.operation == operation);
        self.held.take_if(|held| held.operation == operation);
        if self.held.is_none() {
            self.held = self.above.take();
        }
    }

    fn of(&mut self, operation: u64, caller: &Caller) -> Result<&mut Held, Problem> {
        if self.stopped {
            return Err(problem(exit::FAILED, STOPPING.into(), None));
        }
        let held = self.held.iter_mut().chain(&mut self.above);
        let Some(held) = held.into_iter().find(|held| held.operation == operation) else {
            return Err(problem(exit::REFUSED, over(operation), None));
        };
        if held.caller.user != caller.user {
            let reason = format!(
                "deployment {operation} is {}'s, not {}'s",
                held.caller.user, caller.user
            );
            return Err(problem(exit::REFUSED, reason, None));
        }
        Ok(held)
    }

    fn top(&self) -> Option<&Held> {
        self.above.as_ref().or(self.held.as_ref())
    }

    fn all(&self) -> impl Iterator<Item = &Held> {
        self.held.iter().chain(&self.above)
    }
}

/// What is said of a deployment that holds nothing.
fn over(operation: u64) -> String {
    format!("deployment {operation} holds no environment any more")
}

/// What became of a step or a release: it is written down before it is answered.
fn answer(reply: u64, operation: u64, told: Result<Event, Problem>, effects: &mut Vec<Effect>) {
    let result = told.map(|event| effects.push(Effect::Tell { operation, event }));
    effects.push(Effect::Reply { reply, result });
}
