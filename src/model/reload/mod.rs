//! The stages of a reload (N29): it publishes one new snapshot, or nothing and all errors at once.
//!
//! ```text
//! Idle → Numbering → Reading → Gating → Certifying → Saving → Idle
//! ```
//!
//! Until the last step everything is as it was. The environments that are concerned are held from the moment when it is known which
//! they are (N5); if one of them is held by another operation, nothing is reloaded. A live side must not move to where nothing is, so
//! its new addresses are gated first. Certificates come before the snapshot that needs them, and what is saved before what is seen.

mod messages;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::messages::{Effect, Findings, Input, Reading};
use super::api::{Action, CommonStep, Event, GateReport, Holder, Progress, ReloadStep, exit, millis};
use super::clock::Moment;
use super::gate;
use super::state::Durability;

/// The reload, whether one is under way or not.
#[derive(Debug, Default)]
pub struct Reload {
    current: Option<Current>,
}

/// The reload that is under way.
#[derive(Debug)]
struct Current {
    operation: u64,
    user: String,
    since: String,
    stage: Stage,
    /// Empty until the file is read.
    found: Findings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Numbering,
    Reading,
    Gating,
    Certifying,
    Saving,
}

impl Reload {
    /// None is under way.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what happened, and says what has to be done.
    pub fn handle(&mut self, input: Input, now: Moment) -> Vec<Effect> {
        let mut effects = Vec::new();
        match input {
            Input::Ask { operation, user } => self.ask(operation, user, now, &mut effects),
            Input::Numbered { operation } => {
                if self.operation() == Some(operation)
                    && let Some(current) = self.leave(Stage::Numbering)
                {
                    self.enter(current, Stage::Reading, Effect::Read, &mut effects);
                }
            }
            Input::Read(reading) => self.read(reading, &mut effects),
            Input::Gating { instances, elapsed } => {
                if let Some(current) = self.current.as_ref().filter(|it| it.stage == Stage::Gating) {
                    let elapsed_ms = millis(elapsed);
                    tell(
                        &mut effects,
                        current.operation,
                        Event::Progress(Progress::Gating { instances, elapsed_ms }),
                    );
                }
            }
            Input::Gated { result, elapsed } => self.gated(result, elapsed, &mut effects),
            Input::Certified(result) => self.certified(result, &mut effects),
            Input::Persisted(result) => self.persisted(result, &mut effects),
            Input::Stop => {
                if let Some(current) = self.current.take() {
                    let reason = "the proxy stopped; nothing was reloaded".into();
                    end(
                        &mut effects,
                        current.operation,
                        Event::Common(CommonStep::Failed { reason, live: None }),
                    );
                }
            }
        }
        effects
    }

    /// What a dry run is told: what a reload would say before it begins.
    #[must_use]
    pub fn preview(reading: Reading) -> Vec<Event> {
        let (mut said, found) = look(None, reading);
        said.push(match found {
            Ok(_) => Event::Common(CommonStep::Planned),
            Err(last) => last,
        });
        said
    }

    /// The one that is under way.
    #[must_use]
    pub fn operation(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.operation)
    }

    fn ask(&mut self, operation: u64, user: String, now: Moment, effects: &mut Vec<Effect>) {
        if let Some(other) = &self.current {
            let event = Event::Common(CommonStep::Refused {
                code: exit::BUSY,
                reason: format!(
                    "reload {} by {} is under way since {}",
                    other.operation, other.user, other.since
                ),
                evidence: Vec::new(),
                hint: None,
                live: None,
                health: Vec::new(),
            });
            return effects.push(Effect::Refuse { operation, event });
        }
        self.current = Some(Current {
            operation,
            user,
            since: now.written(),
            stage: Stage::Numbering,
            found: Findings::default(),
        });
    }

    /// The file was read.
    fn read(&mut self, reading: Reading, effects: &mut Vec<Effect>) {
        let Some(mut current) = self.leave(Stage::Reading) else {
            return;
        };
        let operation = current.operation;
        let (said, found) = look(Some(operation), reading);
        effects.extend(said.into_iter().map(|event| Effect::Tell { operation, event }));
        let found = match found {
            Ok(found) => found,
            Err(last) => return end(effects, operation, last),
        };
        if found.changes.is_empty() {
            effects.push(Effect::Adopt);
            return end(effects, operation, reloaded(0, false));
        }
        effects.push(Effect::Take {
            environments: found.environments.clone(),
            holder: Holder {
                operation,
                kind: Action::Reload,
                user: current.user.clone(),
                since: current.since.clone(),
                step: "gate".into(),
            },
        });
        for message in &found.overtaken {
            let message = message.clone();
            tell(effects, operation, Event::Common(CommonStep::Warning { message }));
        }
        let must_gate = found.must_gate;
        current.found = found;
        if must_gate {
            self.enter(current, Stage::Gating, Effect::Gate, effects);
        } else {
            self.certify(current, effects);
        }
    }

    /// New live addresses have shown that they are well, or not.
    fn gated(
        &mut self,
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        elapsed: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let Some(current) = self.leave(Stage::Gating) else {
            return;
        };
        match result {
            Ok(instances) => {
                let event = Event::Common(CommonStep::Gated {
                    instances,
                    version: None,
                    elapsed_ms: millis(elapsed),
                });
                tell(effects, current.operation, event);
                self.certify(current, effects);
            }
            Err(evidence) => {
                let refused = Event::Common(CommonStep::Refused {
                    code: exit::REFUSED,
                    reason: gate::verdict(&evidence, elapsed),
                    evidence,
                    hint: Some("start the app at its new address first".into()),
                    live: None,
                    health: Vec::new(),
                });
                end(effects, current.operation, refused);
            }
        }
    }

    /// Certificates first: a host that is routed to has one. The old hosts keep theirs until nobody is routed to them any more.
    fn certify(&mut self, current: Current, effects: &mut Vec<Effect>) {
        if current.found.must_certify {
            self.enter(current, Stage::Certifying, Effect::Certify, effects);
        } else {
            self.enter(current, Stage::Saving, Effect::Persist, effects);
        }
    }

    fn certified(&mut self, result: Result<(), String>, effects: &mut Vec<Effect>) {
        let Some(current) = self.leave(Stage::Certifying) else {
            return;
        };
        let Err(reason) = result else {
            return self.enter(current, Stage::Saving, Effect::Persist, effects);
        };
        let refused = Event::Common(CommonStep::Refused {
            code: exit::REFUSED,
            reason,
            evidence: Vec::new(),
            hint: None,
            live: None,
            health: Vec::new(),
        });
        end(effects, current.operation, refused);
    }

    /// The states of its environments are on disk, or not.
    fn persisted(&mut self, result: Result<Durability, String>, effects: &mut Vec<Effect>) {
        let Some(Current { operation, found, .. }) = self.leave(Stage::Saving) else {
            return;
        };
        let doubt = match result {
            Ok(Durability::Durable) => None,
            Ok(Durability::Uncertain(why)) => Some(why),
            Err(error) if found.must_save => {
                if found.must_certify {
                    effects.push(Effect::Decertify);
                }
                let reason = format!("the state could not be saved: {error}; nothing was reloaded");
                return end(
                    effects,
                    operation,
                    Event::Common(CommonStep::Failed { reason, live: None }),
                );
            }
            // Nothing in it is news.
            Err(_) => None,
        };
        if let Some(why) = &doubt {
            let message = format!("durability uncertain: a power cut may undo the new addresses ({why})");
            tell(effects, operation, Event::Common(CommonStep::Warning { message }));
        }
        effects.push(Effect::Publish { operation });
        end(effects, operation, reloaded(found.changes.len(), doubt.is_some()));
    }

    /// Takes the reload out if it is in that stage: an answer that comes too late changes nothing.
    fn leave(&mut self, stage: Stage) -> Option<Current> {
        self.current.take_if(|current| current.stage == stage)
    }

    fn enter(&mut self, current: Current, stage: Stage, effect: Effect, effects: &mut Vec<Effect>) {
        effects.push(effect);
        self.current = Some(Current { stage, ..current });
    }
}

/// What is said of the file, and what a reload of it begins with; or the last word, when there is nothing to begin. `operation` is
/// `None` for a dry run.
fn look(operation: Option<u64>, reading: Reading) -> (Vec<Event>, Result<Findings, Event>) {
    let found = match reading {
        Reading::Invalid { report, errors } => {
            return (Vec::new(), Err(Event::Reload(ReloadStep::Invalid { report, errors })));
        }
        Reading::Broken(error) => {
            let reason = format!("the file could not be read: {error}");
            return (
                Vec::new(),
                Err(Event::Common(CommonStep::Failed { reason, live: None })),
            );
        }
        Reading::Valid(found) => *found,
    };
    let mut said = vec![Event::Reload(ReloadStep::Reloading {
        operation,
        changes: found.changes.clone(),
        restart: found.restart.clone(),
    })];
    let warnings = found.warnings.iter().cloned();
    said.extend(warnings.map(|message| Event::Common(CommonStep::Warning { message })));
    if let Some(reason) = found.impossible.clone() {
        let hint = Some("nothing was reloaded".to_owned());
        let (code, evidence, live) = (exit::REFUSED, Vec::new(), None);
        let refused = CommonStep::Refused {
            code,
            reason,
            evidence,
            hint,
            live,
            health: Vec::new(),
        };
        return (said, Err(Event::Common(refused)));
    }
    let Some((name, holder)) = &found.held else {
        return (said, Ok(found));
    };
    let refused = Event::Common(CommonStep::Refused {
        code: exit::BUSY,
        reason: holder.refusal(name),
        evidence: Vec::new(),
        hint: Some(format!(
            "`proxyctl status {name}` shows how far it is; nothing was reloaded"
        )),
        live: None,
        health: Vec::new(),
    });
    (said, Err(refused))
}

fn tell(effects: &mut Vec<Effect>, operation: u64, event: Event) {
    effects.push(Effect::Tell { operation, event });
}

/// The last word; nothing is held any more.
fn end(effects: &mut Vec<Effect>, operation: u64, event: Event) {
    tell(effects, operation, event);
    effects.push(Effect::Free { operation });
}

fn reloaded(changes: usize, durability_uncertain: bool) -> Event {
    Event::Reload(ReloadStep::Reloaded {
        changes,
        durability_uncertain,
    })
}
