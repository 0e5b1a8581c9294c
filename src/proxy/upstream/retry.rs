//! How often, and how soon, a request is sent again (N11).

use std::cell::Cell;
use std::time::Duration;

/// For one request, beyond the free one that a stale connection gets.
const MOST: u32 = 2;
/// Before the first retry. An app that is killed closes its connections and its listener one after the other: a request that comes
/// back at once is accepted by nobody, and broken off again.
const BACKOFF: Duration = Duration::from_millis(15);
/// So much longer before the second: on a busy machine a process takes some tenths of a second to die.
const LONGER: u32 = 32;

/// Retries beyond the free one: at most a fifth of the requests (N11), saved up to a small reserve.
#[derive(Debug)]
pub(crate) struct RetryBudget(Cell<u32>);

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Cell::new(10 * 5))
    }
}

impl RetryBudget {
    /// A request came: a fifth of a retry is earned.
    pub(crate) fn earn(&self) {
        self.0.set((self.0.get() + 1).min(100 * 5));
    }

    /// Pays for one retry, if there is enough.
    pub(crate) fn pay(&self) -> bool {
        let rest = self.0.get().checked_sub(5);
        rest.inspect(|rest| self.0.set(*rest)).is_some()
    }
}

/// The retries of one request.
#[derive(Debug, Default)]
pub(crate) struct Retries(u32);

impl Retries {
    /// How long to wait before the next one, if there may be one. `jitter` is between 0 and 1.
    pub(crate) fn next(&mut self, budget: &RetryBudget, jitter: f64) -> Option<Duration> {
        if self.0 >= MOST || !budget.pay() {
            return None;
        }
        let wait = BACKOFF * LONGER.pow(self.0);
        self.0 += 1;
        Some(wait.mul_f64(0.75 + jitter / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n11_retries_are_a_fifth_of_the_requests() {
        let budget = RetryBudget::default();
        while budget.pay() {}
        for _ in 0..100 {
            budget.earn();
        }
        assert_eq!(
            std::iter::repeat_with(|| budget.pay()).take_while(|paid| *paid).count(),
            20
        );
    }

    #[test]
    fn n11_a_request_is_tried_again_twice_and_later_each_time() {
        let (budget, mut retries) = (RetryBudget::default(), Retries::default());
        assert_eq!(retries.next(&budget, 0.5), Some(BACKOFF));
        assert_eq!(retries.next(&budget, 0.5), Some(BACKOFF * LONGER));
        assert_eq!(retries.next(&budget, 0.5), None);
    }
}
