//! The queues of all services, as the control plane reaches them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::outage::Sign;
use super::queue::{Queue, Waiting};
use crate::config::Service;
use crate::model::hold::Refusal;
use crate::model::slot::Address;

/// The queues of all services.
#[derive(Debug, Default)]
pub(crate) struct Queues(Mutex<HashMap<Name, Arc<Queue>>>);

/// Environment and service, and whether it is of writes.
type Name = (Arc<str>, Arc<str>, bool);

impl Queues {
    /// The queue of a service, or the one of its requests that write, which wait for the end of a pause.
    pub(crate) fn of(&self, service: &Service, writes: bool) -> Arc<Queue> {
        let mut queues = self.lock();
        // Queues of services that are gone with a reload.
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        let name = (service.environment.clone(), service.name.clone(), writes);
        let queue = queues.entry(name).or_insert_with_key(|(environment, service, writes)| {
            Arc::new(Queue::new(environment.clone(), service.clone(), *writes))
        });
        queue.clone()
    }

    /// What `status` tells of one service.
    pub(crate) fn waiting(&self, environment: &str, service: &str) -> Waiting {
        let mut waiting = Waiting::default();
        if let Some(queue) = self.find(environment, service, false) {
            waiting = queue.waiting();
        }
        if let Some(writes) = self.find(environment, service, true) {
            waiting.held += writes.waiting().held;
        }
        waiting
    }

    /// A look at an instance that serves, or should.
    pub(crate) fn looked(&self, environment: &str, service: &str, address: &Address, sign: &Sign) {
        if let Some(queue) = self.find(environment, service, false) {
            queue.looked(address, sign);
        }
    }

    /// The instances that serve a service from now on.
    pub(crate) fn keep(&self, environment: &str, service: &str, in_use: &[Address]) {
        if let Some(queue) = self.find(environment, service, false) {
            queue.keep(in_use);
        }
    }

    /// The snapshot is another: every keeper looks at it.
    pub(crate) fn look(&self) {
        for queue in self.lock().values() {
            queue.look_again();
        }
    }

    /// Answers the requests that wait in an environment with 503, now: their pause or their waking ended badly.
    pub(crate) fn turn_away(&self, environment: &str, why: Refusal) {
        for queue in self.lock().values().filter(|queue| *queue.environment == *environment) {
            queue.refuse(why);
        }
    }

    /// Answers every request that waits with 503: the process ends. Returns how many they are.
    pub(crate) fn give_up(&self) -> usize {
        let queues = self.lock();
        queues.values().map(|queue| queue.refuse(Refusal::Stopping)).sum()
    }

    fn find(&self, environment: &str, service: &str, writes: bool) -> Option<Arc<Queue>> {
        let queues = self.lock();
        let mut queues = queues.values();
        let found = queues
            .find(|queue| *queue.environment == *environment && *queue.service == *service && queue.writes == writes);
        found.cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
