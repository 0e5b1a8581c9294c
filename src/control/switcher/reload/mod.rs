//! A reload is a diff (N29): it publishes one new snapshot, or nothing.
//!
//! read → diff → lock what is concerned → gate new live addresses → certificates for new hosts → save → publish. Until the last
//! step everything is as it was. What stays keeps its activation, and a service that is equal keeps its place in memory too, so
//! that no connection and no WebSocket notices.

mod plan;
mod publish;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

pub(super) use self::plan::Plan;
pub(super) use self::publish::side;
use super::{Message, Owner};
use crate::config::{self, Diff, LoadError, Service, Severity};
use crate::control::evidence::gating::{self};
use crate::control::ports::Durability;
use crate::control::served::Loaded;
use crate::model::api::{Action, CommonStep, Event, GateReport, Holder, Progress, ReloadStep, exit, millis};
use crate::model::drain::Limits;
use crate::model::history::{Caller, Record};

/// The reload that is under way.
pub(super) struct Reloading {
    operation: u64,
    user: String,
    since: String,
    stream: UnboundedSender<Event>,
}

/// What became of the file.
#[derive(Debug)]
pub(super) enum Reading {
    Done(Box<Loaded>),
    Invalid(LoadError),
    Broken(String),
}

impl Owner {
    /// Takes the lock; the file is read when the operation's number is saved. `None` when another reload is under way.
    pub(super) fn lock_reload(&mut self, operation: u64, caller: &Caller, stream: &UnboundedSender<Event>) -> bool {
        if let Some(other) = &self.reloading {
            let refused = Event::Common(CommonStep::Refused {
                code: exit::BUSY,
                reason: format!(
                    "reload {} by {} is under way since {}",
                    other.operation, other.user, other.since
                ),
                evidence: Vec::new(),
                hint: None,
                live: None,
            });
            let _ = stream.send(refused);
            return false;
        }
        self.reloading = Some(Reloading {
            operation,
            user: caller.user.clone(),
            since: self.moment().written(),
            stream: stream.clone(),
        });
        true
    }

    /// Reads the file; `dry` is whom a dry run is shown to.
    pub(super) fn read_file(&self, dry: Option<UnboundedSender<Event>>) {
        let file = self.current.load().config.file.clone();
        let mailbox = self.mailbox.clone();
        self.tasks.spawn_local("reload", async move {
            let reading = match tokio::task::spawn_blocking(move || Loaded::read(&file)).await {
                Ok(Ok(loaded)) => Reading::Done(Box::new(loaded)),
                Ok(Err(error)) => Reading::Invalid(error),
                Err(error) => Reading::Broken(error.to_string()),
            };
            let reading = Box::new(reading);
            let _ = mailbox.send(Message::Loaded { dry, reading });
        });
    }

    /// The file was read.
    pub(super) fn loaded(&mut self, dry: Option<&UnboundedSender<Event>>, reading: Reading) {
        let mut loaded = match reading {
            Reading::Done(loaded) => *loaded,
            Reading::Invalid(error) => {
                let errors = error.diagnostics.iter().filter(|one| one.severity == Severity::Error);
                let invalid = Event::Reload(ReloadStep::Invalid {
                    errors: errors.count(),
                    report: error.render(false),
                });
                return self.tell_reload(dry, invalid);
            }
            Reading::Broken(error) => {
                let reason = format!("the file could not be read: {error}");
                return self.tell_reload(dry, Event::Common(CommonStep::Failed { reason, live: None }));
            }
        };
        let served = self.current.load_full();
        loaded.config = config::adopt(&served.config, loaded.config);
        let diff = config::diff(&served.config, &loaded.config);
        // What the process listens on and works with stays what it is, and is compared with the file again next time.
        loaded.config.server = served.config.server.clone();
        let reloading = Event::Reload(ReloadStep::Reloading {
            operation: self.reloading.as_ref().filter(|_| dry.is_none()).map(|it| it.operation),
            changes: diff.changes.clone(),
            restart: diff.restart.iter().map(|key| (*key).to_owned()).collect(),
        });
        self.tell_reload(dry, reloading);
        for diagnostic in &loaded.diagnostics {
            let message = diagnostic.to_string();
            self.tell_reload(dry, Event::Common(CommonStep::Warning { message }));
        }
        if let Some(refused) = self.refusal(&diff) {
            return self.tell_reload(dry, refused);
        }
        if dry.is_some() {
            return self.tell_reload(dry, Event::Common(CommonStep::Planned));
        }
        if diff.changes.is_empty() {
            self.current.store(Arc::new(loaded.serve(diff.restart)));
            return self.tell_reload(None, reloaded(0, false));
        }
        self.lock_concerned(&diff);
        let (plan, candidates) = self.plan(loaded, diff);
        if candidates.is_empty() {
            return self.save_reload(plan);
        }
        let longest = candidates.iter().map(|it| it.service.health.deadline).max();
        let patience = longest.unwrap_or_default();
        let mailbox = self.mailbox.clone();
        self.tasks.spawn_local("reload's gate", async move {
            let began = Instant::now();
            let told = mailbox.clone();
            let result = gating::pass(&candidates, patience, move |instances, elapsed| {
                let event = Event::Progress(Progress::Gating {
                    instances,
                    elapsed_ms: millis(elapsed),
                });
                let _ = told.send(Message::ReloadGating { event });
            });
            let result = result.await;
            let plan = Box::new(plan);
            let _ = mailbox.send(Message::ReloadGated {
                plan,
                result,
                elapsed: began.elapsed(),
            });
        });
    }

    /// New live addresses have shown that they are well, or not.
    pub(super) fn reload_gated(
        &mut self,
        plan: Plan,
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        elapsed: Duration,
    ) {
        match result {
            Ok(instances) => {
                let event = Event::Common(CommonStep::Gated {
                    instances,
                    version: None,
                    elapsed_ms: millis(elapsed),
                });
                self.tell_reload(None, event);
                self.save_reload(plan);
            }
            Err(evidence) => {
                let refused = Event::Common(CommonStep::Refused {
                    code: exit::REFUSED,
                    reason: gating::verdict(&evidence, elapsed),
                    evidence,
                    hint: Some("start the app at its new address first".into()),
                    live: None,
                });
                self.tell_reload(None, refused);
            }
        }
    }

    /// Certificates first: whoever is routed to has one. The old hosts keep theirs until nobody is routed to them any more.
    fn save_reload(&mut self, plan: Plan) {
        let served = self.current.load_full();
        if plan.diff.certificates
            && let Err(error) = self.hosts.serve(&[&plan.loaded.config, &served.config])
        {
            let refused = Event::Common(CommonStep::Refused {
                code: exit::REFUSED,
                reason: error,
                evidence: Vec::new(),
                hint: None,
                live: None,
            });
            return self.tell_reload(None, refused);
        }
        self.saving.reload(Box::new(plan));
        self.save_next();
    }

    /// The states of its environments are on disk, or not.
    pub(super) fn reload_saved(&mut self, plan: Plan, result: Result<Durability, String>) {
        let doubt = match result {
            Ok(Durability::Durable) => None,
            Ok(Durability::Uncertain(why)) => Some(why),
            Err(error) if plan.must_save => {
                if plan.diff.certificates {
                    let served = self.current.load_full();
                    if let Err(error) = self.hosts.serve(&[&served.config]) {
                        tracing::error!(error, "the certificates of before could not be put back");
                    }
                }
                let reason = format!("the state could not be saved: {error}; nothing was reloaded");
                return self.tell_reload(None, Event::Common(CommonStep::Failed { reason, live: None }));
            }
            // Nothing in it is news.
            Err(_) => None,
        };
        if let Some(why) = &doubt {
            let message = format!("durability uncertain: a power cut may undo the new addresses ({why})");
            self.tell_reload(None, Event::Common(CommonStep::Warning { message }));
        }
        let changes = plan.diff.changes.len();
        self.publish_reload(plan);
        self.tell_reload(None, reloaded(changes, doubt.is_some()));
    }

    /// Nothing of what is concerned may be held by another operation.
    fn refusal(&self, diff: &Diff) -> Option<Event> {
        let mut concerned = self.rooms.iter().filter(|room| diff.environments.contains(&room.name));
        let (room, holder) = concerned.find_map(|room| Some((room, room.holder()?)))?;
        Some(Event::Common(CommonStep::Refused {
            code: exit::BUSY,
            reason: holder.refusal(&room.name),
            evidence: Vec::new(),
            hint: Some(format!(
                "`proxyctl status {}` shows how far it is; nothing was reloaded",
                room.name
            )),
            live: None,
        }))
    }

    fn lock_concerned(&mut self, diff: &Diff) {
        let Some(reloading) = &self.reloading else {
            return;
        };
        for room in &mut self.rooms {
            if diff.environments.contains(&room.name) && !room.gone {
                room.held = Some(Holder {
                    operation: reloading.operation,
                    kind: Action::Reload,
                    user: reloading.user.clone(),
                    since: reloading.since.clone(),
                    step: "gate".into(),
                });
            }
        }
    }

    /// Says it to whoever asked, and writes down what is no progress. After a final event the next reload may begin.
    pub(super) fn tell_reload(&mut self, dry: Option<&UnboundedSender<Event>>, event: Event) {
        if let Some(stream) = dry {
            // Whoever watched may have left.
            let _ = stream.send(event);
            return;
        }
        let Some(reloading) = &self.reloading else {
            return;
        };
        let (operation, last) = (reloading.operation, event.exit_code().is_some());
        let _ = reloading.stream.send(event.clone());
        if !event.is_progress() {
            let event = Box::new(event);
            self.record(None, operation, Record::Step { event });
        }
        if last {
            self.reloading = None;
            for room in &mut self.rooms {
                room.held.take_if(|holder| holder.operation == operation);
            }
        }
    }
}

pub(super) fn limits(service: &Service) -> Limits {
    Limits {
        requests: service.drain.requests,
        streams: service.drain.streams,
    }
}

fn reloaded(changes: usize, durability_uncertain: bool) -> Event {
    Event::Reload(ReloadStep::Reloaded {
        changes,
        durability_uncertain,
    })
}
