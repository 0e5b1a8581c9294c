//! Carries out what `model::reload` says: reads the file, asks instances, saves, publishes.

use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use crate::config::{self, Server, Severity};
use crate::control::evidence::gating;
use crate::control::served::Loaded;
use crate::control::switcher::message::{File, Message};
use crate::control::switcher::owner::Owner;
use crate::control::switcher::plan::Plan;
use crate::control::switcher::saves::Save;
use crate::model::api::{Event, Holder};
use crate::model::reload::{Effect, Findings, Input, Reading, Reload};

impl Owner {
    /// Something happened that the reload hears of.
    pub(in crate::control::switcher) fn go_on_with_reload(&mut self, input: Input) {
        for effect in self.reload.machine.handle(input, self.moment()) {
            self.carry_out(effect);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Tell { operation, event } => self.notices.tell(None, operation, event),
            Effect::Refuse { operation, event } => self.notices.refuse(operation, &event),
            Effect::Read => self.read_file(None),
            Effect::Take { environments, holder } => {
                for environment in self.environments.iter_mut().filter(|it| !it.gone) {
                    if environments.iter().any(|name| **name == *environment.name) {
                        environment.machines.take(holder.clone());
                    }
                }
            }
            Effect::Free { operation } => {
                self.reload.plan = None;
                for environment in &mut self.environments {
                    environment.machines.free(operation);
                }
                self.let_the_next_deploy();
            }
            Effect::Gate => self.gate_reload(),
            Effect::Certify => {
                let served = self.current.load_full();
                let configurations = self.reload.plan.iter().map(|plan| &plan.loaded.config);
                // The hosts of the file first: where the two differ over a host, the first one is right.
                let configurations: Vec<_> = configurations.chain([&*served.config]).collect();
                let result = self.surroundings.hosts.serve(&configurations).map(drop);
                self.errands.reply().send(Message::Reload(Input::Certified(result)));
            }
            Effect::Decertify => {
                let served = self.current.load_full();
                if let Err(error) = self.surroundings.hosts.serve(&[&served.config]) {
                    tracing::error!(error, "the certificates of before could not be put back");
                }
            }
            Effect::Persist => {
                let states = self.reload.plan.as_ref().map(|plan| plan.states.clone());
                self.saves.push(Save::Reload(states.unwrap_or_default()));
                self.saves.next(&self.errands);
            }
            Effect::Publish { operation } => {
                if let Some(plan) = self.reload.plan.take() {
                    self.publish_reload(operation, plan);
                }
            }
            Effect::Adopt => {
                if let Some(Plan { loaded, diff, .. }) = self.reload.plan.take() {
                    self.current.store(Arc::new(loaded.serve(diff.restart)));
                }
            }
        }
    }

    /// Reads the file; a dry run is shown to `dry` alone.
    pub(in crate::control::switcher) fn read_file(&self, dry: Option<UnboundedSender<Event>>) {
        let file = self.current.load().config.file.clone();
        let reply = self.errands.reply();
        self.errands.run("reload", async move {
            let file = match tokio::task::spawn_blocking(move || Loaded::read_again(&file)).await {
                Ok(Ok(loaded)) => File::Valid(Box::new(loaded)),
                Ok(Err(error)) => File::Invalid(error),
                Err(error) => File::Broken(error.to_string()),
            };
            let file = Box::new(file);
            reply.send(Message::Loaded { dry, file });
        });
    }

    /// The file was read.
    pub(in crate::control::switcher) fn loaded(&mut self, dry: Option<UnboundedSender<Event>>, file: File) {
        let (reading, plan) = match file {
            File::Valid(loaded) => {
                let (plan, findings) = self.findings(*loaded);
                (Reading::Valid(Box::new(findings)), Some(plan))
            }
            File::Invalid(error) => {
                let errors = error.diagnostics.iter().filter(|one| one.severity != Severity::Warning);
                let (errors, report) = (errors.count(), error.render(false));
                (Reading::Invalid { report, errors }, None)
            }
            File::Broken(error) => (Reading::Broken(error), None),
        };
        if let Some(stream) = dry {
            for event in Reload::preview(reading) {
                // Who watched may have left.
                let _ = stream.send(event);
            }
            return;
        }
        self.reload.plan = plan;
        self.go_on_with_reload(Input::Read(reading));
    }

    /// What differs, and what would come of it.
    fn findings(&self, mut loaded: Loaded) -> (Plan, Findings) {
        let served = self.current.load_full();
        loaded.config = config::adopt(&served.config, loaded.config);
        let diff = config::diff(&served.config, &loaded.config);
        // What the process listens on and works with stays what it is, and is compared with the file again next time.
        loaded.config.server = Server {
            metrics: loaded.config.server.metrics,
            dashboard: loaded.config.server.dashboard,
            dashboard_users: loaded.config.server.dashboard_users,
            ..served.config.server.clone()
        };
        let warnings = loaded.diagnostics.iter().map(ToString::to_string).collect();
        let known = |name: &str| self.environments.iter().any(|it| *it.name == *name);
        let (saved, before) = (self.saves.state(), self.publisher.snapshot());
        // Bound here, where it can be refused; what is not published is closed with the plan.
        let (opening, impossible) = match self.surroundings.sites.prepare(&loaded.config.server) {
            Ok(opening) => (Some(opening), None),
            Err(reason) => (None, Some(reason)),
        };
        let mut plan = Plan::new(loaded, diff, saved, &before, known, &self.moment().written());
        plan.opening = opening;
        let findings = Findings {
            changes: plan.diff.changes.clone(),
            restart: plan.diff.restart.iter().map(|key| (*key).to_owned()).collect(),
            warnings,
            environments: plan.diff.environments.iter().map(|name| name.to_string()).collect(),
            held: self.held(&plan),
            impossible,
            overtaken: plan.overtaken.clone(),
            must_gate: !plan.candidates.is_empty(),
            must_certify: plan.diff.certificates,
            must_save: plan.must_save(saved),
        };
        (plan, findings)
    }

    /// One of the environments that are concerned, and who holds it.
    fn held(&self, plan: &Plan) -> Option<(String, Holder)> {
        let mut concerned = self
            .environments
            .iter()
            .filter(|it| plan.diff.environments.contains(&it.name));
        concerned.find_map(|it| Some((it.name.to_string(), it.machines.holder()?)))
    }

    fn gate_reload(&self) {
        let candidates = self.reload.plan.as_ref().map(|plan| plan.candidates.clone());
        let candidates = candidates.unwrap_or_default();
        let longest = candidates.iter().map(|it| it.service.health.deadline).max();
        let patience = longest.unwrap_or_default();
        let reply = self.errands.reply();
        self.errands.run("reload's gate", async move {
            let began = Instant::now();
            let result = gating::pass(&candidates, patience, |instances, elapsed| {
                reply.send(Message::Reload(Input::Gating { instances, elapsed }));
            });
            let (result, elapsed) = (result.await, began.elapsed());
            reply.send(Message::Reload(Input::Gated { result, elapsed }));
        });
    }
}
