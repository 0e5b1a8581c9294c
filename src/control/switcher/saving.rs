//! Saves, one after the other: each contains what those before it saved, and nothing of one that failed. Memory and disk never
//! differ.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::{Asked, Message, Owner};
use crate::control::ports::{Durability, StateStore};
use crate::model::state::{EnvironmentState, State};
use crate::model::switch::{Input, Ticket};

/// The saved state, and what waits to be saved.
pub(super) struct Saving {
    store: Arc<Mutex<Box<dyn StateStore>>>,
    /// As it is on disk, or was never changed.
    state: State,
    /// The number that the next operation gets; on disk before the operation begins.
    next_operation: u64,
    queue: VecDeque<Save>,
    current: Option<(Save, JoinHandle<()>)>,
}

pub(super) enum Save {
    /// An operation's number.
    Number(Asked),
    /// What an environment is about to be.
    Environment {
        room: usize,
        name: String,
        ticket: Ticket,
        state: EnvironmentState,
    },
}

impl Saving {
    pub(super) fn new(store: Box<dyn StateStore>, state: State) -> Self {
        Self {
            store: Arc::new(Mutex::new(store)),
            next_operation: state.next_operation,
            state,
            queue: VecDeque::new(),
            current: None,
        }
    }

    /// A number that was never given before.
    pub(super) fn number(&mut self) -> u64 {
        let number = self.next_operation;
        self.next_operation += 1;
        number
    }

    /// The operation begins when its number is saved.
    pub(super) fn ask(&mut self, asked: Asked) {
        self.queue.push_back(Save::Number(asked));
    }

    /// The environment's switch hears how it went.
    pub(super) fn environment(&mut self, room: usize, name: String, ticket: Ticket, state: EnvironmentState) {
        self.queue.push_back(Save::Environment {
            room,
            name,
            ticket,
            state,
        });
    }

    /// Waits for the save that is under way. Returns the operations that have not begun.
    pub(super) async fn stop(&mut self) -> Vec<Asked> {
        let current = self.current.take();
        let mut waiting = VecDeque::new();
        if let Some((save, task)) = current {
            // It reports to the mailbox, which nobody reads any more.
            let _ = task.await;
            waiting.push_back(save);
        }
        waiting.append(&mut self.queue);
        let asked = waiting.into_iter().filter_map(|save| match save {
            Save::Number(asked) => Some(asked),
            Save::Environment { .. } => None,
        });
        asked.collect()
    }
}

impl Owner {
    /// Begins the next save, unless one is under way.
    pub(super) fn save_next(&mut self) {
        if self.saving.current.is_some() {
            return;
        }
        let Some(save) = self.saving.queue.pop_front() else {
            return;
        };
        let mut state = self.saving.state.clone();
        match &save {
            Save::Number(asked) => state.next_operation = state.next_operation.max(asked.operation + 1),
            Save::Environment { name, state: new, .. } => {
                state.environments.insert(name.clone(), new.clone());
            }
        }
        let (store, mailbox) = (self.saving.store.clone(), self.mailbox.clone());
        let task = tokio::task::spawn_blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            let result = store.save(&state);
            let state = Box::new(state);
            let _ = mailbox.send(Message::Saved { state, result });
        });
        self.saving.current = Some((save, task));
    }

    /// A save is over.
    pub(super) fn saved(&mut self, state: State, result: Result<Durability, String>) {
        if result.is_ok() {
            self.saving.state = state;
        }
        match self.saving.current.take().map(|(save, _)| save) {
            None => {}
            Some(Save::Number(asked)) => {
                // It goes on: the switch itself will have to be saved, and that decides.
                if let Err(error) = &result {
                    tracing::warn!(operation = asked.operation, %error, "the operation's number could not be saved");
                }
                self.begin(asked);
            }
            Some(Save::Environment { room, ticket, .. }) => {
                self.inputs.push_back((room, Input::Persisted { ticket, result }));
            }
        }
        self.save_next();
    }
}
