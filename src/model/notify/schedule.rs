//! When a message is tried again, and when it is given up: after 1 s, 2 s, 4 s and so on up to 5 min, for an hour.

use std::time::Duration;

/// A receiver may ask for a longer pause than ours, but for no longer than this.
const LONGEST_WISH: Duration = Duration::from_secs(15 * 60);
/// A pause is longer than said by up to this share, so that many machines do not come at once.
const JITTER: f64 = 0.1;

/// The times; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// Before the second attempt.
    pub first: Duration,
    /// Between two attempts, at most.
    pub longest: Duration,
    /// From the message on; then it is given up.
    pub all: Duration,
}

/// What an attempt has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has arrived.
    Delivered,
    /// It may arrive later.
    Later {
        /// Why not now.
        why: String,
        /// For how long the receiver asks us to wait.
        wish: Option<Duration>,
    },
    /// It will never arrive.
    Never(String),
}

impl Schedule {
    /// How long to wait after so many attempts, the message being so old; `None` when it is given up. `chance` is from 0 to 1.
    #[must_use]
    pub fn pause(&self, attempts: u32, age: Duration, wish: Option<Duration>, chance: f64) -> Option<Duration> {
        let doubled = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        let own = doubled.min(self.longest).mul_f64(1.0 + JITTER * chance.clamp(0.0, 1.0));
        let pause = own.max(wish.unwrap_or_default().min(LONGEST_WISH));
        (age.saturating_add(pause) <= self.all).then_some(pause)
    }
}

/// What the status of an answer comes to; `to` is the host that a redirect leads to.
#[must_use]
pub fn of_status(status: u16, to: Option<&str>, wish: Option<Duration>) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        300..=399 => Verdict::Never(match to {
            Some(host) => format!("status {status}: it redirects to `{host}`, which is not followed"),
            None => format!("status {status}: redirects are not followed"),
        }),
        408 | 425 | 429 | 500.. => Verdict::Later {
            why: format!("status {status}"),
            wish,
        },
        _ => Verdict::Never(format!("status {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Schedule = Schedule {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(300),
        all: Duration::from_secs(3600),
    };

    #[test]
    fn pauses_double_from_a_second_to_five_minutes_for_an_hour() {
        let (mut age, mut pauses) = (Duration::ZERO, Vec::new());
        while let Some(pause) = USUAL.pause(u32::try_from(pauses.len()).unwrap() + 1, age, None, 0.0) {
            age += pause;
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!((pauses.last(), pauses.len()), (Some(&300), 19));
        assert!(age <= USUAL.all && age > Duration::from_secs(3300));
        assert!(USUAL.pause(u32::MAX, Duration::ZERO, None, 1.0).unwrap() <= Duration::from_secs(330));
    }

    #[test]
    fn a_receiver_may_ask_for_more_patience_but_not_for_all_of_it() {
        let wish = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(USUAL.pause(1, Duration::ZERO, wish(30), 0.0), wish(30));
        assert_eq!(
            USUAL.pause(9, Duration::ZERO, wish(30), 0.0),
            wish(256),
            "ours is longer"
        );
        assert_eq!(USUAL.pause(1, Duration::ZERO, wish(86_400), 0.0), wish(900));
        assert_eq!(USUAL.pause(1, Duration::from_secs(3_000), wish(900), 0.0), None);
    }

    #[test]
    fn a_status_says_whether_it_is_worth_trying_again() {
        for status in [200, 202, 204] {
            assert_eq!(of_status(status, None, None), Verdict::Delivered);
        }
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(
                matches!(of_status(status, None, None), Verdict::Later { .. }),
                "{status}"
            );
        }
        for status in [301, 307, 400, 401, 403, 404, 410, 413] {
            assert!(matches!(of_status(status, None, None), Verdict::Never(_)), "{status}");
        }
        let Verdict::Never(why) = of_status(302, Some("evil.test"), None) else {
            panic!("followed")
        };
        assert!(why.contains("`evil.test`"), "{why}");
    }
}
