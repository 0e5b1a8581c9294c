//! One environment under operation: its switch, its pause, and the reload that is about to change it. At most one of them holds the
//! environment (N5); who comes second is refused at once, and told who was first.

use std::time::Duration;

use super::api::{CommonStep, Event, Holder, Side, exit};
use super::clock::Moment;
use super::pause::{self, Pause};
use super::slot::Generation;
use super::state::EnvironmentState;
use super::switch::{self, Rules, Switch};

/// One environment under operation.
#[derive(Debug)]
pub struct Environment {
    switch: Switch,
    pause: Pause,
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
}

impl Environment {
    /// Nobody holds it, and nothing is held.
    #[must_use]
    pub fn new(rules: Rules, state: EnvironmentState) -> Self {
        Self {
            pause: Pause::new(rules.name.clone()),
            switch: Switch::new(rules, state),
            reload: None,
        }
    }

    /// Takes what happened, and says what has to be done.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        if let Some(refused) = self.refused(&input) {
            return vec![refused];
        }
        let mut effects = Vec::new();
        match input {
            Input::Switch(input) => {
                if let Some(activation) = left_by_a_pause(&input) {
                    self.pause(pause::Input::Drained { activation }, now, &mut effects);
                }
                self.switch(input, now, &mut effects);
            }
            Input::Pause(input) => self.pause(input, now, &mut effects),
            Input::Tick => {
                self.switch(switch::Input::Tick, now, &mut effects);
                self.pause(pause::Input::Tick, now, &mut effects);
            }
            Input::Stop => {
                self.switch(switch::Input::Stop, now, &mut effects);
                self.pause(pause::Input::Stop, now, &mut effects);
            }
        }
        effects
    }

    /// When [`Input::Tick`] is due next.
    #[must_use]
    pub fn wake(&self) -> Option<Duration> {
        [self.switch.wake(), self.pause.wake()].into_iter().flatten().min()
    }

    /// Who holds the environment.
    #[must_use]
    pub fn holder(&self) -> Option<Holder> {
        let reload = self.reload.clone();
        reload.or_else(|| self.pause.holder()).or_else(|| self.switch.holder())
    }

    /// Whether new requests are held.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.pause.is_on()
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
        self.holder().is_none() && self.switch.is_idle()
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
        effects.extend(self.switch.handle(input, now).into_iter().map(Effect::Switch));
    }

    fn pause(&mut self, input: pause::Input, now: Moment, effects: &mut Vec<Effect>) {
        effects.extend(self.pause.handle(input, now).into_iter().map(Effect::Pause));
    }

    /// The answer to who asks for what another holds. Each machine knows best what to say of itself.
    fn refused(&self, input: &Input) -> Option<Effect> {
        let reload = self.reload.clone();
        match input {
            Input::Switch(switch::Input::Ask { operation, .. }) => {
                let holder = reload.or_else(|| self.pause.holder())?;
                let (operation, event) = (*operation, self.refusal(&holder));
                Some(Effect::Switch(switch::Effect::Tell { operation, event }))
            }
            Input::Pause(pause::Input::Ask { operation, .. }) => {
                let holder = reload.or_else(|| self.switch.holder())?;
                let (operation, event) = (*operation, self.refusal(&holder));
                Some(Effect::Pause(pause::Effect::Tell { operation, event }))
            }
            Input::Switch(_) | Input::Pause(_) | Input::Tick | Input::Stop => None,
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
        })
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
mod tests {
    use super::*;
    use crate::model::api::{Action, Kind, OperationRequest, PauseRequest};
    use crate::model::switch::{Ended, Service};

    struct Scene {
        environment: Environment,
        done: Vec<Effect>,
    }

    impl Scene {
        fn new() -> Self {
            let service = Service {
                name: "web".into(),
                blue: vec!["3000".parse().unwrap()],
                green: vec!["3010".parse().unwrap()],
                health_path: "/health".into(),
                names_version: false,
                passes: 3,
                interval: Duration::from_millis(500),
                timeout: Duration::from_secs(5),
                deadline: Duration::from_secs(60),
                warms: false,
                bake: None,
            };
            let rules = Rules {
                name: "prod".into(),
                protected: false,
                services: vec![service],
                fixed: Vec::new(),
            };
            Self {
                environment: Environment::new(rules, EnvironmentState::first(String::new())),
                done: Vec::new(),
            }
        }

        fn input(&mut self, input: Input) {
            let now = Moment {
                at: Duration::ZERO,
                wall: jiff::Timestamp::UNIX_EPOCH,
            };
            self.done = self.environment.handle(input, now);
        }

        fn swap(&mut self, operation: u64) {
            let request = OperationRequest::new("prod", Kind::Swap);
            self.input(Input::Switch(switch::Input::Ask {
                operation,
                request,
                user: "ci".into(),
                warnings: Vec::new(),
            }));
        }

        fn pause(&mut self, operation: u64) {
            let request = PauseRequest {
                environment: "prod".into(),
                timeout_ms: 30_000,
                attached: false,
            };
            let user = "ci".into();
            self.input(Input::Pause(pause::Input::Ask {
                operation,
                request,
                user,
            }));
        }

        fn reload(&mut self, operation: u64) {
            self.environment.take(Holder {
                operation,
                kind: Action::Reload,
                user: "ci".into(),
                since: String::new(),
                step: "gate".into(),
            });
        }

        /// Why it was refused; `None` when it has begun.
        fn refused(&self) -> Option<&str> {
            let event = match self.done.first()? {
                Effect::Switch(switch::Effect::Tell { event, .. })
                | Effect::Pause(pause::Effect::Tell { event, .. }) => event,
                other => panic!("{other:?}"),
            };
            match event {
                Event::Common(CommonStep::Refused { code, reason, .. }) => {
                    assert_eq!((*code, self.done.len()), (exit::BUSY, 1));
                    Some(reason)
                }
                _ => None,
            }
        }
    }

    #[test]
    fn n5_whatever_holds_the_environment_refuses_the_others_and_is_named() {
        let begin: [fn(&mut Scene, u64); 3] = [Scene::swap, Scene::pause, Scene::reload];
        for (first, name) in begin.into_iter().zip(["swap 1", "pause 1", "reload 1"]) {
            for second in [Scene::swap, Scene::pause] {
                let mut scene = Scene::new();
                first(&mut scene, 1);
                assert_eq!(scene.environment.holder().unwrap().operation, 1);
                second(&mut scene, 2);
                let reason = scene.refused().unwrap();
                assert!(reason.contains(name), "{reason}");
                assert_eq!(scene.environment.holder().unwrap().operation, 1);
            }
        }
    }

    #[test]
    fn what_is_over_holds_nothing() {
        let mut scene = Scene::new();
        scene.reload(1);
        scene.environment.free(2);
        assert!(!scene.environment.is_idle(), "another reload has no say");
        scene.environment.free(1);
        assert!(scene.environment.is_idle());
        scene.pause(2);
        assert_eq!(scene.refused(), None);
        assert!(scene.environment.is_paused());
    }

    #[test]
    fn n13_a_pause_hears_of_what_it_closed_and_not_of_what_a_swap_left() {
        let mut scene = Scene::new();
        scene.pause(1);
        scene.input(Input::Pause(pause::Input::Closed { leaving: vec![1] }));
        for (left, step) in [(Generation(1), "drain"), (Generation::default(), "paused")] {
            scene.input(Input::Switch(switch::Input::Drained {
                left,
                service: 1,
                ended: Ended::default(),
                served: crate::model::api::Traffic::default(),
            }));
            assert_eq!(scene.environment.holder().unwrap().step, step);
        }
    }

    #[test]
    fn a_stop_ends_a_pause_and_begins_nothing() {
        let mut scene = Scene::new();
        scene.pause(1);
        scene.input(Input::Stop);
        assert!(scene.environment.is_idle());
        scene.swap(2);
        assert_eq!(scene.refused(), Some("the proxy is stopping"));
        scene.pause(3);
        assert_eq!(scene.refused(), Some("the proxy is stopping"));
    }
}
