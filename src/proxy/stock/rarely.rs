//! What may happen often, on every core, and is told once in a while: the count of what was not told goes with the next time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// It is told once in this time.
const PERIOD: Duration = Duration::from_secs(60);

/// What is told rarely.
#[derive(Debug)]
pub(crate) struct Rarely {
    began: Instant,
    /// When it may be told again, in milliseconds.
    next: AtomicU64,
    untold: AtomicU64,
}

impl Default for Rarely {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            next: AtomicU64::new(0),
            untold: AtomicU64::new(0),
        }
    }
}

impl Rarely {
    /// It has happened: how often it did without a word since it was told last, if it is to be told now.
    pub(crate) fn happened(&self) -> Option<u64> {
        self.happened_after(self.began.elapsed())
    }

    fn happened_after(&self, time: Duration) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let next = self.next.load(Ordering::Relaxed);
        let tells = millis(time) >= next
            && self
                .next
                .compare_exchange(next, millis(time + PERIOD), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if tells {
            return Some(self.untold.swap(0, Ordering::Relaxed));
        }
        self.untold.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e29_it_is_told_at_once_and_then_once_a_minute_with_a_count() {
        let rarely = Rarely::default();
        let at = Duration::from_secs;
        assert_eq!(rarely.happened_after(at(1)), Some(0));
        assert_eq!(rarely.happened_after(at(2)), None);
        assert_eq!(rarely.happened_after(at(60)), None);
        assert_eq!(rarely.happened_after(at(61)), Some(2));
        assert_eq!(rarely.happened_after(at(61)), None);
    }
}
