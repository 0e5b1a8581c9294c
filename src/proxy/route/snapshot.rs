//! The snapshot that every request reads once, and the one place that publishes a new one.
//!
//! A snapshot is immutable. An environment's services switch together because they stand in one snapshot, and that is stored
//! with one atomic store (N3).

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::activation::Activation;
use super::bell::Asleep;
use super::maintenance::MaintenancePage;
use super::preview::OpenPreview;
use crate::config::{self, Config, Tls};
use crate::http1::head::Method;
use crate::model::error_pages::ErrorPages;
use crate::model::log_query::LogQuery;
use crate::model::routes::RouteTable;
use crate::model::slot::Address;
use crate::proxy::files::folder::Folder;

/// What a host and path lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// The service at this place of [`Snapshot::services`].
    Service(usize),
    /// The redirect at this place of [`Snapshot::redirects`].
    Redirect(usize),
}

/// What an environment does with new requests. Those that hold a claim already are not concerned, and neither is what the
/// daemon asks itself.
#[derive(Debug, Clone, Default)]
pub struct Stance {
    /// They are answered with 503 and this page, but for the clients that it lets in.
    pub maintenance: Option<Arc<MaintenancePage>>,
    /// Which of them wait in the queue of their service, within the bounds of `hold`, and own no claim (N13, N35). What ends it is
    /// another stance: then each resolves its route again. A client that maintenance lets in waits too.
    pub held: Held,
    /// Its app does not run: they wait as in a pause, and the first of them rings (N36).
    pub sleep: Option<Asleep>,
}

/// Which new requests wait for the end of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Held {
    /// None: there is no pause.
    #[default]
    Nothing,
    /// Those that may change something.
    Writes,
    /// All of them.
    Everything,
}

impl Held {
    /// Whether a request with this method waits.
    #[must_use]
    pub fn holds(self, method: Method) -> bool {
        match self {
            Self::Nothing => false,
            Self::Writes => !method.is_safe(),
            Self::Everything => true,
        }
    }
}

impl Stance {
    /// Whether new requests of every client are forwarded.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.maintenance.is_none() && self.held == Held::Nothing && self.sleep.is_none()
    }
}

/// A service and what serves it.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its configuration.
    pub service: Arc<config::Service>,
    /// The live period of its live slot.
    pub activation: Arc<Activation>,
    /// What its environment does with new requests.
    pub stance: Stance,
    /// Where the side before this one runs, or ran (N23); `None` where there was none.
    pub previous: Option<Previous>,
}

/// The side before the live one.
#[derive(Debug, Clone)]
pub struct Previous {
    /// Where it runs, or ran; at least one.
    pub addresses: Arc<[Address]>,
    /// The folder that it is, if it is one.
    pub folder: Option<Arc<Folder>>,
    /// The folder that was looked into before it, if one was.
    pub public: Option<Arc<Folder>>,
}

impl Previous {
    /// The side at these addresses, as it is found there now, beside the live one.
    fn at(addresses: &[Address], live: &Live) -> Self {
        let folder = addresses.first().and_then(Address::folder);
        let public = live.service.public.as_ref();
        let public = public.and_then(|public| public.of(live.activation.slot.other()));
        Self {
            addresses: addresses.into(),
            folder: folder.map(Folder::new),
            public: public.map(Folder::new),
        }
    }

    /// The side that an activation leaves behind, as it was opened for that.
    fn left_by(activation: &Activation) -> Self {
        Self {
            addresses: activation.addresses.as_slice().into(),
            folder: activation.folder().cloned(),
            public: activation.public(),
        }
    }
}

impl Live {
    fn is(&self, environment: &str, service: &str) -> bool {
        *self.service.environment == *environment && *self.service.name == *service
    }
}

/// Everything that a request has to know. Cheap to derive from the one before: the table is shared.
#[derive(Debug, Clone)]
pub struct Snapshot {
    table: Arc<RouteTable<Destination>>,
    redirects: Arc<[config::Redirect]>,
    services: Vec<Live>,
    /// `None` where no token of a preview can be around.
    previews: Option<Arc<[OpenPreview]>>,
    elsewhere: Arc<Elsewhere>,
}

/// What holds for requests that reach no service.
#[derive(Debug)]
struct Elsewhere {
    log_query: LogQuery,
    /// For those whose host is no environment's.
    error_pages: Option<Arc<ErrorPages>>,
    /// For those to a host of an environment, by its name.
    of_environments: Vec<(Arc<str>, Option<Arc<ErrorPages>>)>,
}

impl Elsewhere {
    fn new(config: &Config) -> Self {
        let environments = config.environments.iter();
        let of_environments =
            environments.map(|environment| (environment.name.clone(), environment.error_pages.clone()));
        Self {
            log_query: config.log_query.clone(),
            error_pages: config.error_pages.clone(),
            of_environments: of_environments.collect(),
        }
    }
}

impl Snapshot {
    /// The snapshot of a configuration; `live` names the activation of each service. Every environment is open, and no service
    /// has a previous side: see [`Snapshot::inheriting`].
    pub fn new(config: &Config, mut live: impl FnMut(&Arc<config::Service>) -> Arc<Activation>) -> Self {
        let mut rules = Vec::new();
        let mut services = Vec::new();
        for service in config.services() {
            for host in &service.hosts {
                rules.push((host.clone(), service.path.clone(), Destination::Service(services.len())));
            }
            services.push(Live {
                service: service.clone(),
                activation: live(service),
                stance: Stance::default(),
                previous: None,
            });
        }
        for (index, redirect) in config.redirects.iter().enumerate() {
            rules.push((
                redirect.host.clone(),
                redirect.path.clone(),
                Destination::Redirect(index),
            ));
        }
        Self {
            table: Arc::new(RouteTable::from_iter(rules)),
            redirects: config.redirects.clone().into(),
            services,
            previews: None,
            elsewhere: Arc::new(Elsewhere::new(config)),
        }
    }

    /// This snapshot with other activations for the services that they belong to. Where the addresses differ, those that are
    /// left become the previous side. In another generation the previews of their environment are over.
    #[must_use]
    pub fn with(&self, activations: &[Arc<Activation>]) -> Self {
        let mut next = self.clone();
        for live in &mut next.services {
            let same = |activation: &&Arc<Activation>| live.is(&activation.environment, &activation.service);
            if let Some(activation) = activations.iter().find(same) {
                if activation.addresses != live.activation.addresses {
                    live.previous = Some(Previous::left_by(&live.activation));
                }
                live.activation = activation.clone();
            }
        }
        let is_over = |open: &OpenPreview| {
            let mut own = activations
                .iter()
                .filter(|new| *new.environment == *open.preview.environment);
            own.any(|new| new.generation != open.preview.generation)
        };
        if let Some(previews) = &self.previews
            && previews.iter().any(is_over)
        {
            next.previews = Some(previews.iter().filter(|open| !is_over(open)).cloned().collect());
        }
        next
    }

    /// This snapshot with other previews; `None` where no token can be around.
    #[must_use]
    pub fn with_previews(&self, previews: Option<Arc<[OpenPreview]>>) -> Self {
        Self {
            previews,
            ..self.clone()
        }
    }

    /// This snapshot with another stance for the services of an environment. After the publish, poke the data plane: it looks
    /// at what waits.
    #[must_use]
    pub fn with_stance(&self, environment: &str, stance: &Stance) -> Self {
        let mut next = self.clone();
        for live in &mut next.services {
            if *live.service.environment == *environment {
                live.stance = stance.clone();
            }
        }
        next
    }

    /// This snapshot with a previous side for one service.
    #[must_use]
    pub fn with_previous(&self, environment: &str, service: &str, addresses: &[Address]) -> Self {
        let mut next = self.clone();
        for live in &mut next.services {
            if live.is(environment, service) {
                let known = live.previous.take_if(|known| *known.addresses == *addresses);
                let found = known.or_else(|| (!addresses.is_empty()).then(|| Previous::at(addresses, live)));
                live.previous = found;
            }
        }
        next
    }

    /// This snapshot with the stances and previous sides of the one that it follows, where the services are still there.
    #[must_use]
    pub fn inheriting(&self, before: &Self) -> Self {
        let mut next = self.clone();
        for live in &mut next.services {
            let environment = &live.service.environment;
            if let Some(known) = before
                .services
                .iter()
                .find(|known| known.service.environment == *environment)
            {
                live.stance = known.stance.clone();
            }
            let same = |known: &&Live| known.is(environment, &live.service.name);
            if let Some(known) = before.services.iter().find(same) {
                live.previous = known.previous.clone();
            }
        }
        next
    }

    /// What an environment does with new requests; open where there is none of that name.
    #[must_use]
    pub fn stance(&self, environment: &str) -> Stance {
        let mut services = self.services.iter();
        let found = services.find(|live| *live.service.environment == *environment);
        found.map_or_else(Stance::default, |live| live.stance.clone())
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

    /// The open previews; `None` where no token can be around.
    #[must_use]
    pub fn previews(&self) -> Option<&Arc<[OpenPreview]>> {
        self.previews.as_ref()
    }

    /// Every redirect.
    #[must_use]
    pub fn redirects(&self) -> &[config::Redirect] {
        &self.redirects
    }

    /// What the access log says of the queries of requests that reach no service.
    #[must_use]
    pub fn log_query(&self) -> &LogQuery {
        &self.elsewhere.log_query
    }

    /// Pages for the errors of requests that reach no service: those of the environment that a canonical host belongs to, else those of
    /// `[defaults]`, also for a host that several environments share.
    #[must_use]
    pub fn error_pages(&self, host: &str) -> Option<&Arc<ErrorPages>> {
        let targets = self.table.targets(host);
        let mut environments = targets.filter_map(|destination| match destination {
            Destination::Service(index) => Some(&self.services[*index].service.environment),
            Destination::Redirect(_) => None,
        });
        let first = environments.next();
        let Some(environment) = first.filter(|first| environments.all(|other| other == *first)) else {
            return self.elsewhere.error_pages.as_ref();
        };
        let known = &self.elsewhere.of_environments;
        let found = known.iter().find(|(name, _)| name == environment);
        found.and_then(|(_, pages)| pages.as_ref())
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
    pub(crate) fn swap(&self) -> &Arc<ArcSwap<Snapshot>> {
        &self.current
    }
}
