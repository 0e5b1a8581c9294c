//! How many requests are under way, over all cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests that are under way. It outlives reloads, and with them other numbers that may be: it counts, and the one who asks
/// says how many are too many.
#[derive(Debug, Default)]
pub(crate) struct InFlight(AtomicUsize);

/// One request among them, until this is dropped.
#[derive(Debug)]
pub(crate) struct Token(Arc<InFlight>);

impl InFlight {
    /// Counts one more, unless there are `most` already.
    pub(crate) fn enter(self: &Arc<Self>, most: usize) -> Option<Token> {
        // A plain addition that is taken back would turn others away meanwhile.
        let entered = self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < most).then_some(count + 1)
        });
        entered.is_ok().then(|| Token(self.clone()))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e30_no_more_than_so_many_enter_whoever_asks_at_the_same_time() {
        let in_flight = Arc::new(InFlight::default());
        let most = 5;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let Some(_token) = in_flight.enter(most) else { continue };
                        assert!(in_flight.0.load(Ordering::Relaxed) <= most);
                    }
                });
            }
        });
        let all: Vec<_> = std::iter::from_fn(|| in_flight.enter(most)).collect();
        assert_eq!(all.len(), most, "none was forgotten");
        assert!(
            in_flight.enter(most + 1).is_some(),
            "another number, and what is under way still counts"
        );
    }
}
