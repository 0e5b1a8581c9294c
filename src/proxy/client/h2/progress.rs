//! Whether the answers of a connection move, all of them together (E28). A stream whose client does not take what there is may only be
//! waiting for its turn; and where one is given up while all the others stand still as well, the connection is not worth keeping.

use std::cell::Cell;

use tokio::time::Instant;

/// Where other streams have moved on by so many pieces each, one that has not is not waiting for its turn.
const TURNS: u64 = 8;

/// How the answers of a connection move.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Streams whose client does not take what there is of their answers.
    stuck: Cell<usize>,
    /// Pieces that were taken, of all of them together.
    moved: Cell<u64>,
    /// Until then the one that has moved last may stand still.
    patient_until: Cell<Option<Instant>>,
    /// One was given up while all the others stood still as well.
    stalled: Cell<bool>,
}

impl Progress {
    /// A piece of an answer was taken, which may stand still until then; the number of this piece.
    pub(crate) fn moves(&self, until: Instant) -> u64 {
        self.patient_until.set(self.patient_until.get().max(Some(until)));
        self.moved.set(self.moved.get() + 1);
        self.moved.get()
    }

    /// Pieces that were taken.
    pub(crate) fn moved(&self) -> u64 {
        self.moved.get()
    }

    /// A stream stands still, or moves again.
    pub(crate) fn stands(&self, was_stuck: bool, is_stuck: bool) {
        match (was_stuck, is_stuck) {
            (false, true) => self.stuck.set(self.stuck.get() + 1),
            (true, false) => self.stuck.set(self.stuck.get().saturating_sub(1)),
            (true, true) | (false, false) => {}
        }
    }

    /// Whether one of so many streams, whose last piece had this number, may be waiting for others to be written.
    pub(crate) fn may_wait_for_others(&self, last: u64, streams: usize) -> bool {
        self.moved.get() - last < TURNS * streams.max(1) as u64
    }

    /// One of so many streams is given up.
    pub(crate) fn gives_up(&self, streams: usize) {
        let is_over = self.patient_until.get().is_none_or(|until| Instant::now() >= until);
        if is_over && self.stuck.get() >= streams {
            self.stalled.set(true);
        }
    }

    /// Whether the connection is not worth keeping.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.get()
    }
}
