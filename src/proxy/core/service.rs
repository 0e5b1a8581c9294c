//! One service on one core: what serves it, and the core's connections to it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::time::Instant;

use super::shared::Shared;
use crate::config::{self, Auth, Reuse};
use crate::proxy::access::guard::Guard;
use crate::proxy::assets::ServiceAssets;
use crate::proxy::auth_service::auth_service::AuthService;
use crate::proxy::files::folder::Folder;
use crate::proxy::limit::limits::PolicyLimits;
use crate::proxy::message::prefix::Inner;
use crate::proxy::route::activation::{Activation, Patience};
use crate::proxy::stock::wakers::Wakers;
use crate::proxy::upstream::pool::Pool;
use crate::proxy::upstream::retry::RetryBudget;
use crate::proxy::wait::queue::Queue;
use crate::telemetry::{CoreCounters, Ended, Origin};

/// How requests under one policy enter a service.
pub(crate) struct Door {
    /// Who may; `None` is everybody.
    pub(crate) guard: Option<Guard>,
    /// Who is asked, where the guard wants that. Policies that name the same service share one.
    pub(crate) auth_service: Option<Rc<AuthService>>,
    /// How much clients may have at a time.
    pub(crate) limits: PolicyLimits,
}

/// A service as one core serves it.
pub(crate) struct CoreService {
    pub(crate) config: Arc<config::Service>,
    pub(crate) activation: Arc<Activation>,
    pub(crate) pool: Pool,
    pub(crate) retry_budget: RetryBudget,
    /// How requests enter, by the place of the policy that they are under; there is at least one.
    doors: Box<[Door]>,
    /// The number of the preview that it serves; `None` is everybody.
    pub(crate) preview: Option<u64>,
    /// The folder that answers in place of an app, if one does.
    pub(crate) folder: Option<Arc<Folder>>,
    /// The folder that is looked into before the app, if one is.
    pub(crate) public: Option<Arc<Folder>>,
    /// Its files that outlive their version, where they are kept.
    pub(crate) assets: Option<Arc<ServiceAssets>>,
    /// Where requests wait while the app cannot be reached.
    pub(crate) queue: Arc<Queue>,
    /// Where requests that write wait for the end of a pause of writes.
    pub(crate) writes: Arc<Queue>,
    /// The instances' addresses as the log writes them.
    addresses: Vec<String>,
    /// What all lines of the log say of the activation.
    origin: Origin,
    /// Where its health is looked up from outside: such a look is no request of anybody's.
    health_path: Option<Box<[u8]>>,
    pub(crate) core: usize,
    /// Streams that wait for bytes; woken when patience ends.
    pub(crate) streams: RefCell<Wakers>,
    noticed: Cell<Patience>,
}

impl CoreService {
    /// A service with this configuration, served by this activation: for everybody, or for those who see the preview with this number.
    pub(crate) fn new(
        config: &Arc<config::Service>,
        activation: &Arc<Activation>,
        preview: Option<u64>,
        core: usize,
        shared: &Shared,
    ) -> Self {
        let limits = shared.limits.of(config);
        let mut auth_services = Vec::new();
        let doors = config.policies().zip(limits).map(|(policy, limits)| Door {
            guard: Guard::of(&policy.auth, &shared.front.users),
            auth_service: auth_service(&policy.auth, shared, &mut auth_services),
            limits,
        });
        let public = config.public.as_ref();
        let (environment, service) = (&activation.environment, &activation.service);
        Self {
            origin: Origin::new(environment, service, activation.slot.as_str(), activation.generation.0),
            health_path: health_path(config, activation),
            config: config.clone(),
            activation: activation.clone(),
            preview,
            pool: Pool::new(activation.addresses.len(), config.keepalive.idle),
            retry_budget: RetryBudget::default(),
            doors: doors.collect(),
            folder: activation.folder().cloned(),
            public: public.and_then(|public| Some(activation.public_at(public.of(activation.slot)?))),
            // A version that nobody has but those who try it leaves nothing behind.
            assets: config
                .stale_keep
                .filter(|_| preview.is_none())
                .map(|_| shared.front.assets.of(environment, service)),
            queue: shared.queues.of(config, false),
            writes: shared.queues.of(config, true),
            addresses: activation.addresses.iter().map(ToString::to_string).collect(),
            core,
            streams: RefCell::default(),
            noticed: Cell::new(Patience::Open),
        }
    }

    /// This core's counters of the activation.
    pub(crate) fn counters(&self) -> &CoreCounters {
        self.activation.core(self.core)
    }

    /// An exchange with it has ended; `path` is what the client asked for.
    pub(crate) fn count(&self, ended: &Ended<'_>, path: &[u8]) {
        let counters = self.counters();
        if ended.termination.is_over_a_limit() {
            // Not among those that were served: a flood of refusals would hide what the app does.
            counters.turned_away();
        } else {
            counters.answered(ended);
        }
        if self.health_path.as_deref().is_none_or(|health| health != path) {
            counters.note(ended);
        }
    }

    /// Closes connections that have been idle long enough.
    pub(crate) fn sweep(&self, now: Instant) {
        self.pool.sweep(now);
        for auth_service in self.auth_services() {
            auth_service.sweep(now);
        }
    }

    /// Closes idle connections, and keeps none any more.
    pub(crate) fn close(&self) {
        self.pool.close();
        for auth_service in self.auth_services() {
            auth_service.close();
        }
    }

    fn auth_services(&self) -> impl Iterator<Item = &AuthService> {
        self.doors.iter().filter_map(|door| door.auth_service.as_deref())
    }

    /// How requests under the policy at this place enter.
    pub(crate) fn door(&self, policy: u16) -> &Door {
        self.doors.get(usize::from(policy)).unwrap_or(&self.doors[0])
    }

    /// What the app sees of a path that is under the policy at this place.
    pub(crate) fn inner(&self, policy: u16) -> Inner<'_> {
        match &self.config.policy(policy).rewrite {
            Some(relocation) => Inner::Rewritten(relocation),
            None => Inner::Stripped(self.config.stripped()),
        }
    }

    /// Whether every method may ride a reused connection (N10).
    pub(crate) fn reuses_for_all(&self) -> bool {
        self.config.keepalive.reuse == Reuse::Always
    }

    /// The instances' addresses as the log writes them.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// What all lines of the log say of the activation.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Wakes the streams if patience has changed since it was looked at last.
    pub(crate) fn announce_patience(&self) {
        let patience = self.activation.patience();
        if patience != self.noticed.get() {
            self.noticed.set(patience);
            self.streams.borrow_mut().wake_all();
        }
    }
}

/// Where a client finds the health check of an app that has one of its own. The first page is a page, whoever looks at it.
fn health_path(config: &config::Service, activation: &Activation) -> Option<Box<[u8]>> {
    let address = activation
        .addresses
        .first()
        .filter(|address| address.folder().is_none())?;
    let path = config.health.path.at(address);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    (path != "/").then(|| config.outer_path(path).into_bytes().into())
}

/// Who is asked under a policy: one that is known already, or a new one.
fn auth_service(auth: &Auth, shared: &Shared, known: &mut Vec<Rc<AuthService>>) -> Option<Rc<AuthService>> {
    let forward = auth.forward.as_ref()?;
    if let Some(same) = known.iter().find(|other| other.forward == *forward) {
        return Some(same.clone());
    }
    let standing = shared.standings.of(&forward.address);
    let new = Rc::new(AuthService::new(forward.clone(), standing));
    known.push(new.clone());
    Some(new)
}
