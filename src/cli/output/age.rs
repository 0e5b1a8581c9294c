//! How long something has lasted, from the times that the daemon tells (RFC 3339). Pure.

use jiff::Timestamp;

use super::text::period;

/// How long ago a time was, in whole seconds: `2 min 3 s`. A clock that went back shows as no time at all; `None` for what is no
/// time.
pub(crate) fn age(time: &str, now: Timestamp) -> Option<String> {
    seconds_since(time, now).map(whole)
}

/// How long ago a time was, in the largest unit alone: a column has no room for `2 min 3 s`.
pub(crate) fn short_age(time: &str, now: Timestamp) -> Option<String> {
    Some(match seconds_since(time, now)? {
        seconds @ 0..120 => whole(seconds),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    })
}

/// ` for 2 min 3 s`, to stand behind what has lasted since then; empty for what is no time.
pub(crate) fn lasting(age: Option<String>) -> String {
    age.map_or(String::new(), |age| format!(" for {age}"))
}

fn seconds_since(time: &str, now: Timestamp) -> Option<u64> {
    let then = time.parse::<Timestamp>().ok()?;
    let millis = u64::try_from(now.as_millisecond() - then.as_millisecond()).unwrap_or(0);
    Some(millis / 1_000)
}

/// An age is no measurement: whole seconds, also below one.
fn whole(seconds: u64) -> String {
    match seconds {
        0 => "0 s".to_owned(),
        seconds => period(seconds.saturating_mul(1_000)),
    }
}
