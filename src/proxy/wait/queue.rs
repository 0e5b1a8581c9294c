//! The queue of a service as the cores share it: one lock around the decisions of `model::hold`, and a channel to each request that
//! waits.
//!
//! A queue belongs to a service, not to an activation, so that it survives swaps. It locks, because it is a cold path: a request
//! that finds its app never comes here. A request that waits owns no claim.

use std::future::pending;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::config::Hold;
use crate::model::clock::Moment;
use crate::model::hold::{self, Bounds, Keeper, Newcomer, News, Outlook, Refusal, Step, Turn, Why};
use crate::model::outage::Outages;
use crate::proxy::message::error::ProxyError;

/// What `status` tells of the requests that wait for one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Requests that wait, without those whose client may have left.
    pub held: usize,
    /// Since when the app cannot be reached; `None` while it can, as far as any request has tried.
    pub away_since: Option<SystemTime>,
}

/// The queue of one service.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) environment: Arc<str>,
    pub(crate) service: Arc<str>,
    /// Whether it is of requests that write, which wait for the end of a pause.
    pub(crate) writes: bool,
    /// What moments are counted from.
    epoch: Instant,
    /// The activation that cannot be reached; 0 is none. It repeats what `state` says, for requests that are about to connect.
    away: AtomicU64,
    state: Mutex<State>,
    /// The snapshot is another.
    changed: Notify,
    /// A request that was released has its answer, or a request has found the app away.
    room: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    queue: hold::Queue<oneshot::Sender<Verdict>>,
    /// The instances that are away, for the log.
    pub(super) outages: Outages,
    /// Alive while a keeper is.
    keeper: Weak<()>,
}

impl State {
    /// What a new keeper has to hold, unless there is one.
    fn new_keeper(&mut self) -> Option<Arc<()>> {
        if self.keeper.strong_count() > 0 {
            return None;
        }
        let alive = Arc::new(());
        self.keeper = Arc::downgrade(&alive);
        Some(alive)
    }
}

/// What becomes of a request that waited.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may try: its route is to be resolved again.
    Go(Pass),
    /// It has waited in vain.
    Refused(Refusal),
}

impl Queue {
    pub(super) fn new(environment: Arc<str>, service: Arc<str>, writes: bool) -> Self {
        Self {
            writes,
            environment,
            service,
            epoch: Instant::now(),
            away: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Notify::new(),
            room: Notify::new(),
        }
    }

    /// Whether an activation is known to be out of reach. Then only the keeper tries.
    pub(crate) fn is_away(&self, activation: u64) -> bool {
        self.away.load(Ordering::Relaxed) == activation
    }

    /// Takes a place. `before` is the number of the place that the request had already. `start` is called if the queue has no
    /// keeper, with what the new one has to hold for as long as it keeps the queue.
    ///
    /// # Errors
    /// When the window is over, or the queue is full.
    pub(crate) fn enter(
        self: &Arc<Self>,
        why: Why,
        before: Option<u64>,
        bytes: u64,
        hold: &Hold,
        start: impl FnOnce(Arc<()>),
    ) -> Result<Place, Refusal> {
        let bounds = Bounds {
            period: hold.period,
            max_requests: hold.max_requests,
            max_bytes: hold.max_bytes,
        };
        let (waiter, verdict) = oneshot::channel();
        let newcomer = Newcomer {
            why,
            before,
            bytes,
            waiter,
        };
        let mut state = self.lock();
        let number = state.queue.enter(newcomer, &bounds, self.now());
        match number {
            Ok(_) if before.is_none() && matches!(why, Why::Away(_)) => state.outages.held(),
            Ok(_) => {}
            Err(_) => state.outages.refused(1),
        }
        self.repeat_away(&state);
        let keeper = state.new_keeper();
        drop(state);
        if matches!(why, Why::Away(_)) {
            // The keeper may be letting others go.
            self.room.notify_one();
        }
        if let Some(alive) = keeper {
            start(alive);
        }
        number.map(|number| Place {
            queue: self.clone(),
            number,
            bounds,
            bytes,
            verdict,
        })
    }

    /// Lets the keeper decide by the outlook, and tells the requests that wait no longer.
    pub(crate) fn look(self: &Arc<Self>, keeper: &mut Keeper, news: News, outlook: Outlook) -> Step {
        let mut state = self.lock();
        let Turn { told, step } = keeper.look(&mut state.queue, news, outlook, self.now());
        let in_vain = |told: &&(_, hold::Verdict)| matches!(told.1, hold::Verdict::Refused(_));
        let refused = told.iter().filter(in_vain).count();
        state.outages.refused(refused);
        self.repeat_away(&state);
        if step == Step::Rest {
            state.keeper = Weak::new();
        }
        drop(state);
        self.tell(told);
        step
    }

    /// Waits for what the keeper decides by, until a moment at the latest.
    pub(crate) async fn news(&self, until: Option<Duration>) -> News {
        tokio::select! {
            biased;
            () = self.changed.notified() => News::Changed,
            () = self.room.notified() => News::Room,
            () = self.reach(until) => News::Time,
        }
    }

    async fn reach(&self, moment: Option<Duration>) {
        match moment {
            Some(moment) => sleep_until(self.epoch + moment).await,
            None => pending().await,
        }
    }

    /// The snapshot is another.
    pub(super) fn look_again(&self) {
        self.changed.notify_one();
    }

    /// Turns everybody away who waits now. Returns how many they are.
    pub(super) fn refuse(self: &Arc<Self>, why: Refusal) -> usize {
        let told = self.lock().queue.refuse(why);
        self.tell(told)
    }

    /// Not under the lock, which a pass takes when its request has just left. Returns how many requests were still there.
    fn tell(self: &Arc<Self>, told: Vec<(oneshot::Sender<Verdict>, hold::Verdict)>) -> usize {
        let sent = told.into_iter().map(|(waiter, verdict)| {
            let verdict = match verdict {
                hold::Verdict::Go { batch } => Verdict::Go(Pass {
                    queue: self.clone(),
                    batch,
                }),
                hold::Verdict::Refused(why) => Verdict::Refused(why),
            };
            waiter.send(verdict).is_ok()
        });
        sent.filter(|sent| *sent).count()
    }

    pub(super) fn waiting(&self) -> Waiting {
        let state = self.lock();
        Waiting {
            held: state.queue.held(),
            away_since: state.queue.away_since().map(|since| since.wall.into()),
        }
    }

    fn repeat_away(&self, state: &State) {
        self.away.store(state.queue.away().unwrap_or(0), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Moment {
        Moment {
            at: self.epoch.elapsed(),
            wall: jiff::Timestamp::now(),
        }
    }

    /// A moment on the clock of [`Moment::at`].
    pub(super) fn at(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.epoch)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    pub(crate) number: u64,
    bounds: Bounds,
    /// What the request keeps in memory.
    bytes: u64,
    verdict: oneshot::Receiver<Verdict>,
}

impl Place {
    /// What becomes of the request.
    pub(crate) fn poll_verdict(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        // The sender is dropped only by `Drop` below, which is not yet.
        Pin::new(&mut self.verdict)
            .poll(cx)
            .map(|verdict| verdict.unwrap_or(Verdict::Refused(Refusal::Over)))
    }

    /// The request keeps so many bytes in memory now: more of it may have come.
    ///
    /// # Errors
    /// When there is no room for that.
    pub(crate) fn keeps(&mut self, bytes: u64) -> Result<(), ProxyError> {
        if bytes <= self.bytes {
            return Ok(());
        }
        self.bytes = bytes;
        let mut state = self.queue.lock();
        if state.queue.grow(self.number, bytes, &self.bounds) {
            return Ok(());
        }
        state.outages.refused(1);
        Err(Refusal::Full.into())
    }

    /// The client has ended its direction: it is gone, or it has only said everything (N17). Its place is free for others; the
    /// request stays in the queue as long as there is room for its like.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn doubt(&mut self) -> Result<(), ProxyError> {
        let waits = self.queue.lock().queue.doubt(self.number, &self.bounds);
        if waits { Ok(()) } else { Err(ProxyError::ClientGone) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.lock().queue.leave(self.number);
    }
}

/// Leave to try, which counts until the response head is there or the exchange is over.
#[derive(Debug)]
pub(crate) struct Pass {
    queue: Arc<Queue>,
    batch: u64,
}

impl Drop for Pass {
    fn drop(&mut self) {
        let made_room = self.queue.lock().queue.answered(self.batch);
        if made_room {
            self.queue.room.notify_one();
        }
    }
}
