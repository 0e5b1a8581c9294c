//! What the clients share: the front door, the tally, and when to stop.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::front::Front;
use crate::cli::commands::demo::tally::{Failure, RequestKind, Tally};
use crate::model::slot::Slot;

/// How long any answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// After a failure, so that a broken proxy is not stormed.
pub(super) const BREATH: Duration = Duration::from_millis(100);

/// What clients share.
pub(super) struct Context {
    pub(super) front: Front,
    pub(super) tally: Rc<Tally>,
    stopping: Cell<bool>,
    posts: Cell<u64>,
}

impl Context {
    /// What clients of this front door share, before their first request.
    pub(super) fn new(front: Front, tally: Rc<Tally>) -> Self {
        Self {
            front,
            tally,
            stopping: Cell::new(false),
            posts: Cell::new(0),
        }
    }

    /// Asks every client to come to an end.
    pub(super) fn stop(&self) {
        self.stopping.set(true);
    }

    /// Whether a client goes on after its request.
    pub(super) fn goes_on(&self) -> bool {
        !self.stopping.get()
    }

    /// The next POST's id; no two POSTs have the same.
    pub(super) fn next_post(&self) -> u64 {
        self.posts.update(|id| id + 1);
        self.posts.get()
    }

    /// Runs and counts one request. Whether it went well.
    pub(super) async fn count(
        &self,
        kind: RequestKind,
        request: impl Future<Output = Result<Option<Slot>, Failure>>,
    ) -> bool {
        let begun = self.tally.begin();
        let outcome = match tokio::time::timeout(PATIENCE, request).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::new(
                "timeout",
                format!("no answer within {} s", PATIENCE.as_secs()),
            )),
        };
        let well = outcome.is_ok();
        self.tally.end(kind, &begun, outcome);
        if !well {
            tokio::time::sleep(BREATH).await;
        }
        well
    }
}
