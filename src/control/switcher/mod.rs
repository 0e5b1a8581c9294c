//! One task owns every switch, and is the only writer of routing. Whatever happens comes through its mailbox; it decides with
//! `model::switch`, carries the effects out, and never waits for one: their results come back through the mailbox.
//!
//! `initial` is what serves at the start, `change` carries effects out, `saves` keeps saves in their order, `vigil` watches
//! what is live, `report` tells how things are. `reload`, `pause` and `maintenance` are what happens beside the switches; whoever
//! of them needs an environment for itself holds it as a swap does (N5).

mod change;
mod drainer;
mod environment;
mod initial;
mod mailbox;
mod maintenance;
mod pause;
mod reload;
mod report;
mod saves;
#[cfg(test)]
mod tests;
mod vigil;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use self::environment::{Retired, Room};
pub use self::initial::{Initial, initial};
use self::mailbox::Message;
pub(in crate::control) use self::mailbox::{Report, Request, Switcher};
use self::reload::Reloading;
use self::saves::Saving;
use self::vigil::Vigil;
use super::evidence::figures::Past;
use super::ports::{Hosts, Journal, Plane, StateStore};
use super::served::Current;
use crate::model::api::{Action, CommonStep, Event, Holder, ReloadRequest, exit};
use crate::model::clock::Moment;
use crate::model::history::{Caller, Entry, Record};
use crate::model::state::State;
use crate::model::switch::{Input, Switch};
use crate::proxy::Routing;
use crate::tasks::Group;

/// What an operator of an environment should know before an operation begins.
pub(in crate::control) type Warnings = Box<dyn Fn(&str) -> Vec<String>>;

/// What the switcher works with.
pub(in crate::control) struct Parts {
    /// The configuration that is served; a reload puts another one in.
    pub current: Current,
    /// Where it publishes; holds the snapshot of [`initial`].
    pub routing: Arc<Routing>,
    /// The data plane.
    pub plane: Arc<dyn Plane>,
    /// What was remembered.
    pub state: State,
    /// Where it is kept.
    pub store: Box<dyn StateStore>,
    /// Where history is written.
    pub journal: Box<dyn Journal>,
    /// Keeps certificates for the hosts of a new configuration.
    pub hosts: Box<dyn Hosts>,
    /// Workers of the data plane.
    pub cores: usize,
    /// Told before an operation begins, by the name of its environment: trouble with certificates.
    pub warnings: Warnings,
}

/// An operation that waits for its number to be saved.
struct Asked {
    operation: u64,
    request: Request,
    caller: Caller,
    stream: mpsc::UnboundedSender<Event>,
}

struct Owner {
    current: Current,
    routing: Arc<Routing>,
    plane: Arc<dyn Plane>,
    journal: Box<dyn Journal>,
    cores: usize,
    warnings: Warnings,
    hosts: Box<dyn Hosts>,
    epoch: Instant,
    /// In the order in which they came to be; one that is gone is kept, so that places stay.
    rooms: Vec<Room>,
    reloading: Option<Reloading>,
    saving: Saving,
    vigil: Vigil,
    past: Past,
    /// Inputs that came up while another was handled.
    inputs: VecDeque<(usize, Input)>,
    mailbox: mpsc::UnboundedSender<Message>,
    tasks: Group,
}

impl Owner {
    fn new(parts: Parts, mailbox: mpsc::UnboundedSender<Message>) -> Self {
        let config = parts.current.load().config.clone();
        let (state, _) = initial::complete(&config, &parts.state);
        let room = |environment: &crate::config::Environment| {
            let known = state.environments.get(&*environment.name)?;
            let switch = Switch::new(initial::rules(environment), known.clone());
            Some(Room::new(environment.name.clone(), switch, initial::pairs(environment)))
        };
        Self {
            rooms: config.environments.iter().filter_map(room).collect(),
            reloading: None,
            hosts: parts.hosts,
            current: parts.current,
            routing: parts.routing,
            plane: parts.plane,
            journal: parts.journal,
            cores: parts.cores,
            warnings: parts.warnings,
            epoch: Instant::now(),
            saving: Saving::new(parts.store, state),
            vigil: Vigil::default(),
            past: Past::default(),
            inputs: VecDeque::new(),
            mailbox,
            tasks: Group::new("switcher"),
        }
    }

    async fn run(mut self, mut mail: mpsc::UnboundedReceiver<Message>) {
        loop {
            let wake = self.wake();
            tokio::select! {
                message = mail.recv() => match message {
                    None => return,
                    Some(Message::Stop { reply }) => {
                        self.stop().await;
                        // Whoever waits for this wants what the tasks still hold: the data plane, the store.
                        self.tasks.join(Duration::ZERO).await;
                        drop(self);
                        let _ = reply.send(());
                        return;
                    }
                    Some(message) => self.receive(message),
                },
                () = sleep_until(wake) => self.tick(),
            }
            self.work();
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Ask {
                request,
                caller,
                stream,
            } => self.ask(request, caller, &stream),
            Message::Input { room, input } => self.inputs.push_back((room, input)),
            Message::Drained {
                room,
                left,
                service,
                activation,
                ended,
            } => self.drained(room, left, service, activation, ended),
            Message::Loaded { dry, reading } => self.loaded(dry.as_ref(), *reading),
            Message::ReloadGating { event } => self.tell_reload(None, event),
            Message::ReloadGated { plan, result, elapsed } => self.reload_gated(*plan, result, elapsed),
            Message::PauseLeft { room, operation } => self.pause_left(room, operation),
            Message::PauseGating { room, operation, event } => self.pause_gating(room, operation, event),
            Message::PauseGated {
                room,
                operation,
                result,
                elapsed,
            } => self.pause_gated(room, operation, result, elapsed),
            Message::Saved { state, result } => self.saved(*state, result),
            Message::Probed {
                activation,
                address,
                report,
            } => self.vigil.seen(activation, address, report),
            Message::Status { reply } => {
                let _ = reply.send(Report {
                    environments: self.status(),
                    warnings: self.warnings(),
                });
            }
            Message::FirstProbes { reply } => self.vigil.tell_when_all_seen(reply),
            // `run` takes it out before.
            Message::Stop { reply } => drop(reply),
        }
    }

    /// When time alone brings something about.
    fn wake(&self) -> Instant {
        let switches = self.rooms.iter().filter_map(|room| room.switch.wake());
        let pauses = self.rooms.iter().filter_map(|room| room.pause.as_ref()?.wake());
        let next = switches.map(|at| self.epoch + at).chain(pauses).min();
        let vigil = self.vigil.wake(self.epoch);
        next.map_or(vigil, |next| next.min(vigil))
    }

    fn tick(&mut self) {
        let now = self.epoch.elapsed();
        for (index, room) in self.rooms.iter().enumerate() {
            if room.switch.wake().is_some_and(|at| at <= now) {
                self.inputs.push_back((index, Input::Tick));
            }
        }
        self.tick_pauses(Instant::now());
    }

    /// Handles inputs until there are none, then looks after what is live.
    fn work(&mut self) {
        while let Some((index, input)) = self.inputs.pop_front() {
            let now = self.moment();
            let Some(room) = self.rooms.get_mut(index) else {
                continue;
            };
            for effect in room.switch.handle(input, now) {
                self.carry_out(index, effect, now);
            }
        }
        self.watch_live();
    }

    /// Takes a number for it; the operation begins when that is saved, so that no number is given twice.
    fn ask(&mut self, request: Request, caller: Caller, stream: &mpsc::UnboundedSender<Event>) {
        if let Some(name) = request.environment()
            && self.room(name).is_none()
        {
            // Whoever asked may have left.
            let _ = stream.send(self.unknown(name));
            return;
        }
        match request {
            Request::Reload(ReloadRequest { dry_run: true }) => return self.read_file(Some(stream.clone())),
            Request::Resume(request) => return self.resume(&request, &caller, stream),
            Request::Operate(_) | Request::Reload(_) | Request::Pause(_) | Request::Maintenance(_) => {}
        }
        let operation = self.saving.number();
        if matches!(request, Request::Reload(_)) && !self.lock_reload(operation, &caller, stream) {
            return;
        }
        let asked = Asked {
            operation,
            request,
            caller,
            stream: stream.clone(),
        };
        self.saving.ask(asked);
        self.save_next();
    }

    fn begin(&mut self, asked: Asked) {
        let Asked {
            operation,
            request,
            caller,
            stream,
        } = asked;
        let record = Record::Asked {
            kind: request.action(),
            caller: caller.clone(),
        };
        let environment = request.environment().map(str::to_owned);
        self.record(environment.as_deref(), operation, record);
        let Some(name) = environment else {
            return self.read_file(None);
        };
        // A reload may have taken it away meanwhile.
        let Some(index) = self.room(&name) else {
            let event = self.unknown(&name);
            return self.answer(&name, operation, &stream, event);
        };
        let held = self.rooms[index].held.clone();
        match (request, held) {
            // Maintenance needs nobody's leave: it may be what is wanted in the middle of a deploy that goes wrong.
            (Request::Maintenance(request), _) => self.toggle(operation, request, &caller, stream),
            (Request::Operate(_) | Request::Pause(_), Some(holder)) => {
                let event = busy(&holder, &name);
                self.answer(&name, operation, &stream, event);
            }
            (Request::Operate(request), None) => {
                self.rooms[index].streams.insert(operation, stream);
                let input = Input::Ask {
                    operation,
                    request,
                    user: caller.user,
                    warnings: (self.warnings)(&name),
                };
                self.inputs.push_back((index, input));
            }
            (Request::Pause(request), None) => self.pause(index, operation, &request, caller, stream),
            // Neither comes here: the one has no environment, the other needs no number.
            (Request::Reload(_) | Request::Resume(_), _) => {}
        }
    }

    /// Answers what has not begun.
    fn answer(&mut self, environment: &str, operation: u64, stream: &mpsc::UnboundedSender<Event>, event: Event) {
        let _ = stream.send(event.clone());
        let event = Box::new(event);
        self.record(Some(environment), operation, Record::Step { event });
    }

    fn unknown(&self, name: &str) -> Event {
        let known = self.rooms.iter().filter(|room| !room.gone);
        let names: Vec<_> = known.map(|room| format!("`{}`", room.name)).collect();
        Event::Common(CommonStep::Refused {
            code: exit::USAGE,
            reason: format!("there is no environment `{name}`"),
            evidence: Vec::new(),
            hint: Some(format!("the environments are {}", names.join(", "))),
            live: None,
        })
    }

    fn room(&self, name: &str) -> Option<usize> {
        self.rooms.iter().position(|room| *room.name == *name && !room.gone)
    }

    fn record(&mut self, environment: Option<&str>, operation: u64, record: Record) {
        let entry = Entry {
            time: self.moment().written(),
            environment: environment.map(str::to_owned),
            operation: Some(operation),
            record,
        };
        self.journal.record(entry);
    }

    async fn stop(&mut self) {
        for index in 0..self.rooms.len() {
            self.inputs.push_back((index, Input::Stop));
        }
        loop {
            let (asked, toggles) = self.saving.stop().await;
            if asked.is_empty() && toggles.is_empty() {
                break;
            }
            // What begins now may want to be saved in its turn.
            for asked in asked {
                self.begin(asked);
            }
            for toggle in toggles {
                self.toggle_stopped(toggle);
            }
        }
        self.work();
        self.stop_pauses();
        let reason = "the proxy stopped; nothing was reloaded".into();
        self.tell_reload(None, Event::Common(CommonStep::Failed { reason, live: None }));
    }

    fn moment(&self) -> Moment {
        Moment {
            at: self.epoch.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }
}

fn busy(holder: &Holder, environment: &str) -> Event {
    Event::Common(CommonStep::Refused {
        code: exit::BUSY,
        reason: holder.refusal(environment),
        evidence: Vec::new(),
        hint: Some(match holder.kind {
            Action::Pause => format!("`proxyctl resume {environment}` ends it"),
            Action::Swap | Action::Rollback | Action::Reload | Action::Resume | Action::Maintenance => {
                format!("`proxyctl status {environment}` shows how far it is")
            }
        }),
        live: None,
    })
}
