//! One environment under operation: its switch, its pause, its sleep, its deployments, and the reload that is about to change it. At most one of
//! them holds the environment (N5); who comes second is refused at once, and told who was first. A swap may be a part of the
//! deployment that holds it.

use std::time::Duration;

use super::api::{CommonStep, Event, Holder, Side, SleepStatus, Step, exit};
use super::clock::Moment;
use super::deployment::{self, Deployments, Scene};
use super::pause::{self, Pause};
use super::sleep::{self, Sleep};
use super::slot::{Address, Generation, Slot};
use super::state::{EnvironmentState, Slept};
use super::switch::{self, Rules, Switch};

/// One environment under operation.
#[derive(Debug)]
pub struct Environment {
    switch: Switch,
    pause: Pause,
    sleep: Sleep,
    deployments: Deployments,
    /// The reload that holds it.
    reload: Option<Holder>,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// To the switch, or what it hears of.
    Switch(switch::Input),
    /// To the pause, or what it hears of.
    Pause(pause::Input),
    /// To the sleep, or what it hears of.
    Sleep(sleep::Input),
    /// To the deployments, or what they hear of.
    Deploy(deployment::Input),
    /// `Environment::wake` has come.
    Tick,
    /// The process ends.
    Stop,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Effect {
    /// For the switch.
    Switch(switch::Effect),
    /// For the pause.
    Pause(pause::Effect),
    /// For the sleep.
    Sleep(sleep::Effect),
    /// For the deployments.
    Deploy(deployment::Effect),
}

impl Environment {
    /// Nobody holds it, and nothing is held.
    #[must_use]
    pub fn new(rules: Rules, state: EnvironmentState) -> Self {
        Self {
            pause: Pause::new(rules.name.clone()),
            sleep: Sleep::new(
                rules.name.clone(),
                None,
                sleep::Times::USUAL,
                Slept::default(),
                Duration::ZERO,
            ),
            switch: Switch::new(rules, state),
            deployments: Deployments::default(),
            reload: None,
        }
    }

    /// It may sleep.
    #[must_use]
    pub fn sleeping(mut self, rules: Option<sleep::Rules>, times: sleep::Times, slept: Slept, now: Duration) -> Self {
        self.sleep = Sleep::new(self.rules().name.clone(), rules, times, slept, now);
        self
    }

    /// Takes what happened, and says what has to be done.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        if let Some(refused) = self.refused(&input) {
            return vec![refused];
        }
        let mut effects = Vec::new();
        self.drop_the_gate(&input, now, &mut effects);
        match input {
            Input::Switch(input) => {
                if let Some(activation) = left_by_a_pause(&input) {
                    self.pause(pause::Input::Drained { activation }, now, &mut effects);
                    self.sleep(sleep::Input::Drained { activation }, now, &mut effects);
                }
                self.switch(input, now, &mut effects);
            }
            Input::Pause(input) => self.pause(input, now, &mut effects),
            Input::Sleep(input) => self.sleep(input, now, &mut effects),
            Input::Deploy(input) => self.deploy(input, now, &mut effects),
            Input::Tick => {
                self.switch(switch::Input::Tick, now, &mut effects);
                self.pause(pause::Input::Tick, now, &mut effects);
            }
            Input::Stop => {
                self.switch(switch::Input::Stop, now, &mut effects);
                self.pause(pause::Input::Stop, now, &mut effects);
                self.sleep(sleep::Input::Stop, now, &mut effects);
                self.deploy(deployment::Input::Stop, now, &mut effects);
            }
        }
        self.drop_an_unwanted_gate(now, &mut effects);
        if !self.deployments.is_idle() {
            // Who waits may be next, whatever it was that happened.
            self.deploy(deployment::Input::Tick, now, &mut effects);
        }
        // Whatever it was that happened may have let go of the environment.
        self.sleep(sleep::Input::Tick, now, &mut effects);
        effects
    }

    /// When [`Input::Tick`] is due next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        let all = [
            self.switch.wake(),
            self.pause.wake(),
            self.sleep.wake(),
            self.deployments.wake(),
        ];
        all.into_iter().flatten().min()
    }

    /// Who holds the environment.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        let switch = self.switch.holder();
        let other = switch.as_ref().filter(|it| !self.deployments.has_swap(it.operation));
        let aside = self.aside().or_else(|| other.cloned());
        aside.or_else(|| self.deployments.holder(switch.as_ref())).or(switch)
    }

    /// The operation that its switch is at.
    #[must_use]
    pub fn switching(&self) -> Option<Holder> {
        self.switch.holder()
    }

    /// The deployments: which one holds it, and which wait.
    #[must_use]
    pub fn deployments(&self) -> &Deployments {
        &self.deployments
    }

    /// Everywhere that a slot may run.
    #[must_use]
    pub fn addresses(&self, slot: Slot) -> Vec<Address> {
        self.scene().addresses(slot)
    }

    /// Whether new requests are held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.is_on()
    }

    /// Whether only those that write are held (N35).
    #[must_use]
    pub fn is_paused_for_writes(&self) -> bool {
        self.pause.is_of_writes()
    }

    /// What new requests come upon.
    #[must_use]
    pub fn sleep_stance(&self) -> sleep::Stance {
        self.sleep.stance()
    }

    /// How it sleeps; `None` where it may not.
    #[must_use]
    pub fn sleep_status(&self, now: Duration) -> Option<SleepStatus> {
        self.sleep.status(now)
    }

    /// Why an operation that needs its app is refused, and what helps: it is asleep.
    #[must_use]
    pub fn asleep(&self) -> Option<(String, String)> {
        let since = self.sleep.asleep_since()?;
        let name = &self.rules().name;
        Some((
            format!("`{name}` sleeps since {since}, and its app does not run"),
            format!("`proxyctl wake {name}` starts it"),
        ))
    }

    /// What is published.
    #[must_use]
    pub fn state(&self) -> &EnvironmentState {
        self.switch.state()
    }

    /// What its switch has to know of it.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        self.switch.rules()
    }

    /// Whether nobody holds it, and nobody waits for anything any more.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.holder().is_none() && self.switch.is_idle() && self.deployments.is_idle()
    }

    /// A reload takes it, until [`Environment::free`]. Not while something else holds it.
    pub fn take(&mut self, reload: Holder) {
        debug_assert!(self.holder().is_none(), "an operation holds the environment");
        self.reload = Some(reload);
    }

    /// The reload with this number is over.
    pub fn free(&mut self, operation: u64) {
        self.reload.take_if(|holder| holder.operation == operation);
    }

    /// From now on other rules hold, and this is what is published: a reload.
    pub fn reconfigure(&mut self, rules: Rules, state: EnvironmentState) {
        self.switch.reconfigure(rules, state);
    }

    /// These sides were replaced, see [`Switch::leave`].
    pub fn leave<'s>(&mut self, left: Generation, sides: impl Iterator<Item = (usize, &'s Side)>) {
        self.switch.leave(left, sides);
    }

    fn switch(&mut self, input: switch::Input, now: Moment, effects: &mut Vec<Effect>) {
        for effect in self.switch.handle(input, now) {
            if let switch::Effect::Tell { operation, event } = &effect {
                self.deployments.hear(*operation, event);
            }
            effects.push(Effect::Switch(effect));
        }
    }

    fn pause(&mut self, input: pause::Input, now: Moment, effects: &mut Vec<Effect>) {
        effects.extend(self.pause.handle(input, now).into_iter().map(Effect::Pause));
    }

    fn sleep(&mut self, input: sleep::Input, now: Moment, effects: &mut Vec<Effect>) {
        let switch = self.switch.holder();
        let other = self.reload.is_some() || self.pause.is_on() || switch.is_some();
        let taken = other || self.deployments.holder(switch.as_ref()).is_some();
        let all = self.sleep.handle(input, taken, now);
        effects.extend(all.into_iter().map(Effect::Sleep));
    }

    fn deploy(&mut self, input: deployment::Input, now: Moment, effects: &mut Vec<Effect>) {
        let (aside, switch) = (self.aside(), &self.switch);
        let scene = scene(switch, aside);
        let all = self.deployments.handle(input, &scene, now);
        effects.extend(all.into_iter().map(Effect::Deploy));
    }

    /// What holds it beside its switch and its deployments.
    fn aside(&self) -> Option<Holder> {
        let pause = || self.pause.holder();
        self.reload.clone().or_else(pause).or_else(|| self.sleep.holder())
    }

    fn scene(&self) -> Scene<'_> {
        scene(&self.switch, self.aside())
    }

    /// A deployment that goes on to start or stop a side does not want to hear of its gate any more.
    fn drop_the_gate(&mut self, input: &Input, now: Moment, effects: &mut Vec<Effect>) {
        if let Input::Deploy(deployment::Input::Step { request, .. }) = input
            && let Step::Begun(begun) = &request.step
            && begun.step.touches_a_side()
            && let Some(operation) = self.switch.gate_only()
            && self.deployments.has(request.operation)
        {
            self.switch(switch::Input::GateUnwanted { operation }, now, effects);
        }
    }

    /// A gate that was asked for by a deployment ends with it.
    fn drop_an_unwanted_gate(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if let Some(operation) = self.switch.gate_only()
            && !self.deployments.has_swap(operation)
        {
            self.switch(switch::Input::GateUnwanted { operation }, now, effects);
        }
    }

    /// The answer to who asks for what another holds. Each machine knows best what to say of itself.
    fn refused(&mut self, input: &Input) -> Option<Effect> {
        let reload = self.reload.clone();
        match input {
            Input::Switch(switch::Input::Ask {
                operation,
                request,
                user,
                ..
            }) => {
                let event = match self.aside() {
                    Some(holder) => self.refusal(&holder),
                    None => {
                        let scene = scene(&self.switch, None);
                        let problem = self.deployments.admit(*operation, request, user, &scene).err()?;
                        deployment::refused(problem)
                    }
                };
                let operation = *operation;
                Some(Effect::Switch(switch::Effect::Tell { operation, event }))
            }
            Input::Pause(pause::Input::Ask { operation, .. }) => {
                // A pause knows best what to say of itself.
                let held = reload.or_else(|| self.holder().filter(|_| !self.pause.is_on()));
                let (operation, event) = (*operation, held.map(|holder| self.refusal(&holder)));
                let event = event.or_else(|| self.asleep().map(sleeps))?;
                Some(Effect::Pause(pause::Effect::Tell { operation, event }))
            }
            Input::Sleep(sleep::Input::Ask { operation, .. }) => {
                // So does a sleep.
                let holder = self.holder().filter(|_| self.sleep.holder().is_none())?;
                let (operation, event) = (*operation, self.refusal(&holder));
                Some(Effect::Sleep(sleep::Effect::Tell { operation, event }))
            }
            Input::Switch(_) | Input::Pause(_) | Input::Sleep(_) | Input::Deploy(_) | Input::Tick | Input::Stop => None,
        }
    }

    fn refusal(&self, holder: &Holder) -> Event {
        let name = &self.switch.rules().name;
        Event::Common(CommonStep::Refused {
            code: exit::BUSY,
            reason: holder.refusal(name),
            evidence: Vec::new(),
            hint: Some(holder.hint(name)),
            live: None,
            health: Vec::new(),
        })
    }
}

fn sleeps((reason, hint): (String, String)) -> Event {
    Event::Common(CommonStep::Refused {
        code: exit::REFUSED,
        reason,
        evidence: Vec::new(),
        hint: Some(hint),
        live: None,
        health: Vec::new(),
    })
}

fn scene(switch: &Switch, aside: Option<Holder>) -> Scene<'_> {
    Scene {
        rules: switch.rules(),
        state: switch.state(),
        aside,
        switch: switch.holder(),
        baking: switch.is_baking(),
        draining: switch.draining_slots(),
    }
}

/// The number of an activation that a pause closed, when that has drained.
fn left_by_a_pause(input: &switch::Input) -> Option<usize> {
    match input {
        switch::Input::Drained { left, service, .. } if *left == Generation::default() => Some(*service),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
