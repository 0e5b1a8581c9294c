//! Tells what happens to those who asked for it and to those who watch, and writes it down.

use std::collections::{HashMap, HashSet};
use std::future::Future;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::request::Reply;
use crate::control::clock;
use crate::control::happenings::{Happening, Happenings};
use crate::control::ports::Journal;
use crate::model::api::{Event, Problem};
use crate::model::history::{Entry, Record};

/// Everybody who listens, and the journal.
pub(super) struct Notices {
    journal: Box<dyn Journal>,
    /// Everybody who watches.
    happenings: Happenings,
    /// Operations that are told to those who listen, and not written down.
    unwritten: HashSet<u64>,
    /// By the number of the operation.
    listeners: HashMap<u64, Vec<UnboundedSender<Event>>>,
    /// Ends the wait for the one who asked to hang up, by the number of the operation: its stream would otherwise never end.
    attached: HashMap<u64, oneshot::Sender<()>>,
    /// Those who asked for the end of a pause, and do not listen to its operation yet.
    arriving: HashMap<u64, UnboundedSender<Event>>,
    arrived: u64,
    /// Those who wait for the answer to a step of a deployment.
    answers: HashMap<u64, Reply>,
    asked: u64,
}

impl Notices {
    pub(super) fn new(journal: Box<dyn Journal>, happenings: Happenings) -> Self {
        Self {
            journal,
            happenings,
            unwritten: HashSet::new(),
            listeners: HashMap::new(),
            attached: HashMap::new(),
            arriving: HashMap::new(),
            arrived: 0,
            answers: HashMap::new(),
            asked: 0,
        }
    }

    /// From now on this stream hears what is told of an operation, to the final event.
    pub(super) fn listen(&mut self, operation: u64, stream: UnboundedSender<Event>) {
        self.listeners.entry(operation).or_default().push(stream);
    }

    /// A stream that will listen to an operation of another. Returns what names it until then.
    pub(super) fn arrive(&mut self, stream: UnboundedSender<Event>) -> u64 {
        self.arrived += 1;
        self.arriving.insert(self.arrived, stream);
        self.arrived
    }

    /// It listens to this operation.
    pub(super) fn join(&mut self, listener: u64, operation: u64) {
        if let Some(stream) = self.arriving.remove(&listener) {
            self.listen(operation, stream);
        }
    }

    /// Its only event. It is not written down, because nothing has begun.
    pub(super) fn turn_away(&mut self, listener: u64, event: Event) {
        if let Some(stream) = self.arriving.remove(&listener) {
            let _ = stream.send(event);
        }
    }

    /// Somebody waits for an answer. Returns what names it.
    pub(super) fn await_answer(&mut self, reply: Reply) -> u64 {
        self.asked += 1;
        self.answers.insert(self.asked, reply);
        self.asked
    }

    /// The answer that somebody waits for.
    pub(super) fn answer(&mut self, asked: u64, result: Result<(), Problem>) {
        if let Some(reply) = self.answers.remove(&asked) {
            let _ = reply.send(result);
        }
    }

    /// The only event of an operation that has not begun; it is not written down.
    pub(super) fn refuse(&mut self, operation: u64, event: &Event) {
        for stream in self.listeners.remove(&operation).into_iter().flatten() {
            let _ = stream.send(event.clone());
        }
    }

    /// Tells what happens in an operation, and writes down what is to be recorded.
    pub(super) fn tell(&mut self, environment: Option<&str>, operation: u64, event: Event) {
        for stream in self.listeners.get(&operation).into_iter().flatten() {
            // Who listened may have left; the operation goes on.
            let _ = stream.send(event.clone());
        }
        let is_over = event.exit_code().is_some();
        if is_over {
            self.listeners.remove(&operation);
            self.attached.remove(&operation);
        }
        match event {
            Event::Progress(progress) => self.happenings.tell(|| Happening::Progress {
                environment: environment.map(str::to_owned),
                operation,
                progress,
            }),
            event if event.is_recorded() => {
                let event = Box::new(event);
                self.record(environment, operation, Record::Step { event });
            }
            _ => {}
        }
        if is_over {
            self.unwritten.remove(&operation);
        }
    }

    /// Nothing of this operation is written down: it is a question alone.
    pub(super) fn keep_unwritten(&mut self, operation: u64) {
        self.unwritten.insert(operation);
    }

    /// The operations that have not heard their end yet, but for this one.
    pub(super) fn unfinished(&self, own: u64) -> Vec<u64> {
        self.listeners
            .keys()
            .copied()
            .filter(|operation| *operation != own)
            .collect()
    }

    /// Whether an operation has not heard its end yet.
    pub(super) fn has_unfinished(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Writes down.
    pub(super) fn record(&mut self, environment: Option<&str>, operation: u64, record: Record) {
        if self.unwritten.contains(&operation) {
            return;
        }
        let entry = Entry {
            time: clock::now(),
            environment: environment.map(str::to_owned),
            operation: Some(operation),
            record,
        };
        self.happenings.tell(|| Happening::Entry(entry.clone()));
        self.journal.record(entry);
    }

    /// Resolves to `true` when the one who asked for this operation hangs up, and to `false` when the operation is over.
    pub(super) fn hung_up(&mut self, operation: u64) -> impl Future<Output = bool> + use<> {
        let (attached, over) = oneshot::channel::<()>();
        let stream = self.listeners.get(&operation).and_then(|all| all.first().cloned());
        self.attached.insert(operation, attached);
        async move {
            let Some(stream) = stream else { return false };
            tokio::select! {
                () = stream.closed() => true,
                _ = over => false,
            }
        }
    }
}
