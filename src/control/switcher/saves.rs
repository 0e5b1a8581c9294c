//! Saves, one after the other: each contains what those before it saved, and nothing of one that failed. Memory and disk never
//! differ.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

use super::maintenance::Toggle;
use super::reload::Plan;
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
    /// Why the last save failed.
    trouble: Option<String>,
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
    /// What a reload is about to publish.
    Reload(Box<Plan>),
    /// Maintenance, on or off.
    Maintenance(Box<Toggle>),
}

impl Saving {
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

    /// What an operator should know: switches will fail until it is repaired.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The reload hears how it went.
    pub(super) fn reload(&mut self, plan: Box<Plan>) {
        self.queue.push_back(Save::Reload(plan));
    }

    /// Maintenance is on, or off, when it is saved.
    pub(super) fn maintenance(&mut self, toggle: Box<Toggle>) {
        self.queue.push_back(Save::Maintenance(toggle));
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

    /// Waits for the save that is under way. Returns the operations that have not begun, and what nobody will hear the end of
    /// otherwise.
    pub(super) async fn stop(&mut self) -> (Vec<Asked>, Vec<Toggle>) {
        let current = self.current.take();
        let mut waiting = VecDeque::new();
        if let Some((save, task)) = current {
            // It reports to the mailbox, which nobody reads any more.
            let _ = task.await;
            waiting.push_back(save);
        }
        waiting.append(&mut self.queue);
        let (mut asked, mut toggles) = (Vec::new(), Vec::new());
        for save in waiting {
            match save {
                Save::Number(one) => asked.push(one),
                Save::Maintenance(toggle) => toggles.push(*toggle),
                // The switch and the reload are told by themselves.
                Save::Environment { .. } | Save::Reload(_) => {}
            }
        }
        (asked, toggles)
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
            Save::Reload(plan) => state.environments.extend(plan.states().clone()),
            Save::Maintenance(toggle) => toggle.apply(&mut state),
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
        match &result {
            Ok(_) => {
                self.saving.state = state;
                self.saving.trouble = None;
            }
            Err(error) => {
                let now = self.moment().written();
                self.saving.trouble = Some(format!(
                    "{error} (at {now}); what is served goes on, but nothing can be switched until that is repaired"
                ));
            }
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
            Some(Save::Reload(plan)) => self.reload_saved(*plan, result),
            Some(Save::Maintenance(toggle)) => self.maintenance_saved(*toggle, result),
        }
        self.save_next();
    }
}
