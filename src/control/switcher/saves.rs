//! Saves, one after the other: each contains what those before it saved, and nothing of one that failed. Memory and disk never
//! differ.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::errands::Errands;
use super::message::Message;
use super::request::Request;
use crate::control::ports::{Durability, StateStore};
use crate::model::clock::Moment;
use crate::model::history::Caller;
use crate::model::preview::Preview;
use crate::model::state::{EnvironmentState, Maintenance, Slept, State};
use crate::model::switch::Ticket;

/// The saved state, and what waits to be saved.
pub(super) struct Saves {
    store: Arc<Mutex<Box<dyn StateStore>>>,
    /// As it is on disk, or was never changed.
    state: State,
    /// The number that the next operation gets; on disk before the operation begins.
    next_operation: u64,
    queue: VecDeque<Save>,
    current: Option<(Save, JoinHandle<()>)>,
    /// Why the last save failed.
    trouble: Option<String>,
}

pub(super) enum Save {
    /// An operation's number.
    Number(Asked),
    /// What an environment is about to be.
    Environment {
        /// Its place in the owner's list.
        place: usize,
        name: Arc<str>,
        ticket: Ticket,
        state: EnvironmentState,
    },
    /// What environments are about to be after a reload.
    Reload(BTreeMap<String, EnvironmentState>),
    Maintenance(Toggle),
    Sleep(SleepSave),
    Preview(PreviewSave),
}

/// What had not begun when the process stopped, and what nobody will hear the end of otherwise.
#[derive(Default)]
pub(super) struct Left {
    pub(super) asked: Vec<Asked>,
    pub(super) toggles: Vec<Toggle>,
    pub(super) previews: Vec<PreviewSave>,
}

/// An operation that waits for its number to be saved.
pub(super) struct Asked {
    pub(super) operation: u64,
    pub(super) request: Request,
    pub(super) caller: Caller,
}

/// Maintenance, on or off.
pub(super) struct Toggle {
    pub(super) operation: u64,
    pub(super) environment: String,
    pub(super) on: Option<Maintenance>,
}

impl Toggle {
    fn apply(&self, state: &mut State) {
        match &self.on {
            Some(on) => drop(state.maintenance.insert(self.environment.clone(), on.clone())),
            None => drop(state.maintenance.remove(&self.environment)),
        }
    }
}

/// How an environment sleeps.
pub(super) struct SleepSave {
    /// Its place in the owner's list.
    pub(super) place: usize,
    pub(super) name: Arc<str>,
    pub(super) ticket: u64,
    pub(super) slept: Slept,
}

/// A change of the previews that are remembered.
pub(super) struct PreviewSave {
    /// Who waits for it; `None` when nobody does.
    pub(super) operation: Option<u64>,
    pub(super) environment: String,
    pub(super) change: PreviewChange,
}

/// What changes.
pub(super) enum PreviewChange {
    /// One is opened, unless its environment has moved on before.
    Open(Preview),
    /// Those that were opened by these operations are over.
    End(Vec<u64>),
}

impl PreviewSave {
    fn apply(&self, state: &mut State) {
        match &self.change {
            PreviewChange::Open(preview) => {
                let known = state.environments.get(&self.environment);
                if known.is_some_and(|known| known.generation == preview.generation) {
                    state.previews.add(preview.clone());
                }
            }
            PreviewChange::End(numbers) => state.previews.remove(numbers),
        }
    }
}

impl Saves {
    pub(super) fn new(store: Box<dyn StateStore>, state: State) -> Self {
        Self {
            store: Arc::new(Mutex::new(store)),
            next_operation: state.next_operation,
            state,
            queue: VecDeque::new(),
            current: None,
            trouble: None,
        }
    }

    /// As it is on disk.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Reads what is on disk, where another process may have saved since. Blocks.
    pub(super) fn on_disk(&self) -> impl FnOnce() -> Result<State, String> + Send + 'static {
        let store = self.store.clone();
        move || store.lock().unwrap_or_else(PoisonError::into_inner).saved()
    }

    /// What an operator should know: nothing can be switched until it is repaired.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// Whether more waits to be saved.
    pub(super) fn is_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes its turn.
    pub(super) fn push(&mut self, save: Save) {
        self.queue.push_back(save);
    }

    /// A number that was never given before.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next_operation;
        self.next_operation += 1;
        number
    }

    /// Waits for the save that is under way.
    pub(super) async fn stop(&mut self) -> Left {
        let current = self.current.take();
        let mut waiting = VecDeque::new();
        if let Some((save, task)) = current {
            // It reports to the mailbox, which nobody reads any more.
            let _ = task.await;
            waiting.push_back(save);
        }
        waiting.append(&mut self.queue);
        let mut left = Left::default();
        for save in waiting {
            match save {
                Save::Number(one) => left.asked.push(one),
                Save::Maintenance(toggle) => left.toggles.push(toggle),
                Save::Preview(save) => left.previews.push(save),
                // The switch and the reload are told by themselves.
                Save::Environment { .. } | Save::Reload(_) | Save::Sleep(_) => {}
            }
        }
        left
    }

    /// Begins the next save, unless one is under way.
    pub(super) fn next(&mut self, errands: &Errands) {
        if self.current.is_some() {
            return;
        }
        let Some(save) = self.queue.pop_front() else {
            return;
        };
        let mut state = self.state.clone();
        // What began by itself has a number that nobody has saved.
        state.next_operation = state.next_operation.max(self.next_operation);
        match &save {
            // It is among those that were given.
            Save::Number(_) => {}
            Save::Environment { name, state: new, .. } => {
                state.previews.move_on(name, new.generation);
                state.environments.insert(name.to_string(), new.clone());
            }
            Save::Reload(states) => {
                for (name, new) in states {
                    state.previews.move_on(name, new.generation);
                }
                state.environments.extend(states.clone());
            }
            Save::Sleep(save) => drop(state.sleep.insert(save.name.to_string(), save.slept.clone())),
            Save::Maintenance(toggle) => toggle.apply(&mut state),
            Save::Preview(save) => save.apply(&mut state),
        }
        let (store, reply) = (self.store.clone(), errands.reply());
        let task = tokio::task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            let result = store.save(&state);
            let state = Box::new(state);
            reply.send(Message::Saved { state, result });
        });
        self.current = Some((save, task));
    }

    /// A save is over. Returns which.
    pub(super) fn over(&mut self, state: State, result: &Result<Durability, String>, now: Moment) -> Option<Save> {
        match result {
            Ok(_) => {
                self.state = state;
                self.trouble = None;
            }
            Err(error) => {
                self.trouble = Some(format!(
                    "{error} (at {}); what is served goes on, but nothing can be switched until that is repaired",
                    now.written()
                ));
            }
        }
        self.current.take().map(|(save, _)| save)
    }
}
