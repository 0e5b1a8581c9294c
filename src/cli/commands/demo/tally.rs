//! What the clients saw, and what the apps saw: every request, every failure by kind, every POST by its id.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::fmt;

use tokio::time::Instant;

use super::histogram::Histogram;
use crate::model::slot::Slot;

/// POST ids that are remembered: a retry comes within seconds, so minutes are plenty.
const REMEMBERED: usize = 200_000;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RequestKind {
    /// GET on a kept connection.
    Get,
    /// GET on a new connection, with a new handshake.
    NewConnection,
    /// POST; the app says what it received, and the client compares.
    Post,
    /// An answer that takes one to two seconds.
    Slow,
    /// A body that comes in pieces, over time.
    Streamed,
    /// Server-sent events.
    Events,
    /// GET and POST side by side on an HTTP/2 connection.
    Http2,
    /// A WebSocket message and its echo.
    WebSocket,
}

impl RequestKind {
    /// All of them, as they are shown.
    pub const ALL: [Self; 8] = [
        Self::Get,
        Self::NewConnection,
        Self::Post,
        Self::Slow,
        Self::Streamed,
        Self::Events,
        Self::Http2,
        Self::WebSocket,
    ];

    /// Whether its time says something about the proxy, rather than about the app's own pace.
    fn is_timed(self) -> bool {
        match self {
            Self::Get | Self::NewConnection | Self::Post | Self::Http2 | Self::WebSocket => true,
            Self::Slow | Self::Streamed | Self::Events => false,
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Get => "GET",
            Self::NewConnection => "GET, new connection",
            Self::Post => "POST",
            Self::Slow => "slow answer",
            Self::Streamed => "streamed body",
            Self::Events => "event stream",
            Self::Http2 => "HTTP/2",
            Self::WebSocket => "WebSocket message",
        })
    }
}

/// What went wrong, as a client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The sort: `connection refused`, `reset`, `truncated body`, `status 502`.
    pub sort: String,
    /// The first one's details.
    pub detail: String,
}

impl Failure {
    /// A failure of this sort.
    pub(super) fn new(sort: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self {
            sort: sort.into(),
            detail: detail.to_string(),
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Begun {
    at: Instant,
    swaps: u64,
    in_swap: bool,
}

/// Counts of one sort of failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) count: u64,
    pub(super) example: String,
}

/// All counts. Shared on one thread, hence the cells.
#[derive(Debug, Default)]
pub(super) struct Tally {
    requests: [Cell<u64>; RequestKind::ALL.len()],
    failures: RefCell<BTreeMap<(RequestKind, String), Failed>>,
    /// Latencies outside of, and in a swap.
    latencies: [RefCell<Histogram>; 2],
    /// Latencies since somebody looked.
    recent: RefCell<Histogram>,
    slots: [Cell<u64>; 2],
    /// Swaps begun so far, and whether one is under way.
    swaps: Cell<u64>,
    in_swap: Cell<bool>,
    /// WebSockets that are open, and those that were ended politely.
    pub(super) open: Cell<u64>,
    pub(super) moved: Cell<u64>,
    posts: RefCell<Posts>,
}

#[derive(Debug, Default)]
struct Posts {
    seen: HashSet<u64>,
    order: VecDeque<u64>,
    total: u64,
    twice: u64,
}

impl Tally {
    /// A request begins.
    pub(super) fn begin(&self) -> Begun {
        Begun {
            at: Instant::now(),
            swaps: self.swaps.get(),
            in_swap: self.in_swap.get(),
        }
    }

    /// It ended, well and from this slot, or not.
    pub(super) fn end(&self, kind: RequestKind, begun: &Begun, outcome: Result<Option<Slot>, Failure>) {
        self.requests[kind as usize].update(|count| count + 1);
        let slot = match outcome {
            Ok(slot) => slot,
            Err(failure) => return self.fail(kind, failure),
        };
        match slot {
            Some(Slot::Blue) => self.slots[0].update(|count| count + 1),
            Some(Slot::Green) => self.slots[1].update(|count| count + 1),
            Some(Slot::Upstream) | None => {}
        }
        if kind.is_timed() {
            let micros = u64::try_from(begun.at.elapsed().as_micros()).unwrap_or(u64::MAX);
            let in_swap = begun.in_swap || self.in_swap.get() || begun.swaps != self.swaps.get();
            self.latencies[usize::from(in_swap)].borrow_mut().add(micros);
            self.recent.borrow_mut().add(micros);
        }
    }

    /// Something failed.
    fn fail(&self, kind: RequestKind, failure: Failure) {
        let mut failures = self.failures.borrow_mut();
        let failed = failures.entry((kind, failure.sort)).or_insert_with(|| Failed {
            count: 0,
            example: failure.detail,
        });
        failed.count += 1;
    }

    /// A swap begins or ends.
    pub(super) fn swapping(&self, now: bool) {
        if now {
            self.swaps.update(|count| count + 1);
        }
        self.in_swap.set(now);
    }

    /// An app received this POST.
    pub(super) fn post_seen(&self, id: u64) {
        let mut posts = self.posts.borrow_mut();
        posts.total += 1;
        if !posts.seen.insert(id) {
            posts.twice += 1;
            return;
        }
        posts.order.push_back(id);
        if posts.order.len() > REMEMBERED
            && let Some(oldest) = posts.order.pop_front()
        {
            posts.seen.remove(&oldest);
        }
    }

    /// POSTs that apps received, and how many of these they had received before.
    pub(super) fn posts(&self) -> (u64, u64) {
        let posts = self.posts.borrow();
        (posts.total, posts.twice)
    }

    /// Requests of one kind.
    pub(super) fn of(&self, kind: RequestKind) -> u64 {
        self.requests[kind as usize].get()
    }

    /// Requests of every kind.
    pub(super) fn total(&self) -> u64 {
        self.requests.iter().map(Cell::get).sum()
    }

    /// Answers of blue and of green.
    pub(super) fn slots(&self) -> [u64; 2] {
        [self.slots[0].get(), self.slots[1].get()]
    }

    /// Failures of every kind.
    pub(super) fn failed(&self) -> u64 {
        self.failures.borrow().values().map(|failed| failed.count).sum()
    }

    /// Failures by kind and sort.
    pub(super) fn failures(&self) -> BTreeMap<(RequestKind, String), Failed> {
        self.failures.borrow().clone()
    }

    /// Median and 99th percentile in microseconds, outside of or in a swap.
    pub(super) fn latency(&self, in_swap: bool) -> Option<(u64, u64)> {
        quantiles(&self.latencies[usize::from(in_swap)].borrow())
    }

    /// Median and 99th percentile in microseconds since this was asked last.
    pub(super) fn recent_latency(&self) -> Option<(u64, u64)> {
        quantiles(&self.recent.take())
    }
}

fn quantiles(histogram: &Histogram) -> Option<(u64, u64)> {
    Some((histogram.quantile(0.5)?, histogram.quantile(0.99)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_that_an_app_sees_again_is_counted() {
        let tally = Tally::default();
        [1, 2, 3, 2].into_iter().for_each(|id| tally.post_seen(id));
        assert_eq!(tally.posts(), (4, 1));
    }

    #[tokio::test]
    async fn a_request_that_a_swap_begins_under_counts_as_in_the_swap() {
        let tally = Tally::default();
        let begun = tally.begin();
        tally.swapping(true);
        tally.swapping(false);
        tally.end(RequestKind::Get, &begun, Ok(Some(Slot::Green)));
        assert!(tally.latency(true).is_some() && tally.latency(false).is_none());
        tally.end(RequestKind::Get, &tally.begin(), Err(Failure::new("reset", "by peer")));
        assert_eq!((tally.total(), tally.failed(), tally.slots()), (2, 1, [0, 1]));
    }
}
