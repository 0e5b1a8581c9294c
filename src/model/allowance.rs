//! How much of something one client may do: so much at once, and so much a second for ever (E26, E27).

use std::time::Duration;

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// At once, by a client that has done little before.
    pub at_once: u32,
    /// In every second.
    pub per_second: u32,
}

/// What has been done of an [`Allowance`]. It never holds more than `at_once` for past restraint, nor less than nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    used: u32,
    /// Until when `per_second` has been given back, since the beginning.
    until: Duration,
}

impl Spent {
    /// Does it once: whether that is too much. `now`, the time since the beginning, is looked at only when `at_once` is used up, so
    /// counting is all that it costs a client that keeps within it. One that pauses in between may therefore do twice as much at once.
    pub fn is_too_much(&mut self, allowance: Allowance, now: impl FnOnce() -> Duration) -> bool {
        self.used = self.used.saturating_add(1);
        if self.used <= allowance.at_once {
            return false;
        }
        let now = now();
        let millis = now.saturating_sub(self.until).as_millis();
        let given_back = millis.saturating_mul(allowance.per_second.into()) / 1000;
        if given_back > 0 {
            self.used = self.used.saturating_sub(u32::try_from(given_back).unwrap_or(u32::MAX));
            self.until = now;
        }
        self.used > allowance.at_once
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        at_once: 100,
        per_second: 10,
    };

    /// How often it may be done, at moments that are so far apart, before it is too much.
    fn lasts(apart: Duration, most: u32) -> Option<u32> {
        let mut spent = Spent::default();
        (0..most).find(|n| spent.is_too_much(ALLOWANCE, || apart * *n))
    }

    #[test]
    fn e26_all_that_is_allowed_at_once_is_and_no_more() {
        assert_eq!(lasts(Duration::ZERO, 1000), Some(100));
        assert_eq!(lasts(Duration::from_micros(1), 1000), Some(100));
    }

    #[test]
    fn e26_what_is_allowed_for_ever_is_and_twice_as_much_is_not() {
        assert_eq!(lasts(Duration::from_millis(100), 100_000), None);
        let twice = lasts(Duration::from_millis(50), 100_000).expect("too much");
        assert!((190..=210).contains(&twice), "{twice}");
    }

    #[test]
    fn e26_restraint_is_worth_no_more_than_is_allowed_at_once() {
        let mut spent = Spent::default();
        let later = Duration::from_secs(100_000);
        let many = (0..1000)
            .take_while(|_| !spent.is_too_much(ALLOWANCE, || later))
            .count();
        assert!(many <= 201, "{many}");
        assert!(spent.is_too_much(ALLOWANCE, || later));
        assert!(!spent.is_too_much(ALLOWANCE, || later + Duration::from_secs(1)));
    }
}
