//! How often a client may ask (`limit.rate`, `limit.burst`): the generic cell rate algorithm (ITU-T I.371). All that has to be
//! kept of a client is one moment.

use std::time::Duration;

/// So many requests in a period, evenly, and so many of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests in a period; at least one.
    pub requests: u32,
    /// The period; not zero.
    pub period: Duration,
    /// Requests that may come at once; at least one.
    pub burst: u32,
}

impl Rate {
    /// Judges a request that comes at a moment. `due` is what this has returned for the client's request before: the moment from
    /// which on the client would be as one that has never asked. Moments are nanoseconds from any start, 0 is long ago.
    ///
    /// # Errors
    /// It is one too many: the time after which it would not be.
    pub fn ask(&self, due: u64, now: u64) -> Result<u64, Duration> {
        let interval = self.interval();
        let next = due.max(now).saturating_add(interval);
        let latest = now.saturating_add(interval.saturating_mul(self.burst.into()));
        if next <= latest {
            Ok(next)
        } else {
            Err(Duration::from_nanos(next - latest))
        }
    }

    /// Nanoseconds between two requests that come evenly: what a client owes is counted in these.
    #[must_use]
    pub fn interval(&self) -> u64 {
        let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
        (period / u64::from(self.requests.max(1))).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate(requests: u32, period: u64, burst: u32) -> Rate {
        Rate {
            requests,
            period: Duration::from_secs(period),
            burst,
        }
    }

    /// How many of these requests pass, when all of them come at a moment.
    fn pass(rate: Rate, due: &mut u64, asked: u32, now: u64) -> u32 {
        let ask = |_: &u32| match rate.ask(*due, now) {
            Ok(next) => {
                *due = next;
                true
            }
            Err(_) => false,
        };
        u32::try_from((0..asked).filter(ask).count()).unwrap()
    }

    #[test]
    fn e30_as_many_pass_at_once_as_the_burst_says_and_then_as_many_as_the_rate() {
        let (rate, mut due) = (rate(10, 1, 5), 0);
        assert_eq!(pass(rate, &mut due, 100, SECOND), 5);
        assert_eq!(pass(rate, &mut due, 100, SECOND + SECOND / 10), 1);
        assert_eq!(pass(rate, &mut due, 100, SECOND + 3 * SECOND / 10), 2);
        assert_eq!(pass(rate, &mut due, 100, 60 * SECOND), 5, "never more at once");
    }

    #[test]
    fn e30_a_client_that_keeps_to_the_rate_is_never_refused() {
        let (rate, mut due) = (rate(60, 60, 1), 0);
        for second in 1..=1000 {
            assert_eq!(pass(rate, &mut due, 1, second * SECOND), 1, "second {second}");
        }
    }

    #[test]
    fn e30_a_refusal_says_when_to_come_again_and_costs_nothing() {
        let (rate, mut due) = (rate(1, 60, 2), 0);
        assert_eq!(pass(rate, &mut due, 2, SECOND), 2);
        for _ in 0..1000 {
            assert_eq!(rate.ask(due, SECOND), Err(Duration::from_secs(60)));
        }
        assert!(rate.ask(due, 61 * SECOND).is_ok());
    }

    #[test]
    fn nothing_overflows_at_either_end() {
        for (requests, period) in [(1, 31_536_000), (1_000_000, 1)] {
            let rate = rate(requests, period, u32::MAX);
            assert!(rate.ask(u64::MAX - 1, u64::MAX - 1).is_ok());
            assert!(rate.ask(0, 0).is_ok());
        }
    }
}
