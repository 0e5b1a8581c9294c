//! What may happen often and is said seldom, so that a storm of it is no storm of lines.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// It is said once in this time.
const PERIOD: Duration = Duration::from_secs(5);

/// What is said seldom.
#[derive(Debug, Default)]
pub(crate) struct Seldom {
    said: Cell<Option<Instant>>,
    unsaid: Cell<u64>,
}

impl Seldom {
    /// It has happened: how often it did without a word since it was said last, if it is to be said now.
    pub(crate) fn happened(&self, now: Instant) -> Option<u64> {
        if self.said.get().is_some_and(|said| now < said + PERIOD) {
            self.unsaid.set(self.unsaid.get() + 1);
            return None;
        }
        self.said.set(Some(now));
        Some(self.unsaid.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_at_once_and_then_seldom_with_a_count() {
        let (seldom, began) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.happened(began), Some(0));
        assert_eq!(seldom.happened(began), None);
        assert_eq!(seldom.happened(began + PERIOD / 2), None);
        assert_eq!(seldom.happened(began + PERIOD), Some(2));
        assert_eq!(seldom.happened(began + PERIOD), None);
    }
}
