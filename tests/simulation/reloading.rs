//! Reloads: files that are broken, say the same, or say something new; and what a reload promised (N29).

use std::time::Duration;

use greengate::model::api::{Change, ChangeKind, CommonStep, Event, ReloadStep, Side};
use greengate::model::environment;
use greengate::model::reload::{Effect, Findings, Input, Reading};
use greengate::model::state::{Durability, EnvironmentState};
use greengate::model::switch::Rules;

use super::checks::Promise;
use super::{Happening, World, at};

/// What comes next in a reload.
pub(super) enum NextFile {
    Input(Input),
    /// The file is read.
    Read,
    /// The disk has done its work, or not.
    Written(Result<Durability, String>),
}

/// What is known of the reload that is under way.
#[derive(Default)]
pub(super) struct Reloading {
    /// The reload that holds the environment.
    pub(super) taken: Option<u64>,
    /// What it is going to publish: rules and state of the environment, if that is concerned.
    plan: Option<(Rules, EnvironmentState)>,
    findings: Findings,
    gated: bool,
    certified: bool,
    saved: bool,
    published: u32,
}

impl World {
    pub(super) fn ask_reload(&mut self) {
        self.operations += 1;
        let operation = self.operations;
        self.promises.insert(operation, Promise::default());
        let user = "ci".into();
        self.reload_hears(Input::Ask { operation, user });
        if self.reload.operation() == Some(operation) {
            self.reloading = Reloading::default();
            self.soon_reload(100, NextFile::Input(Input::Numbered { operation }));
        }
    }

    pub(super) fn reload_goes_on(&mut self, next: NextFile) {
        match next {
            NextFile::Input(input) => {
                if let Input::Certified(Ok(())) = &input {
                    self.reloading.certified = true;
                }
                self.reload_hears(input);
            }
            NextFile::Read => {
                let reading = self.read();
                self.reload_hears(Input::Read(reading));
            }
            NextFile::Written(result) => {
                if result.is_ok()
                    && let Some((_, state)) = &self.reloading.plan
                {
                    self.disk = state.clone();
                }
                self.reloading.saved = result.is_ok();
                // Between the save and the snapshot, memory and disk differ.
                let concerned = self.reloading.plan.is_some();
                self.ahead |= concerned;
                if self.rng.u8(0..20) == 0 {
                    return self.crash();
                }
                self.reload_hears(Input::Persisted(result));
                self.ahead &= !concerned;
            }
        }
    }

    /// The file of the next life: what was saved belongs to what was read.
    pub(super) fn rules_after_a_crash(&self) -> Rules {
        match &self.reloading.plan {
            Some((rules, _)) if self.reloading.saved => rules.clone(),
            _ => self.environment.rules().clone(),
        }
    }

    fn reload_hears(&mut self, input: Input) {
        for effect in self.reload.handle(input, self.moment()) {
            self.carry_out_reload(effect);
        }
    }

    fn carry_out_reload(&mut self, effect: Effect) {
        match effect {
            Effect::Tell { operation, event } => self.told_of_reload(operation, &event),
            Effect::Refuse { operation, .. } => {
                assert_ne!(self.reload.operation(), Some(operation));
                self.promises.get_mut(&operation).expect("told to nobody").answers += 1;
                self.tally.busy += 1;
            }
            Effect::Read => self.soon_reload(100, NextFile::Read),
            Effect::Take { environments, holder } => {
                if environments.iter().any(|name| name == "prod") {
                    self.is_alone();
                    assert_eq!(self.moving, None, "two operations at once");
                    self.reloading.taken = Some(holder.operation);
                    self.environment.take(holder);
                }
            }
            Effect::Free { operation } => {
                self.environment.free(operation);
                self.reloading = Reloading::default();
                self.handle(environment::Input::Tick);
            }
            Effect::Gate => {
                let elapsed = Duration::from_millis(self.rng.u64(0..4000));
                let well = self.rng.u8(0..4) > 0;
                let result = if well { Ok(Vec::new()) } else { Err(Vec::new()) };
                self.soon_reload(4000, NextFile::Input(Input::Gated { result, elapsed }));
            }
            Effect::Certify => {
                let refused = self.rng.u8(0..8) == 0;
                let result = if refused { Err("no key".into()) } else { Ok(()) };
                self.soon_reload(5, NextFile::Input(Input::Certified(result)));
            }
            Effect::Decertify => self.reloading.certified = false,
            Effect::Persist => {
                let result = match self.rng.u8(0..8) {
                    0 => Err("no space left on device".into()),
                    1 => Ok(Durability::Uncertain("the folder".into())),
                    _ => Ok(Durability::Durable),
                };
                self.soon_reload(100, NextFile::Written(result));
            }
            Effect::Publish { .. } => self.publish_reload(),
            Effect::Adopt => assert!(self.reloading.findings.changes.is_empty()),
        }
    }

    /// One snapshot: what is equal stays, what differs gets a new live period.
    fn publish_reload(&mut self) {
        let Reloading { findings, .. } = &self.reloading;
        assert!(!findings.must_gate || self.reloading.gated, "published without a gate");
        assert!(
            !findings.must_certify || self.reloading.certified,
            "published without certificates"
        );
        assert!(!findings.must_save || self.reloading.saved, "published, not saved");
        self.reloading.published += 1;
        let Some((rules, state)) = self.reloading.plan.clone() else {
            return;
        };
        let sides: Vec<_> = rules
            .services
            .iter()
            .map(|service| Side {
                slot: state.live,
                addresses: state.addresses(&service.name, state.live, service.file(state.live)),
            })
            .collect();
        let generation = state.generation;
        self.environment.reconfigure(rules, state);
        for (service, side) in sides.into_iter().enumerate() {
            let live = self.plane.live(service);
            let before = Side {
                slot: live.slot,
                addresses: live.addresses.clone(),
            };
            if before != side {
                self.plane.replace(service, generation, side, self.now);
                self.environment.leave(generation, std::iter::once((service, &before)));
            }
        }
    }

    fn told_of_reload(&mut self, operation: u64, event: &Event) {
        let promise = self.promises.get_mut(&operation).expect("told to nobody");
        assert_eq!(promise.answers, 0, "told after the answer: {event:?}");
        if let Event::Common(CommonStep::Gated { .. }) = event {
            self.reloading.gated = true;
        }
        if event.exit_code().is_none() {
            return;
        }
        promise.answers += 1;
        let due = match event {
            Event::Reload(ReloadStep::Reloaded { changes, .. }) => u32::from(*changes > 0),
            _ => 0,
        };
        let published = self.reloading.published;
        assert_eq!(published, due, "{published} snapshots were published: {event:?}");
        match event {
            Event::Reload(ReloadStep::Reloaded { .. }) => self.tally.reloaded += 1,
            _ => self.tally.not_reloaded += 1,
        }
    }

    /// What stands in the file now.
    fn read(&mut self) -> Reading {
        match self.rng.u8(0..10) {
            0 => {
                let report = "line 3: no".into();
                return Reading::Invalid { report, errors: 1 };
            }
            1 => return Reading::Broken("permission denied".into()),
            2 => return Reading::Valid(Box::default()),
            _ => {}
        }
        let change = Change {
            section: "prod".into(),
            name: None,
            kind: ChangeKind::Changed,
            values: Vec::new(),
        };
        let mut findings = Findings {
            changes: vec![change],
            environments: vec!["dev".into()],
            must_certify: self.rng.bool(),
            ..Findings::default()
        };
        if self.rng.u8(0..4) > 0 {
            findings.environments.push("prod".into());
            findings.held = self.environment.holder().map(|holder| ("prod".into(), holder));
            self.reloading.plan = Some(self.next_rules(&mut findings));
        }
        self.reloading.findings = findings.clone();
        Reading::Valid(Box::new(findings))
    }

    /// Another gate; and half of the time, another address for the live side.
    fn next_rules(&mut self, findings: &mut Findings) -> (Rules, EnvironmentState) {
        let (mut rules, mut state) = (self.environment.rules().clone(), self.environment.state().clone());
        rules.services[0].deadline = Duration::from_secs(self.rng.u64(5..15));
        if self.rng.bool() {
            let blue = [vec![at(3000), at(3001)], vec![at(3002)]];
            rules.services[0].blue = blue[self.rng.usize(0..2)].clone();
            let services = &rules.services;
            state.reconcile(|name, slot| Some(services.iter().find(|it| it.name == name)?.file(slot)));
        }
        let addresses = |rules: &Rules, state: &EnvironmentState| {
            let web = &rules.services[0];
            state.addresses(&web.name, state.live, web.file(state.live))
        };
        let before = addresses(self.environment.rules(), self.environment.state());
        if addresses(&rules, &state) != before {
            state.generation = state.generation.next();
            findings.must_gate = true;
        }
        findings.must_save = state != self.disk;
        (rules, state)
    }

    fn soon_reload(&mut self, within: u64, next: NextFile) {
        self.soon(within, Happening::Reload(self.life, Box::new(next)));
    }
}
