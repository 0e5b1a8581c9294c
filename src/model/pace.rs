//! How fast a client has to move what it owes: the body that it sends, or the answer that it reads (E23). Its clock runs only while
//! the client owes something: a slow app costs no client its connection. Moments are times since any fixed one.

use std::time::Duration;

/// What a client has to keep to while it owes something. Silence is judged by the one, and what trickles by the other: a pause of
/// less than `idle` costs nobody a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// It may move nothing for so long.
    pub idle: Duration,
    /// Where it moves something within so long, it has to be 256 bytes a second.
    pub period: Duration,
}

/// Bytes a second.
const SLOWEST: u64 = 256;

/// What is remembered of one direction of one exchange.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// When the time that is not counted yet began; `None` while the client owes nothing.
    since: Option<Duration>,
    /// Time that it has owed something in this period, and bytes that it has moved.
    owed: Duration,
    moved: u64,
    /// Time that it has owed something since it moved a byte.
    silent: Duration,
}

/// How a client that owes something does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Well enough; to be looked at again after this time.
    Fine(Duration),
    /// It has moved nothing for [`Rule::idle`].
    Silent,
    /// It has moved too little for [`Rule::period`].
    Slow,
}

impl Pace {
    /// Whether the client owes something, as far as is known.
    #[must_use]
    pub fn is_owed(&self) -> bool {
        self.since.is_some()
    }

    /// From now on it owes something. It is to be looked at after [`Rule::first_look`].
    pub fn begins(&mut self, now: Duration) {
        self.since.get_or_insert(now);
    }

    /// It owes nothing any more: it has moved so many bytes since the last look.
    pub fn ends(&mut self, now: Duration, moved: u64) {
        self.count(now, moved);
        self.since = None;
    }

    /// Looks at a client that owes something, and has moved so many bytes since the last look.
    pub fn look(&mut self, now: Duration, moved: u64, rule: &Rule) -> Verdict {
        self.count(now, moved);
        if self.silent >= rule.idle {
            return Verdict::Silent;
        }
        if self.owed >= rule.period {
            let least = self.owed.as_millis() * u128::from(SLOWEST) / 1000;
            if (1..least).contains(&u128::from(self.moved)) {
                return Verdict::Slow;
            }
            (self.owed, self.moved) = (Duration::ZERO, 0);
        }
        let next = (rule.idle - self.silent).min(rule.period - self.owed);
        Verdict::Fine(next.max(Duration::from_millis(1)))
    }

    fn count(&mut self, now: Duration, moved: u64) {
        if let Some(since) = self.since.replace(now) {
            let time = now.saturating_sub(since);
            self.owed += time;
            self.silent += time;
        }
        if moved > 0 {
            self.silent = Duration::ZERO;
            self.moved += moved;
        }
    }
}

impl Rule {
    /// When a client that begins to owe something is looked at.
    #[must_use]
    pub fn first_look(&self) -> Duration {
        self.idle.min(self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        idle: Duration::from_secs(60),
        period: Duration::from_secs(30),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A client that moves so many bytes in every second, looked at as it asks to be: when it is given up, and why.
    fn given_up(per_second: impl Fn(u64) -> u64) -> Option<(u64, Verdict)> {
        let (mut pace, began) = (Pace::default(), seconds(1000));
        pace.begins(began);
        let (mut at, mut wait) = (0, RULE.first_look());
        while at < 3600 {
            let moved = (at..at + wait.as_secs()).map(&per_second).sum();
            at += wait.as_secs();
            match pace.look(began + seconds(at), moved, &RULE) {
                Verdict::Fine(next) => wait = next,
                verdict => return Some((at, verdict)),
            }
        }
        None
    }

    #[test]
    fn e23_as_fast_as_the_rate_is_fast_enough_and_slower_is_not() {
        assert_eq!(given_up(|_| 256), None);
        assert_eq!(given_up(|_| 100_000), None);
        assert_eq!(given_up(|_| 255), Some((30, Verdict::Slow)));
        assert_eq!(given_up(|_| 1), Some((30, Verdict::Slow)));
        assert_eq!(given_up(|_| 0), Some((60, Verdict::Silent)));
        assert_eq!(given_up(|at| u64::from(at % 59 == 58)), Some((60, Verdict::Slow)));
        assert_eq!(
            given_up(|at| if at < 95 { 300 } else { 200 }),
            Some((120, Verdict::Slow))
        );
    }

    #[test]
    fn e23_bytes_that_come_together_are_as_good_as_bytes_that_come_evenly() {
        assert_eq!(given_up(|at| if at % 20 == 0 { 20 * 256 * 2 } else { 0 }), None);
        assert_eq!(
            given_up(|at| if at % 50 == 0 { 50 * 256 } else { 0 }),
            None,
            "a pause is no trickle"
        );
    }

    #[test]
    fn e23_silence_ends_it_however_much_came_before() {
        let rule = Rule {
            idle: seconds(10),
            ..RULE
        };
        let (mut pace, began) = (Pace::default(), seconds(1000));
        pace.begins(began);
        assert_eq!(
            pace.look(began + seconds(9), 1 << 30, &rule),
            Verdict::Fine(seconds(10))
        );
        assert_eq!(pace.look(began + seconds(19), 0, &rule), Verdict::Silent);
    }

    #[test]
    fn e23_time_in_which_nothing_is_owed_is_not_counted() {
        let (mut pace, mut now) = (Pace::default(), seconds(1000));
        for _ in 0..1000 {
            // The app takes its time; then the client sends 256 bytes in a second.
            now += seconds(600);
            pace.begins(now);
            assert!(pace.is_owed());
            now += seconds(1);
            assert_ne!(pace.look(now, 0, &RULE), Verdict::Silent);
            pace.ends(now, 256);
            assert!(!pace.is_owed());
        }
        pace.begins(now);
        assert!(matches!(pace.look(now + seconds(1), 256, &RULE), Verdict::Fine(_)));
    }

    #[test]
    fn e23_many_short_debts_are_one_long_one() {
        let (mut pace, mut now) = (Pace::default(), seconds(1000));
        let mut verdict = Verdict::Fine(seconds(0));
        for _ in 0..31 {
            now += seconds(5);
            pace.begins(now);
            now += seconds(1);
            verdict = pace.look(now, 1, &RULE);
            pace.ends(now, 0);
        }
        assert_eq!(verdict, Verdict::Slow);
    }
}
