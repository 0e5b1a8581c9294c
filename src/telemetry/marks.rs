//! Which lines of a block are to be noted: those of requests that failed, and of the slowest of a minute. A core marks them while it writes,
//! which costs all others a comparison.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::worst::SLOWEST;

/// Lines of a block that are noted; of more that failed it is only counted how many.
const MARKS: usize = 64;
/// The slowest are those of a minute.
const MINUTE: Duration = Duration::from_secs(60);

/// The lines of a block that are to be noted, as a core marks them.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) places: Vec<Range<usize>>,
    /// Failed ones for which there was no room.
    pub(super) left_out: u64,
}

impl Marks {
    /// Marks a line.
    pub(super) fn add(&mut self, place: Range<usize>, has_failed: bool) {
        if self.places.len() < MARKS {
            self.places.push(place);
        } else if has_failed {
            self.left_out += 1;
        }
    }
}

/// What a core has to exceed to be among the slowest of this minute, which is all that it compares.
#[derive(Debug)]
pub(super) struct Bar {
    pub(super) micros: u64,
    /// The slowest so far.
    slowest: [u64; SLOWEST],
    since: Instant,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self {
            micros: 0,
            slowest: [0; SLOWEST],
            since: Instant::now(),
        }
    }

    /// One has exceeded it.
    pub(super) fn raise(&mut self, micros: u64) {
        if let Some(least) = self.slowest.iter_mut().min() {
            *least = micros;
        }
        self.micros = self.slowest.iter().copied().min().unwrap_or(0);
    }

    /// Lowers it when the minute is over.
    pub(super) fn look_at_the_clock(&mut self) {
        if self.since.elapsed() >= MINUTE {
            *self = Self::new();
        }
    }
}
