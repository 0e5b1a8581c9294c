//! What one worker thread has for itself: its view of the snapshot, its pools, its end of the access log. Nothing in here is
//! shared with another core but `Shared`, which is written on accept and close only.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use crossbeam_utils::CachePadded;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::activation::{Activation, Patience};
use super::hold::{Queue, Queues};
use super::pool::Pool;
use super::request_id::RequestId;
use super::reserve::Reserve;
use super::retry::RetryBudget;
use super::routing::{Live, Snapshot};
use super::settings::{Front, Settings};
use crate::config::{self, Reuse};
use crate::telemetry::access_log::Lines;
use crate::telemetry::metrics::CoreCounters;

/// When draining, a connection that waits for a request is closed after this (N26).
const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// What all cores see. Connections touch it when they begin and end, requests read one flag of it.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) front: Front,
    /// Client connections of each core.
    pub(super) connections: Box<[CachePadded<AtomicUsize>]>,
    /// Connections that were open when draining began and still are.
    pub(super) connections_before_drain: AtomicUsize,
    /// Cores that have noticed that draining began.
    pub(super) cores_draining: AtomicUsize,
    pub(super) draining: AtomicBool,
    pub(super) stopping: AtomicBool,
    /// Wakes each core's caretaker.
    pub(super) pokes: Box<[Notify]>,
    /// Requests that wait for their app.
    pub(super) queues: Queues,
    /// Connections of each client address; loopback and trusted proxies are not in it.
    pub(super) per_client: Mutex<HashMap<IpAddr, usize>>,
}

impl Shared {
    pub(super) fn connections(&self) -> usize {
        self.connections.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Takes a place for one more connection of a client, unless it has its share already.
    pub(super) fn admit(&self, client: IpAddr) -> bool {
        if self.is_exempt(client) {
            return true;
        }
        let mut per_client = self.per_client.lock().unwrap_or_else(PoisonError::into_inner);
        let count = per_client.entry(network(client)).or_insert(0);
        let admitted = *count < self.settings.max_connections_per_client;
        *count += usize::from(admitted);
        admitted
    }

    /// Gives the place back.
    pub(super) fn dismiss(&self, client: IpAddr) {
        if self.is_exempt(client) {
            return;
        }
        let mut per_client = self.per_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = per_client.get_mut(&network(client)) {
            *count -= 1;
            if *count == 0 {
                per_client.remove(&network(client));
            }
        }
    }

    /// A trusted proxy carries many clients, and so does a tunnel that ends on this machine.
    fn is_exempt(&self, client: IpAddr) -> bool {
        client.is_loopback() || self.is_trusted(client)
    }

    /// Whether a peer's forwarding headers are believed.
    pub(super) fn is_trusted(&self, peer: IpAddr) -> bool {
        self.settings
            .trusted_proxies
            .iter()
            .any(|network| network.contains(&peer))
    }
}

/// What counts as one client: an IPv4 address, or the /64 that one IPv6 customer has.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}

/// One worker's own world.
pub(super) struct Core {
    pub(super) id: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) log: RefCell<Lines>,
    cache: RefCell<Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>>,
    view: RefCell<Rc<View>>,
    /// Services of older views that still hold claims; their streams have to hear that patience ends.
    retired: RefCell<Vec<Weak<CoreService>>>,
    /// Connections that wait for a request; woken when draining begins and when its grace ends.
    pub(super) waiting: RefCell<Wakers>,
    /// When draining began, as this core has noticed.
    pub(super) drain_began: Cell<Option<Instant>>,
    next_request: Cell<u64>,
    /// For the moment when there are no descriptors.
    pub(super) reserve: Reserve,
}

/// The snapshot as one core sees it.
pub(super) struct View {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) services: Vec<Rc<CoreService>>,
}

/// One service on one core: what serves it, and the core's connections to it.
pub(super) struct CoreService {
    pub(super) config: Arc<config::Service>,
    pub(super) activation: Arc<Activation>,
    pub(super) pool: Pool,
    pub(super) retry_budget: RetryBudget,
    /// Where requests wait while the app cannot be reached.
    pub(super) queue: Arc<Queue>,
    /// The instances' addresses as the log writes them.
    addresses: Vec<String>,
    core: usize,
    /// Streams that wait for bytes; woken when patience ends.
    streams: RefCell<Wakers>,
    noticed: Cell<Patience>,
}

impl Core {
    pub(super) fn new(id: usize, shared: Arc<Shared>, current: Arc<ArcSwap<Snapshot>>, log: Lines) -> Rc<Self> {
        let mut cache = Cache::new(current);
        let view = View::of(cache.load().clone(), id, &shared.queues, None);
        Rc::new(Self {
            id,
            shared,
            log: RefCell::new(log),
            cache: RefCell::new(cache),
            view: RefCell::new(Rc::new(view)),
            retired: RefCell::default(),
            waiting: RefCell::default(),
            drain_began: Cell::new(None),
            next_request: Cell::new(fastrand::u64(..)),
            reserve: Reserve::new(),
        })
    }

    /// The current snapshot. The load is relaxed: whoever needs one that is newer than a closed gate has claimed there before,
    /// and that claim acquired what was published (see `gate`).
    pub(super) fn view(&self) -> Rc<View> {
        let mut cache = self.cache.borrow_mut();
        let snapshot = cache.load();
        let mut view = self.view.borrow_mut();
        if !Arc::ptr_eq(&view.snapshot, snapshot) {
            let next = Rc::new(View::of(snapshot.clone(), self.id, &self.shared.queues, Some(&view)));
            let previous = std::mem::replace(&mut *view, next);
            let mut retired = self.retired.borrow_mut();
            for service in &previous.services {
                if !view.services.iter().any(|kept| Rc::ptr_eq(kept, service)) {
                    service.pool.close();
                    retired.push(Rc::downgrade(service));
                }
            }
        }
        view.clone()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }

    /// An id that is unique for this process and tells nothing: 16 hex digits.
    pub(super) fn request_id(&self) -> RequestId {
        // A multiplication by an odd constant visits every number once, so ids do not repeat and do not look like a count.
        let n = self.next_request.get().wrapping_add(1);
        self.next_request.set(n);
        RequestId::new(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((self.id as u64) << 60))
    }

    /// Notices that draining began: counts the connections from before, and wakes those that wait for a request.
    pub(super) fn notice_draining(&self) {
        if !self.is_draining() || self.drain_began.get().is_some() {
            return;
        }
        self.drain_began.set(Some(Instant::now()));
        let open = self.shared.connections[self.id].load(Ordering::Relaxed);
        self.shared.connections_before_drain.fetch_add(open, Ordering::Relaxed);
        self.shared.cores_draining.fetch_add(1, Ordering::Release);
        self.waiting.borrow().wake_all();
    }

    /// Whether connections that have sent nothing since draining began are to be closed (N26).
    pub(super) fn grace_is_over(&self) -> bool {
        self.drain_began
            .get()
            .is_some_and(|began| began.elapsed() >= DRAIN_GRACE)
    }

    /// Wakes the streams of every activation whose patience has changed.
    pub(super) fn announce_patience(&self) {
        let view = self.view();
        for service in &view.services {
            service.announce_patience();
        }
        self.retired.borrow_mut().retain(|service| match service.upgrade() {
            Some(service) => {
                service.announce_patience();
                true
            }
            None => false,
        });
    }

    /// Whether an older view may still hold claims.
    pub(super) fn has_retired(&self) -> bool {
        !self.retired.borrow().is_empty()
    }

    /// Closes idle connections to apps that have been kept long enough.
    pub(super) fn sweep_pools(&self, now: Instant) {
        for service in &self.view().services {
            service.pool.sweep(now);
        }
    }
}

impl View {
    /// A core's services for a snapshot. What has not changed is carried over, with its connections.
    fn of(snapshot: Arc<Snapshot>, core: usize, queues: &Queues, previous: Option<&Self>) -> Self {
        let carried = |live: &Live| {
            previous?.services.iter().find(|service| {
                Arc::ptr_eq(&service.activation, &live.activation) && Arc::ptr_eq(&service.config, &live.service)
            })
        };
        // Almost always only the activations of one environment differ and places stay: look at the same place first.
        let services = snapshot.services().iter().enumerate().map(|(place, live)| {
            let same = previous.and_then(|view| view.services.get(place)).filter(|service| {
                Arc::ptr_eq(&service.activation, &live.activation) && Arc::ptr_eq(&service.config, &live.service)
            });
            same.or_else(|| carried(live))
                .cloned()
                .unwrap_or_else(|| Rc::new(CoreService::new(live, core, queues.of(&live.service))))
        });
        let services = services.collect();
        Self { snapshot, services }
    }
}

impl CoreService {
    fn new(live: &Live, core: usize, queue: Arc<Queue>) -> Self {
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

    /// Enters the activation, unless its gate is closed; then a newer view exists.
    pub(super) fn claim(self: &Rc<Self>) -> Option<Claim> {
        self.activation.gate().try_claim(self.core).then(|| Claim {
            service: self.clone(),
            is_stream: Cell::new(false),
            is_web_socket: Cell::new(false),
        })
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

    fn announce_patience(&self) {
        let patience = self.activation.patience();
        if patience != self.noticed.get() {
            self.noticed.set(patience);
            self.streams.borrow_mut().wake_all();
        }
    }
}

/// One exchange's hold on an activation, until its last byte (N1).
pub(super) struct Claim {
    pub(super) service: Rc<CoreService>,
    is_stream: Cell<bool>,
    is_web_socket: Cell<bool>,
}

impl Claim {
    pub(super) fn counters(&self) -> &CoreCounters {
        self.service.counters()
    }

    /// From the response head on the exchange counts as a stream.
    pub(super) fn become_stream(&self) {
        if !self.is_stream.replace(true) {
            self.counters().stream_began();
        }
    }

    /// From the 101 on it counts as a WebSocket too.
    pub(super) fn become_web_socket(&self) {
        self.become_stream();
        if !self.is_web_socket.replace(true) {
            self.counters().web_socket_began();
        }
    }

    /// Asks to be woken when patience changes; the ticket is kept for the next time.
    pub(super) fn wake_when_impatient(&self, ticket: &mut Ticket, waker: &Waker) {
        self.service.streams.borrow_mut().register(ticket, waker);
    }

    pub(super) fn forget_waker(&self, ticket: &mut Ticket) {
        self.service.streams.borrow_mut().forget(ticket);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_stream.get() {
            self.counters().stream_over();
        }
        if self.is_web_socket.get() {
            self.counters().web_socket_over();
        }
        self.service.activation.release(self.service.core);
    }
}

/// A place in [`Wakers`]; `None` until the first registration.
#[derive(Debug, Default)]
pub(super) struct Ticket(Option<usize>);

/// Tasks that want to be woken together.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    places: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Wakers {
    pub(super) fn register(&mut self, ticket: &mut Ticket, waker: &Waker) {
        let place = *ticket.0.get_or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.places.push(None);
                self.places.len() - 1
            })
        });
        match &mut self.places[place] {
            Some(known) => known.clone_from(waker),
            empty => *empty = Some(waker.clone()),
        }
    }

    pub(super) fn forget(&mut self, ticket: &mut Ticket) {
        if let Some(place) = ticket.0.take() {
            self.places[place] = None;
            self.free.push(place);
        }
    }

    pub(super) fn wake_all(&self) {
        for waker in self.places.iter().flatten() {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_by_its_64() {
        assert_eq!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8::ffff".parse().unwrap())
        );
        assert_ne!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8:0:1::1".parse().unwrap())
        );
        assert_ne!(
            network("192.0.2.1".parse().unwrap()),
            network("192.0.2.2".parse().unwrap())
        );
    }

    #[test]
    fn a_forgotten_place_is_used_again() {
        let mut wakers = Wakers::default();
        let (mut first, mut second) = (Ticket::default(), Ticket::default());
        wakers.register(&mut first, Waker::noop());
        wakers.forget(&mut first);
        wakers.register(&mut second, Waker::noop());
        assert_eq!(wakers.places.len(), 1);
    }
}
