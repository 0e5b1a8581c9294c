//! One environment, as the switcher keeps it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::pause::Pause;
use crate::config::Service;
use crate::control::evidence::figures::Publication;
use crate::model::api::{Event, Holder};
use crate::model::slot::Generation;
use crate::model::switch::Switch;
use crate::proxy::Activation;

/// One environment.
pub(super) struct Room {
    pub(super) name: Arc<str>,
    pub(super) switch: Switch,
    /// The services with two sides, as the switch counts them.
    pub(super) pairs: Vec<Arc<Service>>,
    /// Where the events of operations go.
    pub(super) streams: HashMap<u64, mpsc::UnboundedSender<Event>>,
    pub(super) publications: BTreeMap<Generation, Publication>,
    pub(super) retired: Vec<Retired>,
    /// Who holds it, when that is not the switch.
    pub(super) held: Option<Holder>,
    pub(super) pause: Option<Pause>,
    /// Not in the file any more; what it served may still drain.
    pub(super) gone: bool,
}

impl Room {
    pub(super) fn new(name: Arc<str>, switch: Switch, pairs: Vec<Arc<Service>>) -> Self {
        Self {
            name,
            switch,
            pairs,
            streams: HashMap::new(),
            publications: BTreeMap::new(),
            retired: Vec::new(),
            held: None,
            pause: None,
            gone: false,
        }
    }

    /// Who holds the environment (N5).
    pub(super) fn holder(&self) -> Option<Holder> {
        self.held.clone().or_else(|| self.switch.holder())
    }
}

/// An old side that still drains.
pub(super) struct Retired {
    pub(super) left: Generation,
    pub(super) activation: Arc<Activation>,
}
