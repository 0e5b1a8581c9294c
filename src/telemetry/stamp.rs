//! Times as lines write them. A second is put into words once, and copied for every further line of it.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::fmt::strtime;

/// The last second, in one way of writing it.
#[derive(Debug)]
pub(super) struct Stamp {
    /// As `strftime` takes it, in UTC.
    format: &'static str,
    second: Option<u64>,
    text: String,
}

impl Stamp {
    /// RFC 3339 without fraction and zone: `2026-01-01T00:00:00`.
    pub(super) fn rfc3339() -> Self {
        Self::new("%Y-%m-%dT%H:%M:%S")
    }

    /// As Apache's and nginx' combined logs have it: `01/Jan/2026:00:00:00 +0000`.
    pub(super) fn combined() -> Self {
        Self::new("%d/%b/%Y:%H:%M:%S +0000")
    }

    fn new(format: &'static str) -> Self {
        Self {
            format,
            second: None,
            text: String::new(),
        }
    }

    /// The second, and the milliseconds behind it.
    pub(super) fn of(&mut self, time: SystemTime) -> (&[u8], u32) {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if self.second != Some(since.as_secs()) {
            self.second = Some(since.as_secs());
            let second = i64::try_from(since.as_secs()).ok();
            let moment = second.and_then(|second| Timestamp::from_second(second).ok());
            let moment = moment.unwrap_or(Timestamp::UNIX_EPOCH);
            self.text = strtime::format(self.format, moment).unwrap_or_default();
        }
        (self.text.as_bytes(), since.subsec_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_follows_the_line_and_not_the_one_before() {
        let (mut rfc3339, mut combined) = (Stamp::rfc3339(), Stamp::combined());
        for (second, plain, slashed) in [
            (0, "1970-01-01T00:00:00", "01/Jan/1970:00:00:00 +0000"),
            (951_782_400, "2000-02-29T00:00:00", "29/Feb/2000:00:00:00 +0000"),
            (951_782_400, "2000-02-29T00:00:00", "29/Feb/2000:00:00:00 +0000"),
            (1_767_225_599, "2025-12-31T23:59:59", "31/Dec/2025:23:59:59 +0000"),
            (5, "1970-01-01T00:00:05", "01/Jan/1970:00:00:05 +0000"),
            // Beyond what has a year of four digits.
            (1 << 60, "1970-01-01T00:00:00", "01/Jan/1970:00:00:00 +0000"),
        ] {
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second) + Duration::from_millis(7);
            assert_eq!(rfc3339.of(time), (plain.as_bytes(), 7));
            assert_eq!(combined.of(time), (slashed.as_bytes(), 7));
        }
    }
}
