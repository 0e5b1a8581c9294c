//! One service on one core: what serves it, and the core's connections to it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::activation::{Activation, Patience};
use super::hold::Queue;
use super::pool::Pool;
use super::retry::RetryBudget;
use super::routing::Live;
use super::wakers::Wakers;
use crate::config::{self, Reuse};
use crate::telemetry::metrics::CoreCounters;

/// A service as one core serves it.
pub(super) struct CoreService {
    pub(super) config: Arc<config::Service>,
    pub(super) activation: Arc<Activation>,
    pub(super) pool: Pool,
    pub(super) retry_budget: RetryBudget,
    /// Where requests wait while the app cannot be reached.
    pub(super) queue: Arc<Queue>,
    /// The instances' addresses as the log writes them.
    addresses: Vec<String>,
    pub(super) core: usize,
    /// Streams that wait for bytes; woken when patience ends.
    pub(super) streams: RefCell<Wakers>,
    noticed: Cell<Patience>,
}

impl CoreService {
    pub(super) fn new(live: &Live, core: usize, queue: Arc<Queue>) -> Self {
        Self {
            config: live.service.clone(),
            activation: live.activation.clone(),
            pool: Pool::new(live.activation.addresses.len(), live.service.keepalive.idle),
            retry_budget: RetryBudget::default(),
            queue,
            addresses: live.activation.addresses.iter().map(ToString::to_string).collect(),
            core,
            streams: RefCell::default(),
            noticed: Cell::new(Patience::Open),
        }
    }

    /// This core's counters of the activation.
    pub(super) fn counters(&self) -> &CoreCounters {
        self.activation.core(self.core)
    }

    /// The path prefix that the app does not see.
    pub(super) fn stripped(&self) -> &str {
        if self.config.strip_prefix {
            &self.config.path
        } else {
            ""
        }
    }

    /// Whether every method may ride a reused connection (N10).
    pub(super) fn reuses_for_all(&self) -> bool {
        self.config.keepalive.reuse == Reuse::Always
    }

    /// The instances' addresses as the log writes them.
    pub(super) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Wakes the streams if patience has changed since it was looked at last.
    pub(super) fn announce_patience(&self) {
        let patience = self.activation.patience();
        if patience != self.noticed.get() {
            self.noticed.set(patience);
            self.streams.borrow_mut().wake_all();
        }
    }
}
