//! What a client owes, by the clock: the bytes that it has moved in all, and how fast (`model::pace`). As long as it owes nothing,
//! nobody looks at a clock for it.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::pace::{Pace, Rule, Verdict};

/// What a client owes in one direction.
#[derive(Debug, Default)]
pub(crate) struct Owed {
    pace: Pace,
    /// Bytes that it had moved in all at the last look.
    total: u64,
    /// When it owed something for the first time.
    began: Option<Instant>,
}

impl Owed {
    /// Whether it owes something.
    pub(crate) fn is_owed(&self) -> bool {
        self.pace.is_owed()
    }

    /// From now on it does, and has moved so much before.
    pub(crate) fn begins(&mut self, total: u64) {
        if !self.is_owed() {
            self.total = total;
            let now = self.now();
            self.pace.begins(now);
        }
    }

    /// It does no more, and has moved so much in all.
    pub(crate) fn ends(&mut self, total: u64) {
        if self.is_owed() {
            let (now, moved) = (self.now(), self.moved(total));
            self.pace.ends(now, moved);
        }
    }

    /// Looks at one that owes something. It has moved so much in all, or so much since the last look: whichever is more.
    pub(crate) fn look(&mut self, total: u64, since: u64, rule: &Rule) -> Verdict {
        let (now, moved) = (self.now(), self.moved(total).max(since));
        self.pace.look(now, moved, rule)
    }

    fn moved(&mut self, total: u64) -> u64 {
        total - std::mem::replace(&mut self.total, total)
    }

    fn now(&mut self) -> Duration {
        self.began.get_or_insert_with(Instant::now).elapsed()
    }
}
