//! What a client does beside its requests, and when that is too much (E26, E27).

use std::time::Duration;

use tokio::time::Instant;

use crate::http2::connection::Counts;
use crate::model::allowance::{Allowance, Spent};

/// Frames that carry neither a request nor a body nor room for one: SETTINGS, PING, PRIORITY, RST_STREAM, empty DATA, and what RFC 9113
/// does not know. Clients that measure their line send a PING per round trip.
const IDLE_FRAMES: Allowance = Allowance {
    at_once: 10_000,
    per_second: 1_000,
};

/// Streams that end before their answer, by the client's hand or by its fault. A browser cancels a page's images at once; nobody
/// cancels a hundred a second for ever.
const CANCELLED: Allowance = Allowance {
    at_once: 1_000,
    per_second: 100,
};

/// What is counted of one connection.
#[derive(Debug)]
pub(crate) struct Floods {
    began: Instant,
    seen: u32,
    refused: u32,
    idle_frames: Spent,
    cancelled: Spent,
}

impl Floods {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            seen: 0,
            refused: 0,
            idle_frames: Spent::default(),
            cancelled: Spent::default(),
        }
    }

    /// Looks at what a connection has counted; whether that is too much.
    pub(crate) fn is_too_much(&mut self, counts: &Counts) -> bool {
        let frames = [
            counts.settings,
            counts.pings,
            counts.priorities,
            counts.resets,
            counts.unknown,
            counts.empty,
        ];
        let seen = frames.iter().fold(0_u32, |sum, count| sum.wrapping_add(*count));
        let more = seen.wrapping_sub(std::mem::replace(&mut self.seen, seen));
        let refused = counts
            .refused
            .wrapping_sub(std::mem::replace(&mut self.refused, counts.refused));
        let elapsed = elapsed_since(self.began);
        let frames = (0..more).any(|_| self.idle_frames.is_too_much(IDLE_FRAMES, elapsed));
        frames || (0..refused).any(|_| self.cancelled.is_too_much(CANCELLED, elapsed))
    }

    /// A stream has ended before its answer; whether that is too much.
    pub(crate) fn cancelled(&mut self) -> bool {
        self.cancelled.is_too_much(CANCELLED, elapsed_since(self.began))
    }
}

fn elapsed_since(began: Instant) -> impl Fn() -> Duration + Copy {
    move || began.elapsed()
}
