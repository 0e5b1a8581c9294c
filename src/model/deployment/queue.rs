//! The deployments that wait for their turn, first come, first served.

use std::time::Duration;

use crate::model::api::{DeployRequest, Event, Holder, Progress, WaitingStatus};
use crate::model::history::Caller;

/// Deployments that may wait for one environment.
pub(super) const PLACES: usize = 8;

/// The queue before one environment.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
}

/// A deployment that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) operation: u64,
    pub(super) request: DeployRequest,
    pub(super) caller: Caller,
    /// Since when, RFC 3339.
    pub(super) since: String,
    /// When it has waited for long enough.
    pub(super) until: Duration,
    /// Behind whom it was told to be, and how many come before it.
    pub(super) told: Option<(Holder, u32)>,
}

impl Queue {
    /// Takes the last place, unless all of them are taken.
    pub(super) fn push(&mut self, waiting: Waiting) -> bool {
        let free = self.waiting.len() < PLACES;
        if free {
            self.waiting.push(waiting);
        }
        free
    }

    pub(super) fn first(&self) -> Option<&Waiting> {
        self.waiting.first()
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        (!self.waiting.is_empty()).then(|| self.waiting.remove(0))
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, operation: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.operation != operation);
        self.waiting.len() < before
    }

    /// Those that have waited for long enough.
    pub(super) fn late(&mut self, now: Duration) -> Vec<Waiting> {
        let late = self.waiting.extract_if(.., |waiting| waiting.until <= now);
        late.collect()
    }

    /// Everybody.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Waiting> {
        self.waiting.drain(..)
    }

    pub(super) fn wake(&self) -> Option<Duration> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What those hear that are not where they were told to be.
    pub(super) fn news(&mut self, behind: &Holder) -> Vec<(u64, Event)> {
        let mut news = Vec::new();
        for (ahead, waiting) in (0..).zip(&mut self.waiting) {
            let place = Some((behind.clone(), ahead));
            if waiting.told != place {
                waiting.told = place;
                let behind = behind.clone();
                news.push((waiting.operation, Progress::Queued { behind, ahead }.into()));
            }
        }
        news
    }

    pub(super) fn status(&self) -> Vec<WaitingStatus> {
        let status = |waiting: &Waiting| WaitingStatus {
            operation: waiting.operation,
            kind: waiting.request.kind,
            user: waiting.caller.user.clone(),
            version: waiting.request.version.clone(),
            since: waiting.since.clone(),
        };
        self.waiting.iter().map(status).collect()
    }
}
