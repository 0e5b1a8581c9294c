//! The moment of an answer as `Date` says it (RFC 9110 §6.6.1), put into words once a second.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(crate) type Date = [u8; 29];

/// A clock that keeps what it has said for as long as it is true.
#[derive(Debug)]
pub(crate) struct DateClock {
    /// Seconds since 1970, and their words.
    said: Cell<(u64, Date)>,
}

impl DateClock {
    pub(crate) fn new() -> Self {
        Self {
            said: Cell::new((0, words(0))),
        }
    }

    /// The date now.
    pub(crate) fn now(&self) -> Date {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        self.at(since.map_or(0, |since| since.as_secs()))
    }

    fn at(&self, second: u64) -> Date {
        let (said, date) = self.said.get();
        if said == second {
            return date;
        }
        let date = words(second);
        self.said.set((second, date));
        date
    }
}

/// A second since 1970 in words. One that has no four-digit year is said as 1970.
pub(crate) fn words(second: u64) -> Date {
    i64::try_from(second)
        .ok()
        .and_then(|second| Timestamp::from_second(second).ok())
        .and_then(|time| DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok())
        .and_then(|text| text.as_bytes().try_into().ok())
        .unwrap_or(*b"Thu, 01 Jan 1970 00:00:00 GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f8_a_date_is_what_the_rfc_writes_and_moves_with_the_second() {
        let clock = DateClock::new();
        for (second, text) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (u64::MAX, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            assert_eq!(str::from_utf8(&clock.at(second)), Ok(text));
        }
    }
}
