//! The snapshot that every request reads once, and the one place that publishes a new one.
//!
//! A snapshot is immutable. An environment's services switch together because they stand in one snapshot, and that is stored
//! with one atomic store (N3).

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::activation::Activation;
use crate::config::{self, Config, Tls};
use crate::model::routes::RouteTable;

/// What a host and path lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The service at this place of [`Snapshot::services`].
    Service(usize),
    /// The redirect at this place of [`Snapshot::redirects`].
    Redirect(usize),
}

/// A service and what serves it.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its configuration.
    pub service: Arc<config::Service>,
    /// The live period of its live slot.
    pub activation: Arc<Activation>,
}

/// Everything that a request has to know. Cheap to derive from the one before: the table is shared.
#[derive(Debug, Clone)]
pub struct Snapshot {
    table: Arc<RouteTable<Destination>>,
    redirects: Arc<[config::Redirect]>,
    services: Vec<Live>,
}

impl Snapshot {
    /// The snapshot of a configuration; `live` names the activation of each service.
    pub fn new(config: &Config, mut live: impl FnMut(&Arc<config::Service>) -> Arc<Activation>) -> Self {
        let mut rules = Vec::new();
        let mut services = Vec::new();
        for service in config.environments.iter().flat_map(|environment| &environment.services) {
            for host in &service.hosts {
                rules.push((host.clone(), service.path.clone(), Destination::Service(services.len())));
            }
            services.push(Live {
                service: service.clone(),
                activation: live(service),
            });
        }
        for (index, redirect) in config.redirects.iter().enumerate() {
            rules.push((redirect.host.clone(), Arc::from("/"), Destination::Redirect(index)));
        }
        Self {
            table: Arc::new(RouteTable::from_iter(rules)),
            redirects: config.redirects.clone().into(),
            services,
        }
    }

    /// The same, but with other activations for the services that they belong to.
    #[must_use]
    pub fn with(&self, activations: &[Arc<Activation>]) -> Self {
        let mut next = self.clone();
        for live in &mut next.services {
            let same = |activation: &&Arc<Activation>| {
                activation.service == live.service.name && activation.environment == live.service.environment
            };
            if let Some(activation) = activations.iter().find(same) {
                live.activation = activation.clone();
            }
        }
        next
    }

    /// Host and path → destination.
    #[must_use]
    pub fn table(&self) -> &RouteTable<Destination> {
        &self.table
    }

    /// Every service with what serves it, in the order of the configuration.
    #[must_use]
    pub fn services(&self) -> &[Live] {
        &self.services
    }

    /// Every redirect.
    #[must_use]
    pub fn redirects(&self) -> &[config::Redirect] {
        &self.redirects
    }

    /// How a destination is served: with which certificates, or on the plain port.
    #[must_use]
    pub fn tls_of(&self, destination: Destination) -> &Tls {
        match destination {
            Destination::Service(index) => &self.services[index].service.tls,
            Destination::Redirect(index) => &self.redirects[index].tls,
        }
    }
}

/// The current snapshot. Only `control::switcher` publishes.
#[derive(Debug)]
pub struct Routing {
    current: Arc<ArcSwap<Snapshot>>,
}

impl Routing {
    /// Starts with a snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Arc<Self> {
        Arc::new(Self {
            current: Arc::new(ArcSwap::from_pointee(snapshot)),
        })
    }

    /// Makes a snapshot the current one, for every core at once. Close the gates of what it leaves behind *after* this.
    pub fn publish(&self, snapshot: Snapshot) {
        self.current.store(Arc::new(snapshot));
    }

    /// The current snapshot.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// The swap itself, for a core's cache.
    pub(super) fn swap(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.current
    }
}
