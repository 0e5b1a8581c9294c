//! How far an environment has fallen asleep or woken.

use std::time::Duration;

use crate::model::clock::Moment;

/// How often progress is told.
pub(super) const PROGRESS: Duration = Duration::from_secs(1);
/// Who falls asleep and wakes by itself.
pub(super) const ITSELF: &str = "proxyd";

#[derive(Debug)]
pub(super) enum Phase {
    Awake(Awake),
    /// Claims are still held.
    Closing(Closing),
    /// That it is asleep is written down.
    Saving {
        doing: Doing,
        ticket: u64,
    },
    /// `stop` runs.
    Stopping {
        doing: Doing,
        called: bool,
        wakers: Vec<u64>,
    },
    Asleep {
        not_before: Option<Duration>,
        /// A request waits.
        called: bool,
    },
    /// `start` runs, or the app does not answer yet.
    Waking {
        doing: Doing,
        wakers: Vec<u64>,
    },
}

#[derive(Debug, Default)]
pub(super) struct Awake {
    /// When it was needed last.
    pub(super) needed: Duration,
    /// When anything moved last.
    pub(super) moved: Duration,
    pub(super) marks: Vec<(u64, u64)>,
    /// When it is looked at next.
    pub(super) next: Duration,
    /// Whether the answer to a look is awaited.
    pub(super) counting: bool,
    /// Somebody wants it to sleep.
    pub(super) wanted: Option<(Doing, Duration)>,
}

impl Awake {
    pub(super) fn since(now: Duration, look: Duration) -> Self {
        Self {
            needed: now,
            moved: now,
            next: now.saturating_add(look),
            ..Self::default()
        }
    }
}

#[derive(Debug)]
pub(super) struct Closing {
    pub(super) doing: Doing,
    /// Whether WebSockets are among what is closed.
    pub(super) web_sockets: bool,
    /// `None` until the gates are closed.
    pub(super) leaving: Option<Vec<usize>>,
    pub(super) limit: Duration,
    pub(super) next_word: Duration,
}

/// What goes on, and for whom.
#[derive(Debug, Clone)]
pub(super) struct Doing {
    /// 0 until what begins by itself has a number.
    pub(super) operation: u64,
    pub(super) user: String,
    pub(super) since: String,
    pub(super) began: Duration,
    /// For how long nobody has needed it; `None` where somebody has asked.
    pub(super) idle: Option<Duration>,
}

impl Doing {
    /// What somebody asks for.
    pub(super) fn asked(operation: u64, user: String, now: Moment) -> Self {
        Self {
            operation,
            user,
            since: now.written(),
            began: now.at,
            idle: None,
        }
    }
}
