//! The one place in this room where the time comes from.

use std::time::{SystemTime, UNIX_EPOCH};

/// This moment.
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// This moment in seconds since 1970.
pub(super) fn unix_now() -> i64 {
    unix_seconds(now())
}

/// Seconds since 1970; negative before.
pub(super) fn unix_seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds),
    }
}
