//! What one worker thread has for itself: its view of the snapshot, its pools, its end of the access log. Nothing in here is
//! shared with another core but [`Shared`], which is written on accept and close only.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use tokio::time::Instant;

use super::ahead::Ahead;
use super::preview::CorePreview;
use super::service::CoreService;
use super::shared::Shared;
use crate::proxy::access::visitors::Visitors;
use crate::proxy::message::date::DateClock;
use crate::proxy::message::request_id::RequestId;
use crate::proxy::route::snapshot::{Live, Snapshot};
use crate::proxy::settings::Times;
use crate::proxy::stock::descriptors::Reserve;
use crate::proxy::stock::seats::Seats;
use crate::proxy::stock::seldom::Seldom;
use crate::proxy::stock::waiting::Waiting;
use crate::telemetry::Lines;

/// Answers that one core may encode at a time. Each takes at most 1.8 MiB (Brotli; zstd 1.3, gzip 0.5), so all of them 115; while they
/// are under way, further answers leave as they are.
const ENCODERS: usize = 64;
/// That clients break the rules of HTTP/2 is said once in this time.
const CONNECTION_ERRORS_TOLD: Duration = Duration::from_secs(5);

/// One worker's own world.
pub(crate) struct Core {
    pub(crate) id: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) log: RefCell<Lines>,
    cache: RefCell<Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>>,
    view: RefCell<Rc<View>>,
    /// Services of older views that still hold claims; their streams have to hear that patience ends.
    retired: RefCell<Vec<Weak<CoreService>>>,
    /// Connections to sides that are about to serve.
    pub(crate) ahead: Ahead,
    /// Client connections; woken when draining begins and when its grace ends, and closed for newcomers while they wait.
    pub(crate) waiting: RefCell<Waiting>,
    /// When draining began, as this core has noticed.
    pub(crate) drain_began: Cell<Option<Instant>>,
    next_request: Cell<u64>,
    /// Whether tokens of previews may be around.
    has_previews: Cell<bool>,
    /// For answers whose app says no date.
    pub(crate) date: DateClock,
    /// For the moment when there are no descriptors.
    pub(crate) reserve: Reserve,
    /// Who was let in before.
    pub(crate) visitors: Visitors,
    /// For answers that are encoded.
    pub(crate) encoders: Seats,
    /// Connection errors of HTTP/2, which any client may cause as often as it likes.
    pub(crate) connection_errors: Seldom,
}

/// The snapshot as one core sees it.
pub(crate) struct View {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) services: Vec<Rc<CoreService>>,
    /// The open previews; `None` where no token can be around.
    pub(crate) previews: Option<Box<[CorePreview]>>,
}

impl Core {
    pub(crate) fn new(id: usize, shared: Arc<Shared>, current: Arc<ArcSwap<Snapshot>>, log: Lines) -> Rc<Self> {
        let mut cache = Cache::new(current);
        let ahead = Ahead::default();
        let view = View::of(cache.load().clone(), id, &shared, &ahead, None);
        Rc::new(Self {
            id,
            shared,
            log: RefCell::new(log),
            cache: RefCell::new(cache),
            has_previews: Cell::new(view.previews.is_some()),
            view: RefCell::new(Rc::new(view)),
            retired: RefCell::default(),
            ahead,
            waiting: RefCell::default(),
            drain_began: Cell::new(None),
            next_request: Cell::new(fastrand::u64(..)),
            date: DateClock::new(),
            reserve: Reserve::new(),
            visitors: Visitors::new(),
            encoders: Seats::new(ENCODERS),
            connection_errors: Seldom::once_in(CONNECTION_ERRORS_TOLD),
        })
    }

    /// The current snapshot. The load is relaxed: a request that needs one newer than a closed gate has claimed there
    /// before, and that claim acquired what was published (see `gate`).
    pub(crate) fn view(&self) -> Rc<View> {
        let mut cache = self.cache.borrow_mut();
        let snapshot = cache.load();
        let mut view = self.view.borrow_mut();
        if !Arc::ptr_eq(&view.snapshot, snapshot) {
            let next = Rc::new(View::of(
                snapshot.clone(),
                self.id,
                &self.shared,
                &self.ahead,
                Some(&view),
            ));
            let previous = std::mem::replace(&mut *view, next);
            let mut retired = self.retired.borrow_mut();
            self.has_previews.set(view.previews.is_some());
            for service in previous.all() {
                if !view.all().any(|kept| Rc::ptr_eq(kept, service)) {
                    service.close();
                    retired.push(Rc::downgrade(service));
                }
            }
        }
        view.clone()
    }

    /// Whether a service serves everybody now: then its app is expected to be there. Under a pause or maintenance its operator
    /// knows better, and a side that is replaced may go.
    pub(crate) fn expects(&self, service: &Rc<CoreService>) -> bool {
        let view = self.view();
        let place = view.services.iter().position(|other| Rc::ptr_eq(other, service));
        place.is_some_and(|place| view.snapshot.services()[place].stance.is_open())
    }

    /// Whether tokens of previews may be around, as of the last look at the snapshot.
    pub(crate) fn has_previews(&self) -> bool {
        self.has_previews.get()
    }

    /// What is waited for, and for how long.
    pub(crate) fn times(&self) -> &Times {
        &self.shared.settings.times
    }

    /// Closes a connection that waits for a request, so that a newcomer may have its place. Whether there was one.
    pub(crate) fn make_room(&self) -> bool {
        let ticks = self.times().spare.as_millis() / self.times().chores.as_millis().max(1);
        self.waiting
            .borrow_mut()
            .make_room(u32::try_from(ticks).unwrap_or(u32::MAX))
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed)
    }

    /// An id that is unique for this process and tells nothing: 16 hex digits.
    pub(crate) fn request_id(&self) -> RequestId {
        // A multiplication by an odd constant visits every number once, so ids do not repeat and do not look like a count.
        let n = self.next_request.get().wrapping_add(1);
        self.next_request.set(n);
        RequestId::new(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((self.id as u64) << 60))
    }

    /// Notices that draining began: counts the connections from before, and wakes those that wait for a request.
    pub(crate) fn notice_draining(&self) {
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
    pub(crate) fn grace_is_over(&self) -> bool {
        self.drain_began
            .get()
            .is_some_and(|began| self.grace_is_over_since(began))
    }

    /// Whether a connection that waits since this moment is to be closed: its client could not know before that draining has begun.
    pub(crate) fn grace_is_over_since(&self, since: Instant) -> bool {
        let began = self.drain_began.get();
        began.is_some_and(|began| began.max(since).elapsed() >= self.times().drain_grace)
    }

    /// Wakes the streams of every activation whose patience has changed.
    pub(crate) fn announce_patience(&self) {
        let view = self.view();
        for service in view.all() {
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
    pub(crate) fn has_retired(&self) -> bool {
        !self.retired.borrow().is_empty()
    }

    /// Closes idle connections to apps and auth services that have been kept long enough.
    pub(crate) fn sweep_pools(&self, now: Instant) {
        for service in self.view().all() {
            service.sweep(now);
        }
        self.ahead.sweep(now);
    }
}

impl View {
    /// A core's services for a snapshot. What has not changed is carried over, with its connections.
    fn of(snapshot: Arc<Snapshot>, core: usize, shared: &Shared, ahead: &Ahead, previous: Option<&Self>) -> Self {
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
            same.or_else(|| carried(live)).cloned().unwrap_or_else(|| {
                let service = CoreService::new(&live.service, &live.activation, None, core, shared);
                ahead.give(&service);
                Rc::new(service)
            })
        });
        let services = services.collect();
        let before = previous.and_then(|view| view.previews.as_deref());
        let previews = snapshot.previews().map(|open| {
            let core_previews = open.iter().map(|open| {
                let mut before = before.into_iter().flatten();
                let before = before.find(|before| before.preview.number == open.preview.number);
                CorePreview::new(open, snapshot.services(), core, shared, before)
            });
            core_previews.collect()
        });
        Self {
            services,
            previews,
            snapshot,
        }
    }

    /// What serves the service at this place: for everybody, or for those who see the preview with this number, as long as it is open.
    pub(crate) fn service(&self, place: usize, preview: Option<u64>) -> Option<&Rc<CoreService>> {
        let Some(number) = preview else {
            return Some(&self.services[place]);
        };
        let mut open = self.previews.iter().flatten();
        open.find(|open| open.preview.number == number)?.at(place)
    }

    fn all(&self) -> impl Iterator<Item = &Rc<CoreService>> {
        let previews = self.previews.iter().flatten();
        self.services.iter().chain(previews.flat_map(CorePreview::services))
    }
}
