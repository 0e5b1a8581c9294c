//! A reload is a diff (N29): it publishes one new snapshot, or nothing.
//!
//! read → diff → lock what is concerned → gate new live addresses → certificates for new hosts → save → publish. Until the last
//! step everything is as it was. What stays keeps its activation, and a service that is equal keeps its place in memory too, so
//! that no connection and no WebSocket notices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::{Message, Owner, Room, initial};
use crate::config::diff::{self, Diff};
use crate::config::report::{LoadError, Severity};
use crate::config::{Config, Service};
use crate::control::gating::{self, Candidate};
use crate::control::ports::Durability;
use crate::control::served::Loaded;
use crate::model::api::{Action, Event, GateReport, Holder, Side, exit};
use crate::model::drain::Limits;
use crate::model::history::{Caller, Record};
use crate::model::slot::{Address, Slot};
use crate::model::state::EnvironmentState;
use crate::model::switch::Switch;
use crate::proxy::activation::Activation;
use crate::proxy::routing::{Live, Snapshot};

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

/// What is going to be published.
#[derive(Debug)]
pub(super) struct Plan {
    loaded: Loaded,
    diff: Diff,
    /// Of the environments that are concerned.
    states: BTreeMap<String, EnvironmentState>,
    /// Whether these have to be on disk before they may be seen.
    must_save: bool,
}

/// What serves a service after the reload.
enum Next {
    /// What serves it now.
    Same(Arc<Activation>),
    /// A new live period, at these addresses.
    New {
        slot: Slot,
        addresses: Vec<Address>,
        /// What served it before.
        before: Option<Arc<Activation>>,
    },
}

impl Owner {
    /// Takes the lock; the file is read when the operation's number is saved. `None` when another reload is under way.
    pub(super) fn lock_reload(&mut self, operation: u64, caller: &Caller, stream: &UnboundedSender<Event>) -> bool {
        if let Some(other) = &self.reloading {
            let refused = Event::Refused {
                code: exit::BUSY,
                reason: format!(
                    "reload {} by {} is under way since {}",
                    other.operation, other.user, other.since
                ),
                evidence: Vec::new(),
                hint: None,
                live: None,
            };
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
                let invalid = Event::Invalid {
                    errors: errors.count(),
                    report: error.render(false),
                };
                return self.tell_reload(dry, invalid);
            }
            Reading::Broken(error) => {
                let reason = format!("the file could not be read: {error}");
                return self.tell_reload(dry, Event::Failed { reason, live: None });
            }
        };
        let served = self.current.load_full();
        loaded.config = diff::adopt(&served.config, loaded.config);
        let diff = diff::diff(&served.config, &loaded.config);
        // What the process listens on and works with stays what it is, and is compared with the file again next time.
        loaded.config.server = served.config.server.clone();
        let reloading = Event::Reloading {
            operation: self.reloading.as_ref().filter(|_| dry.is_none()).map(|it| it.operation),
            changes: diff.changes.clone(),
            restart: diff.restart.iter().map(|key| (*key).to_owned()).collect(),
        };
        self.tell_reload(dry, reloading);
        for diagnostic in &loaded.diagnostics {
            let message = diagnostic.to_string();
            self.tell_reload(dry, Event::Warning { message });
        }
        if let Some(refused) = self.refusal(&diff) {
            return self.tell_reload(dry, refused);
        }
        if dry.is_some() {
            return self.tell_reload(dry, Event::Planned);
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
                let event = Event::Gating {
                    instances,
                    elapsed_ms: millis(elapsed),
                };
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
                let event = Event::Gated {
                    instances,
                    version: None,
                    elapsed_ms: millis(elapsed),
                };
                self.tell_reload(None, event);
                self.save_reload(plan);
            }
            Err(evidence) => {
                let refused = Event::Refused {
                    code: exit::REFUSED,
                    reason: gating::verdict(&evidence, elapsed),
                    evidence,
                    hint: Some("start the app at its new address first".into()),
                    live: None,
                };
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
            let refused = Event::Refused {
                code: exit::REFUSED,
                reason: error,
                evidence: Vec::new(),
                hint: None,
                live: None,
            };
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
                return self.tell_reload(None, Event::Failed { reason, live: None });
            }
            // Nothing in it is news.
            Err(_) => None,
        };
        if let Some(why) = &doubt {
            let message = format!("durability uncertain: a power cut may undo the new addresses ({why})");
            self.tell_reload(None, Event::Warning { message });
        }
        let changes = plan.diff.changes.len();
        self.publish_reload(plan);
        self.tell_reload(None, reloaded(changes, doubt.is_some()));
    }

    fn publish_reload(&mut self, plan: Plan) {
        let Plan {
            loaded, diff, states, ..
        } = plan;
        let before = self.routing.load();
        let mut previous = Vec::new();
        let mut snapshot = Snapshot::new(&loaded.config, |service| match next(&before, &diff, &states, service) {
            Next::Same(activation) => activation,
            Next::New {
                slot,
                addresses,
                before,
            } => {
                previous.extend(before.map(|before| (service.clone(), before.addresses.clone())));
                let generation = states.get(&*service.environment).map(|state| state.generation);
                Activation::new(
                    service.environment.clone(),
                    service.name.clone(),
                    slot,
                    generation.unwrap_or_default(),
                    addresses,
                    self.cores,
                )
            }
        })
        .inheriting(&before);
        for (service, addresses) in previous {
            snapshot = snapshot.with_previous(&service.environment, &service.name, &addresses);
        }
        for name in &diff.environments {
            snapshot = snapshot.with_stance(name, &self.stance(name));
        }
        let kept = |live: &Live| {
            let mut now = snapshot.services().iter();
            now.any(|now| Arc::ptr_eq(&now.activation, &live.activation))
        };
        let left: Vec<Live> = before.services().iter().filter(|live| !kept(live)).cloned().collect();
        self.follow(&diff, &loaded.config, &states, &snapshot);
        self.routing.publish(snapshot);
        for live in &left {
            live.activation.close();
        }
        self.plane.poke();
        self.leave(left);
        if diff.certificates {
            match self.hosts.serve(&[&loaded.config]) {
                Ok(told) => {
                    for message in told {
                        self.tell_reload(None, Event::Warning { message });
                    }
                }
                Err(error) => tracing::error!(error, "hosts that are gone keep their certificates"),
            }
        }
        let changes = diff.changes.len();
        self.current.store(Arc::new(loaded.serve(diff.restart)));
        tracing::info!(changes, "a new configuration is served");
    }

    /// The rooms are those of the new configuration. One whose environment is gone stays for what drains in it, and for its return.
    fn follow(
        &mut self,
        diff: &Diff,
        config: &Config,
        states: &BTreeMap<String, EnvironmentState>,
        snapshot: &Snapshot,
    ) {
        for name in &diff.environments {
            let environment = config.environments.iter().find(|it| it.name == *name);
            let known = self.rooms.iter().position(|room| room.name == *name);
            match (environment, states.get(&**name), known) {
                (Some(environment), Some(state), Some(room)) => {
                    let room = &mut self.rooms[room];
                    room.switch.reconfigure(initial::rules(environment), state.clone());
                    room.pairs = initial::pairs(environment);
                    room.gone = false;
                    // Whoever still waits for a drain is told what the environment served meanwhile, by whomever.
                    let own = snapshot
                        .services()
                        .iter()
                        .filter(|live| live.service.environment == *name);
                    for live in own {
                        for publication in room.publications.values_mut() {
                            publication.also(&live.activation);
                        }
                    }
                }
                (Some(environment), Some(state), None) => {
                    let switch = Switch::new(initial::rules(environment), state.clone());
                    let pairs = initial::pairs(environment);
                    self.rooms.push(Room::new(name.clone(), switch, pairs));
                }
                (None, _, Some(room)) => self.rooms[room].gone = true,
                (Some(_), None, _) | (None, _, None) => {}
            }
        }
    }

    /// What serves nobody new any more drains, by the rules that it was begun under.
    fn leave(&mut self, left: Vec<Live>) {
        for index in 0..self.rooms.len() {
            let name = self.rooms[index].name.clone();
            let own: Vec<_> = left.iter().filter(|live| live.service.environment == name).collect();
            if own.is_empty() {
                continue;
            }
            let room = &mut self.rooms[index];
            let generation = room.switch.state().generation;
            let generation = if room.gone { generation.next() } else { generation };
            let sides: Vec<_> = own.iter().map(|live| side(&live.activation)).collect();
            room.switch.leave(generation, sides.iter());
            for (service, live) in own.iter().enumerate() {
                self.retire(
                    index,
                    generation,
                    service,
                    live.activation.clone(),
                    limits(&live.service),
                );
            }
        }
    }

    /// Nothing of what is concerned may be held by another operation.
    fn refusal(&self, diff: &Diff) -> Option<Event> {
        let mut concerned = self.rooms.iter().filter(|room| diff.environments.contains(&room.name));
        let (room, holder) = concerned.find_map(|room| Some((room, room.holder()?)))?;
        Some(Event::Refused {
            code: exit::BUSY,
            reason: holder.refusal(&room.name),
            evidence: Vec::new(),
            hint: Some(format!(
                "`proxyctl status {}` shows how far it is; nothing was reloaded",
                room.name
            )),
            live: None,
        })
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

    /// What will be published, and who has to show before that it is well: instances of a live side that serve nothing yet.
    fn plan(&mut self, loaded: Loaded, diff: Diff) -> (Plan, Vec<Candidate>) {
        let (state, messages) = initial::complete(&loaded.config, self.saving.state());
        for message in messages {
            self.tell_reload(None, Event::Warning { message });
        }
        let concerned = |name: &str| diff.environments.iter().any(|it| **it == *name);
        let of_file = |name: &str| loaded.config.environments.iter().any(|it| *it.name == *name);
        let mut states: BTreeMap<_, _> = state.environments.into_iter().collect();
        states.retain(|name, _| concerned(name) && of_file(name));
        let before = self.routing.load();
        let now = self.moment().written();
        let mut candidates = Vec::new();
        for environment in &loaded.config.environments {
            let mut moved = false;
            for service in &environment.services {
                let Next::New { addresses, before, .. } = next(&before, &diff, &states, service) else {
                    continue;
                };
                moved = true;
                let known = before.as_ref().map_or(&[][..], |before| &before.addresses);
                // A service that comes is held for until its app is there; one that moves must not move to where nothing is.
                let fresh = addresses
                    .into_iter()
                    .filter(|it| before.is_some() && !known.contains(it));
                candidates.extend(fresh.map(|address| Candidate {
                    service: service.clone(),
                    address,
                }));
            }
            let gone = before
                .services()
                .iter()
                .filter(|live| live.service.environment == environment.name)
                .any(|live| !environment.services.iter().any(|it| it.name == live.service.name));
            let known = self.rooms.iter().any(|room| room.name == environment.name);
            if (moved || gone)
                && known
                && let Some(state) = states.get_mut(&*environment.name)
            {
                state.generation = state.generation.next();
                state.since.clone_from(&now);
            }
        }
        let saved = &self.saving.state().environments;
        let must_save = states.iter().any(|(name, state)| saved.get(name) != Some(state));
        let plan = Plan {
            loaded,
            diff,
            states,
            must_save,
        };
        (plan, candidates)
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
        if super::effects::is_a_step(&event) {
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

impl Plan {
    /// The states to save.
    pub(super) fn states(&self) -> &BTreeMap<String, EnvironmentState> {
        &self.states
    }
}

/// What serves a service after the reload. An environment that is not concerned may be switched meanwhile: it is not looked at.
fn next(before: &Snapshot, diff: &Diff, states: &BTreeMap<String, EnvironmentState>, service: &Service) -> Next {
    let same = |live: &&Live| live.service.environment == service.environment && live.service.name == service.name;
    let serving = before.services().iter().find(same).map(|live| live.activation.clone());
    if let Some(activation) = &serving
        && !diff.environments.contains(&service.environment)
    {
        return Next::Same(activation.clone());
    }
    let (slot, addresses) = initial::live(service, states.get(&*service.environment));
    match serving {
        Some(activation) if activation.slot == slot && activation.addresses == addresses => Next::Same(activation),
        before => Next::New {
            slot,
            addresses,
            before,
        },
    }
}

fn side(activation: &Activation) -> Side {
    Side {
        slot: activation.slot,
        addresses: activation.addresses.clone(),
    }
}

pub(super) fn limits(service: &Service) -> Limits {
    Limits {
        requests: service.drain.requests,
        streams: service.drain.streams,
    }
}

fn reloaded(changes: usize, durability_uncertain: bool) -> Event {
    Event::Reloaded {
        changes,
        durability_uncertain,
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
