//! One task owns every switch, and is the only writer of routing. Whatever happens comes through its mailbox; it decides with
//! `model::switch`, carries the effects out, and never waits for one: their results come back through the mailbox.
//!
//! `initial` is what serves at the start, `effects` carries effects out, `saving` keeps saves in their order, `live` watches
//! what is live, `status` tells how things are.

mod effects;
mod initial;
mod live;
mod saving;
mod status;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

pub use self::initial::{Initial, initial};
use self::live::Vigil;
use self::saving::Saving;
use super::figures::{Past, Publication};
use super::front_door::Plane;
use super::ports::{Durability, Journal, StateStore};
use crate::config::{Config, Service};
use crate::model::api::{EnvironmentStatus, Event, OperationRequest, ProbeReport, exit};
use crate::model::history::{Caller, Entry, Record};
use crate::model::slot::{Address, Generation};
use crate::model::state::State;
use crate::model::switch::{Ended, Input, Moment, Switch};
use crate::proxy::activation::Activation;
use crate::proxy::routing::Routing;
use crate::tasks::Group;

/// What an operator of an environment should know before an operation begins.
pub type Warnings = Box<dyn Fn(&str) -> Vec<String>>;

/// What the switcher works with.
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
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
    /// Workers of the data plane.
    pub cores: usize,
    /// Told before an operation begins, by the name of its environment: trouble with certificates.
    pub warnings: Warnings,
}

/// A way to the switcher's mailbox.
#[derive(Debug, Clone)]
pub struct Switcher {
    mailbox: mpsc::UnboundedSender<Message>,
}

impl Switcher {
    /// The handle, and the task: it has to be spawned on the control thread's `LocalSet`, and ends after [`Switcher::stop`].
    pub fn start(parts: Parts) -> (Self, impl Future<Output = ()> + 'static) {
        let (mailbox, mail) = mpsc::unbounded_channel();
        let owner = Owner::new(parts, mailbox.clone());
        (Self { mailbox }, owner.run(mail))
    }

    /// Asks for an operation. The last event of the stream is final; whoever drops the receiver only stops watching.
    pub fn operate(&self, request: OperationRequest, caller: Caller) -> mpsc::UnboundedReceiver<Event> {
        let (stream, events) = mpsc::unbounded_channel();
        let asked = Message::Operate {
            request,
            caller,
            stream,
        };
        if let Err(mpsc::error::SendError(Message::Operate { stream, .. })) = self.mailbox.send(asked) {
            let reason = "the proxy is stopping".into();
            // The receiver is still in our hands.
            let _ = stream.send(Event::Failed { reason, live: None });
        }
        events
    }

    /// How every environment is, in the order of the file, without certificates.
    pub async fn environments(&self) -> Vec<EnvironmentStatus> {
        let (reply, status) = oneshot::channel();
        let _ = self.mailbox.send(Message::Status { reply });
        status.await.unwrap_or_default()
    }

    /// Waits until every live instance was probed once, at most `deadline`.
    pub async fn first_probes(&self, deadline: Duration) {
        let (reply, probed) = oneshot::channel();
        let _ = self.mailbox.send(Message::FirstProbes { reply });
        let _ = timeout(deadline, probed).await;
    }

    /// Answers whoever still waits, and ends the task. Saves that have begun are finished.
    pub async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        let _ = self.mailbox.send(Message::Stop { reply });
        let _ = stopped.await;
    }
}

#[derive(Debug)]
enum Message {
    Operate {
        request: OperationRequest,
        caller: Caller,
        stream: mpsc::UnboundedSender<Event>,
    },
    Input {
        room: usize,
        input: Input,
    },
    Drained {
        room: usize,
        left: Generation,
        service: usize,
        ended: Ended,
    },
    Saved {
        state: Box<State>,
        result: Result<Durability, String>,
    },
    Probed {
        activation: u64,
        address: Address,
        report: ProbeReport,
    },
    Status {
        reply: oneshot::Sender<Vec<EnvironmentStatus>>,
    },
    FirstProbes {
        reply: oneshot::Sender<()>,
    },
    Stop {
        reply: oneshot::Sender<()>,
    },
}

/// One environment.
struct Room {
    name: Arc<str>,
    switch: Switch,
    /// The services with two sides, as the switch counts them.
    pairs: Vec<Arc<Service>>,
    /// Where the events of operations go.
    streams: HashMap<u64, mpsc::UnboundedSender<Event>>,
    publications: BTreeMap<Generation, Publication>,
    retired: Vec<Retired>,
}

/// An old side that still drains.
struct Retired {
    left: Generation,
    service: usize,
    activation: Arc<Activation>,
}

/// An operation that waits for its number to be saved.
struct Asked {
    room: usize,
    operation: u64,
    request: OperationRequest,
    caller: Caller,
    stream: mpsc::UnboundedSender<Event>,
}

struct Owner {
    config: Arc<Config>,
    routing: Arc<Routing>,
    plane: Arc<dyn Plane>,
    journal: Box<dyn Journal>,
    cores: usize,
    warnings: Warnings,
    epoch: Instant,
    rooms: Vec<Room>,
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
        let (state, _) = initial::complete(&parts.config, &parts.state);
        let room = |environment: &crate::config::Environment| {
            let known = state.environments.get(&*environment.name)?;
            Some(Room {
                name: environment.name.clone(),
                switch: Switch::new(initial::rules(environment), known.clone()),
                pairs: initial::pairs(environment),
                streams: HashMap::new(),
                publications: BTreeMap::new(),
                retired: Vec::new(),
            })
        };
        Self {
            rooms: parts.config.environments.iter().filter_map(room).collect(),
            config: parts.config,
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
            Message::Operate {
                request,
                caller,
                stream,
            } => self.operate(request, caller, &stream),
            Message::Input { room, input } => self.inputs.push_back((room, input)),
            Message::Drained {
                room,
                left,
                service,
                ended,
            } => self.drained(room, left, service, ended),
            Message::Saved { state, result } => self.saved(*state, result),
            Message::Probed {
                activation,
                address,
                report,
            } => self.vigil.seen(activation, address, report),
            Message::Status { reply } => {
                let _ = reply.send(self.status());
            }
            Message::FirstProbes { reply } => self.vigil.tell_when_all_seen(reply),
            // `run` takes it out before.
            Message::Stop { reply } => drop(reply),
        }
    }

    /// When time alone brings something about.
    fn wake(&self) -> Instant {
        let switches = self.rooms.iter().filter_map(|room| room.switch.wake());
        let next = switches.map(|at| self.epoch + at).min();
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
    fn operate(&mut self, request: OperationRequest, caller: Caller, stream: &mpsc::UnboundedSender<Event>) {
        let Some(room) = self.rooms.iter().position(|room| *room.name == *request.environment) else {
            let names: Vec<_> = self.rooms.iter().map(|room| format!("`{}`", room.name)).collect();
            let refused = Event::Refused {
                code: exit::USAGE,
                reason: format!("there is no environment `{}`", request.environment),
                evidence: Vec::new(),
                hint: Some(format!("the environments are {}", names.join(", "))),
                live: None,
            };
            // Whoever asked may have left.
            let _ = stream.send(refused);
            return;
        };
        let operation = self.saving.number();
        let asked = Asked {
            room,
            operation,
            request,
            caller,
            stream: stream.clone(),
        };
        self.saving.ask(asked);
        self.save_next();
    }

    fn begin(&mut self, asked: Asked) {
        let Some(room) = self.rooms.get_mut(asked.room) else {
            return;
        };
        room.streams.insert(asked.operation, asked.stream);
        let name = room.name.clone();
        let record = Record::Asked {
            kind: asked.request.kind,
            caller: asked.caller.clone(),
        };
        self.record(&name, asked.operation, record);
        let input = Input::Ask {
            operation: asked.operation,
            request: asked.request,
            user: asked.caller.user,
            warnings: (self.warnings)(&name),
        };
        self.inputs.push_back((asked.room, input));
    }

    fn record(&mut self, environment: &str, operation: u64, record: Record) {
        let entry = Entry {
            time: self.moment().written(),
            environment: Some(environment.into()),
            operation: Some(operation),
            record,
        };
        self.journal.record(entry);
    }

    async fn stop(&mut self) {
        for index in 0..self.rooms.len() {
            self.inputs.push_back((index, Input::Stop));
        }
        for asked in self.saving.stop().await {
            self.begin(asked);
        }
        self.work();
    }

    fn moment(&self) -> Moment {
        Moment {
            at: self.epoch.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }
}
