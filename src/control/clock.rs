//! Calendar time: as it is written down for people, and as the lives of certificates are counted. Deadlines go by tokio's clock,
//! which no adjustment of the system's time moves.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now, in RFC 3339 with milliseconds, UTC.
#[must_use]
pub(super) fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// The time now, in unix seconds.
#[must_use]
pub(super) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Unix seconds in RFC 3339; empty for a time that no calendar has.
#[must_use]
pub(super) fn rfc3339(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map_or_else(|_| String::new(), |time| time.to_string())
}
