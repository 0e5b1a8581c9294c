//! What may happen often, on any core, and is said seldom, so that a storm of it is no storm of lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// What is said seldom.
#[derive(Debug)]
pub(crate) struct Seldom {
    period: Duration,
    began: Instant,
    /// When it may be said again, in milliseconds.
    next: AtomicU64,
    unsaid: AtomicU64,
}

impl Seldom {
    /// Said at most once in this time.
    pub(crate) fn once_in(period: Duration) -> Self {
        Self {
            period,
            began: Instant::now(),
            next: AtomicU64::new(0),
            unsaid: AtomicU64::new(0),
        }
    }

    /// It has happened: how often it did without a word since it was said last, if it is to be said now.
    pub(crate) fn happened(&self) -> Option<u64> {
        self.happened_after(self.began.elapsed())
    }

    fn happened_after(&self, time: Duration) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (next, then) = (self.next.load(Ordering::Relaxed), millis(time + self.period));
        let is_said = millis(time) >= next
            && self
                .next
                .compare_exchange(next, then, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_said {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_seldom_with_a_count() {
        let at = Duration::from_secs;
        let seldom = Seldom::once_in(at(60));
        assert_eq!(seldom.happened_after(at(1)), Some(0));
        assert_eq!(seldom.happened_after(at(2)), None);
        assert_eq!(seldom.happened_after(at(60)), None);
        assert_eq!(seldom.happened_after(at(61)), Some(2));
        assert_eq!(seldom.happened_after(at(61)), None);
    }
}
