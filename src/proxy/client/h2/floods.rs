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

/// So many of them come with every request and are no flood, whatever their rate: browsers say how urgent it is and change their mind, and
/// some clients measure their line with each.
const WITH_A_REQUEST: u32 = 8;
/// Of those that did not come with theirs, so many may come later.
const LATER: u32 = 1_000;

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
    requests: u32,
    /// Those that may still come with requests that were made.
    expected: u32,
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
            requests: 0,
            expected: 0,
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
        let requests = counts
            .requests
            .wrapping_sub(std::mem::replace(&mut self.requests, counts.requests));
        let expected = requests.saturating_mul(WITH_A_REQUEST).saturating_add(self.expected);
        self.expected = expected.saturating_sub(more).min(LATER);
        let more = more.saturating_sub(expected);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a client is ended that sends so many requests at once, and with each so many frames that are none, now or a moment later.
    fn is_ended(requests: u32, each: u32, later: bool) -> bool {
        let (mut floods, mut counts) = (Floods::new(), Counts::default());
        (0..requests).any(|_| {
            counts.requests += 1;
            let early = later && floods.is_too_much(&counts);
            counts.pings += each;
            early || floods.is_too_much(&counts)
        })
    }

    #[test]
    fn e27_what_comes_with_requests_is_no_flood_at_any_rate_and_the_rest_is() {
        for later in [false, true] {
            assert!(!is_ended(1_000_000, WITH_A_REQUEST, later));
            assert!(is_ended(20_000, WITH_A_REQUEST + 1, later));
        }
        assert!(is_ended(1, 12_000, false));
        let (mut floods, mut counts) = (Floods::new(), Counts::default());
        counts.requests = 1_000_000;
        assert!(!floods.is_too_much(&counts));
        counts.pings = 12_000;
        assert!(floods.is_too_much(&counts), "goodwill is not saved up");
    }
}
