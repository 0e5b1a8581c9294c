//! What holds at every step, and what is left at the end.

use std::time::Duration;

use greengate::model::hold::{Bounds, Newcomer, Why};

use super::super::Tally;
use super::{World, moment};

/// What a task takes to be woken.
const WAKE: Duration = Duration::from_millis(1);

impl World {
    pub(super) fn check(&self) {
        let held = self
            .waiting
            .values()
            .filter(|one| !self.requests[**one].doubtful)
            .count();
        assert_eq!(self.queue.held(), held, "counts others than wait");
        if self.keeper.is_none() {
            assert!(self.waiting.is_empty(), "somebody waits, and nobody keeps the queue");
            assert_eq!(self.queue.away(), None, "nobody tries to reach the app");
        }
        if let Some(since) = self.away_since
            && !self.paused
            && !self.gone
        {
            let over = self.now > since + self.bounds.period + WAKE;
            assert!(!over || self.waiting.is_empty(), "waits past the window");
        }
    }

    pub(super) fn check_end(mut self) -> Tally {
        for (one, request) in self.requests.iter().enumerate() {
            assert_eq!(request.ends, 1, "request {one} was answered {} times", request.ends);
        }
        assert!(self.keeper.is_none(), "nobody waits, and the keeper does not rest");
        // Nothing is left behind in any count: the queue admits to its bounds.
        let whole = Bounds {
            max_requests: 1,
            ..self.bounds
        };
        let newcomer = Newcomer {
            why: Why::Paused,
            before: None,
            bytes: whole.max_bytes,
            waiter: 0,
        };
        let number = self
            .queue
            .enter(newcomer, &whole, moment(self.now))
            .expect("a count is left behind");
        assert!(
            self.queue.doubt(number, &whole),
            "a count of the doubtful is left behind"
        );
        self.tally
    }
}
