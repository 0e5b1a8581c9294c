//! The queue of one service: its order, its bounds, and the window that is open while the app is away.
//!
//! A place is a number, given in the order of arrival. A request that was released and could not reach the app after all goes
//! back to its number, before everybody who came later.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::clock::Moment;

/// Requests that are released at the same time, so that an app which is just back is not stormed (N12).
pub(super) const AT_A_TIME: usize = 64;

/// `hold.*`: how long requests wait, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The window, counted from the moment the app went away.
    pub period: Duration,
    /// Requests that may wait.
    pub max_requests: usize,
    /// Bytes that they may keep in memory, all together.
    pub max_bytes: u64,
}

/// Why a request comes to the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// This activation could not be reached.
    Away(u64),
    /// The environment is paused.
    Paused,
}

/// Why a request does not wait any longer, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The app was away for the whole window.
    Over,
    /// The queue is full.
    Full,
    /// The pause ended without a healthy app.
    PauseOver,
    /// The app was asleep, and did not wake.
    DidNotWake,
    /// The proxy stops.
    Stopping,
}

/// What becomes of a request that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may try. It counts in this batch until [`Queue::answered`] is told.
    Go {
        /// The number of the batch.
        batch: u64,
    },
    /// It has waited in vain.
    Refused(Refusal),
}

/// A request that wants to wait.
#[derive(Debug)]
pub struct Newcomer<W> {
    /// Its reason.
    pub why: Why,
    /// The place that it had before it was released.
    pub before: Option<u64>,
    /// What it keeps in memory.
    pub bytes: u64,
    /// How it is told the verdict; the queue only hands it back.
    pub waiter: W,
}

/// The queue of one service. `W` is how a request is told its [`Verdict`].
#[derive(Debug)]
pub struct Queue<W> {
    /// By number, which is the order they came in.
    waiting: BTreeMap<u64, Waiting<W>>,
    last_number: u64,
    /// Requests whose clients are there, as far as anyone can know.
    sure: Tally,
    /// Requests whose clients have ended their direction: gone, or only done with sending (N17).
    doubtful: Tally,
    away: Option<Away>,
    /// Requests of this batch that were released and have no answer yet.
    under_way: usize,
    batch: u64,
}

#[derive(Debug)]
struct Waiting<W> {
    waiter: W,
    bytes: u64,
    doubtful: bool,
}

/// The app cannot be reached.
#[derive(Debug, Clone, Copy)]
struct Away {
    since: Moment,
    activation: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    count: usize,
    bytes: u64,
}

impl Tally {
    fn admits(self, bytes: u64, bounds: &Bounds) -> bool {
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

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            last_number: 0,
            sure: Tally::default(),
            doubtful: Tally::default(),
            away: None,
            under_way: 0,
            batch: 0,
        }
    }
}

impl<W> Queue<W> {
    /// Gives a place, and says its number. A request that had one already is not turned away because others came in the
    /// meantime.
    ///
    /// # Errors
    /// When the window is over, or the queue is full.
    pub fn enter(&mut self, newcomer: Newcomer<W>, bounds: &Bounds, now: Moment) -> Result<u64, Refusal> {
        let Newcomer {
            why,
            before,
            bytes,
            waiter,
        } = newcomer;
        if let Why::Away(activation) = why {
            self.mark_away(activation, now);
            if self.is_over(bounds.period, now.at) {
                return Err(Refusal::Over);
            }
        }
        if before.is_none() && !self.sure.admits(bytes, bounds) {
            return Err(Refusal::Full);
        }
        let number = before.unwrap_or_else(|| {
            self.last_number += 1;
            self.last_number
        });
        self.sure.add(bytes);
        let place = Waiting {
            waiter,
            bytes,
            doubtful: false,
        };
        let taken = self.waiting.insert(number, place);
        debug_assert!(taken.is_none(), "two requests with the number {number}");
        Ok(number)
    }

    /// The client of a place has ended its direction: it is gone, or it has only said everything (N17). Its place is free for
    /// others, and it waits on among its like. Whether there is room for it; then it may also be that it waits no longer.
    #[must_use]
    pub fn doubt(&mut self, number: u64, bounds: &Bounds) -> bool {
        let Some(place) = self.waiting.get_mut(&number).filter(|place| !place.doubtful) else {
            return true;
        };
        if !self.doubtful.admits(place.bytes, bounds) {
            return false;
        }
        place.doubtful = true;
        self.sure.take(place.bytes);
        self.doubtful.add(place.bytes);
        true
    }

    /// What the request of a place keeps in memory has become this much. Whether there is room for that; then it may also be that it
    /// waits no longer.
    #[must_use]
    pub fn grow(&mut self, number: u64, bytes: u64, bounds: &Bounds) -> bool {
        let Some(place) = self.waiting.get_mut(&number) else {
            return true;
        };
        let tally = if place.doubtful {
            &mut self.doubtful
        } else {
            &mut self.sure
        };
        let more = bytes.saturating_sub(place.bytes);
        if more > 0 && tally.bytes.saturating_add(more) > bounds.max_bytes {
            return false;
        }
        tally.bytes += more;
        place.bytes += more;
        true
    }

    /// Frees a place, if it is still taken.
    pub fn leave(&mut self, number: u64) {
        if let Some(place) = self.waiting.remove(&number) {
            self.tally(place.doubtful).take(place.bytes);
        }
    }

    /// A request that was released has its answer, or needs none any more. Whether that made room for another.
    pub fn answered(&mut self, batch: u64) -> bool {
        let counts = batch == self.batch;
        self.under_way -= usize::from(counts);
        counts
    }

    /// Turns everybody away who waits now.
    pub fn refuse(&mut self, why: Refusal) -> Vec<(W, Verdict)> {
        let mut told = Vec::with_capacity(self.waiting.len());
        while let Some(waiter) = self.pop_first() {
            told.push((waiter, Verdict::Refused(why)));
        }
        told
    }

    /// Requests that wait, without those whose client may have left.
    #[must_use]
    pub fn held(&self) -> usize {
        self.sure.count
    }

    /// Since when the app cannot be reached; `None` while it can, as far as any request has tried.
    #[must_use]
    pub fn away_since(&self) -> Option<Moment> {
        self.away.map(|away| away.since)
    }

    /// The activation that cannot be reached.
    #[must_use]
    pub fn away(&self) -> Option<u64> {
        self.away.map(|away| away.activation)
    }

    /// Whether a keeper has nothing to do here: nobody waits, and the app is not known to be away.
    pub(super) fn is_at_rest(&self) -> bool {
        self.waiting.is_empty() && self.away.is_none()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// An activation could not be reached. The window is open since the first who noticed.
    pub(super) fn mark_away(&mut self, activation: u64, now: Moment) {
        let since = self.away_since().unwrap_or(now);
        self.away = Some(Away { since, activation });
    }

    /// The app can be reached, or it does not matter just now whether it can.
    pub(super) fn mark_reached(&mut self) {
        self.away = None;
    }

    /// When the window ends.
    pub(super) fn window_end(&self, period: Duration) -> Option<Duration> {
        self.away.map(|away| away.since.at.saturating_add(period))
    }

    pub(super) fn is_over(&self, period: Duration, now: Duration) -> bool {
        self.window_end(period).is_some_and(|end| end <= now)
    }

    /// Lets the first in the queue go, as many as there is room for.
    pub(super) fn release(&mut self) -> Vec<(W, Verdict)> {
        let mut told = Vec::new();
        while self.under_way < AT_A_TIME
            && let Some(waiter) = self.pop_first()
        {
            self.under_way += 1;
            told.push((waiter, Verdict::Go { batch: self.batch }));
        }
        told
    }

    /// Lets everybody go at once: no app will be asked.
    pub(super) fn release_all(&mut self) -> Vec<(W, Verdict)> {
        let mut told = Vec::with_capacity(self.waiting.len());
        while let Some(waiter) = self.pop_first() {
            told.push((waiter, Verdict::Go { batch: self.batch }));
        }
        self.forget_batch();
        told
    }

    /// From now on the requests that are under way do not count.
    pub(super) fn forget_batch(&mut self) {
        self.batch += 1;
        self.under_way = 0;
    }

    fn pop_first(&mut self) -> Option<W> {
        let (_, place) = self.waiting.pop_first()?;
        self.tally(place.doubtful).take(place.bytes);
        Some(place.waiter)
    }

    fn tally(&mut self, doubtful: bool) -> &mut Tally {
        if doubtful { &mut self.doubtful } else { &mut self.sure }
    }
}
