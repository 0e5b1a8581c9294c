//! Two clocks: one that never goes back, by which everything is decided, and the one on the wall. Has the latter jumped (N30)?
//! Nothing that the proxy decides hangs on it but certificates and ticket keys; but a person who reads the log, the journal or
//! `status` has to know that times before and after do not compare.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Slower than any leap that NTP smears, faster than any that a person would miss.
const NOTICED: SignedDuration = SignedDuration::from_secs(5);

/// When something came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since any fixed moment; never goes back.
    pub at: Duration,
    /// What clocks on walls say.
    pub wall: Timestamp,
}

impl Moment {
    /// RFC 3339 with milliseconds, UTC.
    #[must_use]
    pub fn written(self) -> String {
        format!("{:.3}", self.wall)
    }

    /// How long it is until a moment in seconds since 1970; nothing where that is over.
    #[must_use]
    pub fn left_until(self, seconds: u64) -> Duration {
        let end = i64::try_from(seconds)
            .ok()
            .and_then(|end| Timestamp::from_second(end).ok());
        let left = end.unwrap_or(Timestamp::MAX).duration_since(self.wall);
        Duration::try_from(left).unwrap_or_default()
    }
}

/// Compares the clock on the wall with one that never goes back.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch {
    last: Option<(Duration, Timestamp)>,
}

impl ClockWatch {
    /// Takes both clocks' time of one moment; `at` never goes back. Returns by how much the wall clock went ahead (or back) of it
    /// since the last look, when that is more than five seconds.
    pub fn look(&mut self, at: Duration, wall: Timestamp) -> Option<SignedDuration> {
        let (before, wall_before) = self.last.replace((at, wall))?;
        let passed = SignedDuration::try_from(at.saturating_sub(before)).ok()?;
        let jump = wall.duration_since(wall_before).checked_sub(passed)?;
        (jump.abs() > NOTICED).then_some(jump)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn what_is_left_is_counted_to_the_millisecond_and_never_below_nothing() {
        let wall = Timestamp::from_millisecond(36_900).unwrap();
        let now = Moment {
            at: Duration::from_secs(5),
            wall,
        };
        assert_eq!(now.left_until(37), Duration::from_millis(100));
        assert_eq!(now.left_until(36), Duration::ZERO);
        assert!(now.left_until(u64::MAX) > Duration::from_hours(24 * 365));
    }

    #[test]
    fn n30_a_clock_that_jumps_is_noticed_once_in_either_direction() {
        let mut watch = ClockWatch::default();
        let mut look = |seconds: u64, wall: i64| watch.look(Duration::from_secs(seconds), at(wall));
        assert_eq!(look(100, 0), None, "there is nothing to compare with yet");
        assert_eq!(look(105, 5), None);
        assert_eq!(look(110, 3_610), Some(SignedDuration::from_secs(3_600)));
        assert_eq!(look(115, 3_615), None, "it is told once");
        assert_eq!(look(120, -7_180), Some(SignedDuration::from_secs(-10_800)));
        assert_eq!(look(125, -7_175), None);
    }

    #[test]
    fn a_clock_that_is_slewed_and_a_late_look_are_no_jumps() {
        let mut watch = ClockWatch::default();
        for minute in 0..60 {
            // Half a second a minute is more than NTP's slew.
            let wall = Timestamp::from_millisecond(1_800_000_000_000 + minute * 60_500).unwrap();
            assert_eq!(
                watch.look(Duration::from_secs(60) * u32::try_from(minute).unwrap(), wall),
                None
            );
        }
        let mut watch = ClockWatch::default();
        assert_eq!(watch.look(Duration::ZERO, at(0)), None);
        assert_eq!(watch.look(Duration::from_secs(86_400), at(86_401)), None);
    }
}
