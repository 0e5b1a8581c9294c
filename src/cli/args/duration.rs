//! Durations as people type them.

use std::time::Duration;

/// Reads `500ms`, `90s`, `5m` or `1h`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let expected = "write `500ms`, `90s`, `5m` or `1h`";
    if number.is_empty() {
        return Err(expected.into());
    }
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("has no unit; {expected}")),
        _ => return Err(format!("has no unit that is known; {expected}")),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)) {
        Some(0) => Err("has to be longer than nothing".into()),
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => Err("is too long".into()),
    }
}
