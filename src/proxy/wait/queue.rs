//! The queue of a service: where its requests wait while the app cannot be reached (N12) or the environment is paused (N13).
//!
//! A queue belongs to a service, not to an activation, so that it survives swaps; all cores share it. It locks, because it is a
//! cold path: a request that finds its app never comes here. Who waits owns no claim. What is done with those who wait is
//! decided by the queue's `keeper` alone.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::refusal::Refusal;
use crate::config::{Hold, Service};
use crate::proxy::message::error::ProxyError;

/// Requests that are let go at the same time, so that an app which is just back is not stormed (N12).
const AT_A_TIME: usize = 64;

/// The queues of all services.
#[derive(Debug, Default)]
pub(crate) struct Queues(Mutex<HashMap<Name, Arc<Queue>>>);

/// Environment and service.
type Name = (Arc<str>, Arc<str>);

/// Who waits for one service, as `status` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waiting {
    /// Requests that wait, without those whose client may have left.
    pub held: usize,
    /// Since when the app cannot be reached; `None` while it can, as far as any request has tried.
    pub away_since: Option<SystemTime>,
}

impl Queues {
    /// The queue of a service.
    pub(crate) fn of(&self, service: &Service) -> Arc<Queue> {
        let mut queues = self.lock();
        // Queues of services that are gone with a reload.
        queues.retain(|_, queue| Arc::strong_count(queue) > 1);
        let name = (service.environment.clone(), service.name.clone());
        let queue = queues.entry(name).or_insert_with_key(|(environment, service)| {
            Arc::new(Queue {
                environment: environment.clone(),
                service: service.clone(),
                away: AtomicU64::new(0),
                state: Mutex::default(),
                changed: Notify::new(),
                room: Notify::new(),
            })
        });
        queue.clone()
    }

    /// How it is with one service.
    pub(crate) fn waiting(&self, environment: &str, service: &str) -> Waiting {
        let queues = self.lock();
        let found = queues
            .values()
            .find(|queue| *queue.environment == *environment && *queue.service == *service);
        found.map_or_else(Waiting::default, |queue| queue.waiting())
    }

    /// The control plane has changed something: every keeper looks at it.
    pub(crate) fn look(&self) {
        for queue in self.lock().values() {
            queue.changed.notify_one();
        }
    }

    /// Answers whoever waits in an environment with 503, now.
    pub(crate) fn turn_away(&self, environment: &str) {
        for queue in self.lock().values().filter(|queue| *queue.environment == *environment) {
            queue.refuse(Refusal::PauseOver);
        }
    }

    /// Answers whoever waits anywhere with 503: the process ends. How many they are.
    pub(crate) fn give_up(&self) -> usize {
        let queues = self.lock();
        queues.values().map(|queue| queue.refuse(Refusal::Stopping)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Queue>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queue of one service.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) environment: Arc<str>,
    pub(crate) service: Arc<str>,
    /// The activation that cannot be reached; 0 is none. Looked at before a connection is made, so that only the keeper tries.
    away: AtomicU64,
    state: Mutex<State>,
    /// What the keeper decides by has changed.
    pub(crate) changed: Notify,
    /// One of those who were let go has its answer.
    pub(crate) room: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By number, which is the order they came in.
    waiting: BTreeMap<u64, Waiter>,
    last_number: u64,
    /// Those whose clients are there, as far as anyone can know.
    sure: Tally,
    /// Those whose clients have ended their direction: gone, or only done with sending (N17).
    doubtful: Tally,
    /// When the app went away.
    away_since: Option<(Instant, SystemTime)>,
    /// Those who were let go and have no answer yet, of this batch.
    let_go: usize,
    batch: u64,
    /// Alive while a keeper is.
    keeper: Weak<()>,
}

#[derive(Debug)]
struct Waiter {
    verdict: oneshot::Sender<Verdict>,
    bytes: u64,
    doubtful: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    count: usize,
    bytes: u64,
}

impl Tally {
    fn admits(self, bytes: u64, bounds: &Hold) -> bool {
        self.count < bounds.max_requests && self.bytes.saturating_add(bytes) <= bounds.max_bytes
    }

    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }

    fn take(&mut self, bytes: u64) {
        self.count -= 1;
        self.bytes -= bytes;
    }
}

impl State {
    fn tally(&mut self, doubtful: bool) -> &mut Tally {
        if doubtful { &mut self.doubtful } else { &mut self.sure }
    }

    fn pop_first(&mut self) -> Option<Waiter> {
        let (_, waiter) = self.waiting.pop_first()?;
        self.tally(waiter.doubtful).take(waiter.bytes);
        Some(waiter)
    }

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
    Go(LetGo),
    /// It has waited in vain.
    Refused(Refusal),
}

/// Why a request comes to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its activation could not be reached.
    Away(u64),
    /// Its environment is paused.
    Paused,
}

impl Queue {
    /// Whether an activation is known to be out of reach.
    pub(crate) fn is_away(&self, activation: u64) -> bool {
        self.away.load(Ordering::Relaxed) == activation
    }

    /// Takes a place. `before` is the number of the place that the request had already: it goes back there, and is not turned
    /// away because others came in the meantime. `start` is called if the queue has no keeper, with what the new one has to
    /// hold for as long as it keeps the queue.
    ///
    /// # Errors
    /// When the window is over, or the queue is full.
    pub(crate) fn enter(
        self: &Arc<Self>,
        why: Why,
        before: Option<u64>,
        bytes: u64,
        bounds: &Hold,
        start: impl FnOnce(Arc<()>),
    ) -> Result<Place, Refusal> {
        let mut state = self.lock();
        let placed = self.place(&mut state, why, before, bytes, bounds);
        let keeper = state.new_keeper();
        drop(state);
        if let Some(alive) = keeper {
            start(alive);
        }
        placed
    }

    fn place(
        self: &Arc<Self>,
        state: &mut State,
        why: Why,
        before: Option<u64>,
        bytes: u64,
        bounds: &Hold,
    ) -> Result<Place, Refusal> {
        if let Why::Away(activation) = why {
            let (since, _) = *state.away_since.get_or_insert_with(now);
            self.away.store(activation, Ordering::Relaxed);
            // The keeper may be letting others go.
            self.room.notify_one();
            if since.elapsed() >= bounds.period {
                return Err(Refusal::Over);
            }
        }
        if before.is_none() && !state.sure.admits(bytes, bounds) {
            return Err(Refusal::Full);
        }
        let number = before.unwrap_or_else(|| {
            state.last_number += 1;
            state.last_number
        });
        let (verdict, receiver) = oneshot::channel();
        state.sure.add(bytes);
        let doubtful = false;
        state.waiting.insert(
            number,
            Waiter {
                verdict,
                bytes,
                doubtful,
            },
        );
        Ok(Place {
            queue: self.clone(),
            number,
            bounds: *bounds,
            receiver,
        })
    }

    fn waiting(&self) -> Waiting {
        let state = self.lock();
        Waiting {
            held: state.sure.count,
            away_since: state.away_since.map(|(_, wall)| wall),
        }
    }

    /// When the window of an app that is away ends.
    pub(crate) fn window_end(&self, period: Duration) -> Option<Instant> {
        self.lock().away_since.map(|(since, _)| since + period)
    }

    /// Whether somebody has found the app out of reach since [`Queue::mark_reached`].
    pub(crate) fn is_marked(&self) -> bool {
        self.away.load(Ordering::Relaxed) != 0
    }

    /// The keeper could not reach an activation.
    pub(crate) fn mark_away(&self, activation: u64) {
        let mut state = self.lock();
        state.away_since.get_or_insert_with(now);
        self.away.store(activation, Ordering::Relaxed);
    }

    /// The app can be reached, or it does not matter just now whether it can.
    pub(crate) fn mark_reached(&self) {
        let mut state = self.lock();
        state.away_since = None;
        self.away.store(0, Ordering::Relaxed);
    }

    /// Lets the first in the queue go, as many as there is room for.
    pub(crate) fn let_go(self: &Arc<Self>) {
        let mut state = self.lock();
        while state.let_go < AT_A_TIME {
            let Some(waiter) = state.pop_first() else { break };
            state.let_go += 1;
            let pass = LetGo {
                queue: self.clone(),
                batch: state.batch,
            };
            if let Err(unsent) = waiter.verdict.send(Verdict::Go(pass)) {
                // The client is just leaving. Its pass would lock what we hold.
                if let Verdict::Go(pass) = unsent {
                    pass.forget();
                }
                state.let_go -= 1;
            }
        }
    }

    /// Those who were let go have had their time: an app that takes long to answer must not keep the others waiting.
    pub(crate) fn forget_batch(&self) {
        let mut state = self.lock();
        state.batch += 1;
        state.let_go = 0;
    }

    /// Lets everybody go at once: no app will be asked.
    pub(crate) fn empty(self: &Arc<Self>) {
        loop {
            self.forget_batch();
            self.let_go();
            if self.lock().waiting.is_empty() {
                return;
            }
        }
    }

    /// Turns everybody away who waits now. How many they are.
    pub(crate) fn refuse(&self, why: Refusal) -> usize {
        let mut state = self.lock();
        let mut told = 0;
        while let Some(waiter) = state.pop_first() {
            // Whoever left does not need to know.
            told += usize::from(waiter.verdict.send(Verdict::Refused(why)).is_ok());
        }
        told
    }

    /// Whether the keeper is needed no more: nobody waits, and the app is not away. Then the next who comes starts another.
    pub(crate) fn rest(&self) -> bool {
        let mut state = self.lock();
        let rests = state.waiting.is_empty() && state.away_since.is_none();
        if rests {
            state.keeper = Weak::new();
        }
        rests
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

/// A place in the queue, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    queue: Arc<Queue>,
    pub(crate) number: u64,
    bounds: Hold,
    receiver: oneshot::Receiver<Verdict>,
}

impl Place {
    /// What becomes of the request.
    pub(crate) fn poll_verdict(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        // The sender is dropped only by `Drop` below, which is not yet.
        Pin::new(&mut self.receiver)
            .poll(cx)
            .map(|verdict| verdict.unwrap_or(Verdict::Refused(Refusal::Over)))
    }

    /// The client has ended its direction: it is gone, or it has only said everything (N17). Its place is free for others; the
    /// request stays in the queue as long as there is room for its like.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn doubt(&mut self) -> Result<(), ProxyError> {
        let mut state = self.queue.lock();
        let state = &mut *state;
        let Some(waiter) = state.waiting.get_mut(&self.number) else {
            return Ok(());
        };
        if waiter.doubtful {
            return Ok(());
        }
        if !state.doubtful.admits(waiter.bytes, &self.bounds) {
            return Err(ProxyError::ClientGone);
        }
        waiter.doubtful = true;
        state.sure.take(waiter.bytes);
        state.doubtful.add(waiter.bytes);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        if let Some(waiter) = state.waiting.remove(&self.number) {
            state.tally(waiter.doubtful).take(waiter.bytes);
        }
    }
}

/// Leave to try, which counts until the response head is there or the exchange is over.
#[derive(Debug)]
pub(crate) struct LetGo {
    queue: Arc<Queue>,
    batch: u64,
}

impl LetGo {
    /// Ends without counting down.
    fn forget(mut self) {
        self.batch = u64::MAX;
    }
}

impl Drop for LetGo {
    fn drop(&mut self) {
        if self.batch == u64::MAX {
            return;
        }
        let mut state = self.queue.lock();
        if state.batch == self.batch {
            state.let_go -= 1;
            drop(state);
            self.queue.room.notify_one();
        }
    }
}
