//! Where it is published: the snapshot that every core reads, and the data plane that is told of it.

use std::rc::Rc;
use std::sync::Arc;

use crate::control::ports::{Elders, Keeping, Plane};
use crate::model::slot::{Address, Generation, Slot};
use crate::proxy::Activation;
use crate::proxy::{Routing, Snapshot};
use crate::telemetry::Totals;

/// The way to what is served.
pub(super) struct Publisher {
    routing: Arc<Routing>,
    pub(super) plane: Arc<dyn Plane>,
    /// Processes that were the front door before this one, and have not let go of everything.
    pub(super) elders: Rc<dyn Elders>,
    /// Keeps files of sides that leave.
    pub(super) keeping: Rc<dyn Keeping>,
    /// What every slot has done.
    totals: Totals,
}

impl Publisher {
    pub(super) fn new(
        routing: Arc<Routing>,
        plane: Arc<dyn Plane>,
        elders: Rc<dyn Elders>,
        keeping: Rc<dyn Keeping>,
        totals: Totals,
    ) -> Self {
        Self {
            routing,
            plane,
            elders,
            keeping,
            totals,
        }
    }

    /// What every slot has done.
    pub(super) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// What is published.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.routing.load()
    }

    /// Publishes, then closes: a request that is turned away at an old gate finds the new snapshot.
    pub(super) fn publish<'a>(&self, snapshot: Snapshot, closing: impl IntoIterator<Item = &'a Arc<Activation>>) {
        self.routing.publish(snapshot);
        for activation in closing {
            activation.close();
        }
        self.plane.poke();
    }

    /// A new live period of a service. What runs there already keeps the version that it was heard to call itself, and a folder
    /// that is served already stays the one that was opened.
    pub(super) fn activation(
        &self,
        (environment, service): (&Arc<str>, &Arc<str>),
        slot: Slot,
        generation: Generation,
        addresses: Vec<Address>,
    ) -> Arc<Activation> {
        let (environment, service) = (environment.clone(), service.clone());
        let new = Activation::new(environment, service, slot, generation, addresses, &self.totals);
        let snapshot = self.snapshot();
        let same = |old: &&Arc<Activation>| {
            (&old.environment, &old.service, &old.addresses) == (&new.environment, &new.service, &new.addresses)
        };
        let old = snapshot.services().iter().map(|live| &live.activation).find(same);
        if let Some(version) = old.and_then(|old| old.version()) {
            new.is_called(Some(&version));
        }
        if let Some(folder) = old.and_then(|old| old.folder()) {
            new.takes_over(folder);
        }
        new
    }

    /// A new live period of the same slot, in the same generation.
    pub(super) fn again(&self, activation: &Activation) -> Arc<Activation> {
        let names = (&activation.environment, &activation.service);
        let addresses = activation.addresses.clone();
        self.activation(names, activation.slot, activation.generation, addresses)
    }
}
