//! Durations, sizes, shares and rates: how the file writes them, and how messages show them.

use std::time::Duration;

/// The longest duration that a file may name, so that no sum of times overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const SECOND: u128 = 1_000;
const MINUTE: u128 = 60 * SECOND;
const HOUR: u128 = 60 * MINUTE;
const DAY: u128 = 24 * HOUR;

/// Reads `500ms`, `5s`, `5m`, `1h`, `2d`, or several of them from large to small, as `1h 30m`. Spaces may stand between
/// numbers and units.
///
/// # Errors
/// What is wrong with the text, to follow the words "is not a duration: ".
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    let mut total: u128 = 0;
    let mut last = u128::MAX;
    if rest.is_empty() {
        return Err("it is empty".into());
    }
    while !rest.is_empty() {
        let (number, behind) = number(rest)?;
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let unit = match &behind[..end] {
            "ms" => 1,
            "s" => SECOND,
            "m" | "min" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            "" => return Err(format!("`{number}` has no unit")),
            other => return Err(format!("`{other}` is not a unit")),
        };
        if unit >= last {
            return Err("its units do not fall from large to small".into());
        }
        last = unit;
        total += u128::from(number) * unit;
        rest = behind[end..].trim_start();
    }
    match u64::try_from(total).map(Duration::from_millis) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        Ok(_) | Err(_) => Err("it is longer than 365 days".into()),
    }
}

/// Reads `512B`, `64KiB`, `100 MiB`, `1GiB`, or the decimal `10kB`, `10MB`, `1GB`.
///
/// # Errors
/// What is wrong with the text, to follow the words "is not a size: ".
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty".into());
    }
    let (number, unit) = number(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "" => return Err(format!("`{number}` has no unit")),
        _ => return Err(format!("`{unit}` is not a unit")),
    };
    number.checked_mul(factor).ok_or_else(|| "it is too large".into())
}

/// Reads `5%` or `2.5 %` as a share between 0 and 1.
///
/// # Errors
/// What is wrong with the text, to follow the words "is not a share: ".
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let number = text.trim().strip_suffix('%').ok_or("it has no `%`")?.trim_end();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err("it has no number".into());
    }
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        Ok(_) => Err("it is not between 0 % and 100 %".into()),
        Err(_) => Err("it has no number".into()),
    }
}

/// Reads `10/s`, `100/min` or `1000/h`: requests, and the period in which they may come.
///
/// # Errors
/// What is wrong with the text, to follow the words "is not a rate: ".
pub(crate) fn parse_rate(text: &str) -> Result<(u32, Duration), String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty".into());
    }
    let (requests, behind) = number(text)?;
    let unit = behind.strip_prefix('/').ok_or("it has no `/` and period")?.trim();
    let period = match unit {
        "s" => SECOND,
        "m" | "min" => MINUTE,
        "h" => HOUR,
        "" => return Err("it has no period".into()),
        other => return Err(format!("`{other}` is not a period")),
    };
    match u32::try_from(requests) {
        Ok(0) => Err("none would pass".into()),
        Ok(requests @ 1..=1_000_000) => Ok((requests, Duration::from_millis(u64::try_from(period).unwrap_or(1)))),
        Ok(_) | Err(_) => Err("it is more than 1000000".into()),
    }
}

/// Shows a rate as `10/s`, `100/min` or `1000/h`.
#[must_use]
pub(crate) fn format_rate(requests: u32, period: Duration) -> String {
    let unit = match period.as_millis() {
        MINUTE => "min",
        HOUR => "h",
        _ => "s",
    };
    format!("{requests}/{unit}")
}

/// The whole number at the start, and what follows it and its spaces.
///
/// # Errors
/// What is wrong, in the words of the callers.
fn number(text: &str) -> Result<(u64, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 {
        return Err("it does not start with a whole number".into());
    }
    if text[end..].starts_with(['.', ',']) {
        return Err("only whole numbers are read".into());
    }
    let number = text[..end].parse().map_err(|_| "its number is too large".to_owned())?;
    Ok((number, text[end..].trim_start()))
}

/// Shows a duration as `500 ms`, `60 s`, `5 min` or `1 h 30 min`. What is below a millisecond is cut off.
#[must_use]
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_millis();
    // Below two minutes, people think in seconds: `60 s`, `90 s`.
    let units: &[(u128, &str)] = if rest < 2 * MINUTE {
        &[(SECOND, "s"), (1, "ms")]
    } else {
        &[(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (1, "ms")]
    };
    let mut parts = Vec::new();
    for &(unit, name) in units {
        if rest >= unit {
            parts.push(format!("{} {name}", rest / unit));
            rest %= unit;
        }
    }
    if parts.is_empty() {
        return "0 s".into();
    }
    parts.join(" ")
}

/// Shows a size as `100 MiB`, `64 KiB`, `1.5 GiB` or `512 B`. Behind the tenth, it is cut off.
#[must_use]
pub(crate) fn format_size(bytes: u64) -> String {
    for (shift, name) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
        let unit = 1_u64 << shift;
        if bytes >= unit {
            let whole = bytes / unit;
            let tenth = (bytes % unit) * 10 / unit;
            return if tenth == 0 {
                format!("{whole} {name}")
            } else {
                format!("{whole}.{tenth} {name}")
            };
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_and_without_spaces() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("5m", 300_000),
            ("5min", 300_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            (" 1 h 30 min 5 s ", 5_405_000),
            ("0s", 0),
            ("365d", 31_536_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (text, why) in [
            ("", "it is empty"),
            ("5", "`5` has no unit"),
            ("s", "it does not start with a whole number"),
            ("-5s", "it does not start with a whole number"),
            ("1.5s", "only whole numbers are read"),
            ("5sec", "`sec` is not a unit"),
            ("5S", "`S` is not a unit"),
            ("30m 1h", "its units do not fall from large to small"),
            ("5s 5s", "its units do not fall from large to small"),
            ("366d", "it is longer than 365 days"),
            ("99999999999999999999s", "its number is too large"),
            ("18446744073709551615d", "it is longer than 365 days"),
            ("1h,30m", "it does not start with a whole number"),
            ("5µs", "`5` has no unit"),
        ] {
            assert_eq!(parse_duration(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_both_families_of_units() {
        for (text, bytes) in [
            ("512B", 512),
            ("64 KiB", 65_536),
            ("64kib", 65_536),
            ("100MiB", 104_857_600),
            ("10MB", 10_000_000),
            ("1GiB", 1_073_741_824),
            ("2 kB", 2_000),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for (text, why) in [
            ("", "it is empty"),
            ("100", "`100` has no unit"),
            ("MiB", "it does not start with a whole number"),
            ("1.5MiB", "only whole numbers are read"),
            ("10M", "`M` is not a unit"),
            ("99999999TiB", "it is too large"),
        ] {
            assert_eq!(parse_size(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_number_and_a_period() {
        for (text, requests, seconds, shown) in [
            ("10/s", 10, 1, "10/s"),
            (" 100 / min ", 100, 60, "100/min"),
            ("5/m", 5, 60, "5/min"),
            ("1000/h", 1000, 3600, "1000/h"),
        ] {
            let rate = (requests, Duration::from_secs(seconds));
            assert_eq!(parse_rate(text), Ok(rate), "{text}");
            assert_eq!(format_rate(rate.0, rate.1), shown);
        }
        for (text, why) in [
            ("", "it is empty"),
            ("10", "it has no `/` and period"),
            ("10/", "it has no period"),
            ("10/d", "`d` is not a period"),
            ("/s", "it does not start with a whole number"),
            ("0/s", "none would pass"),
            ("0.5/s", "only whole numbers are read"),
            ("1000001/s", "it is more than 1000000"),
        ] {
            assert_eq!(parse_rate(text), Err(why.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!(parse_share("5%"), Ok(0.05));
        assert_eq!(parse_share("2.5 %"), Ok(0.025));
        assert_eq!(parse_share("100%"), Ok(1.0));
        for text in ["5", "%", "-5%", "101%", "inf%", "1.2.3%", "nan %"] {
            assert!(parse_share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for (millis, shown) in [
            (0, "0 s"),
            (500, "500 ms"),
            (1_500, "1 s 500 ms"),
            (60_000, "60 s"),
            (90_000, "90 s"),
            (300_000, "5 min"),
            (3_600_000, "1 h"),
            (5_400_000, "1 h 30 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            let duration = Duration::from_millis(millis);
            assert_eq!(format_duration(duration), shown);
            assert_eq!(parse_duration(shown), Ok(duration));
        }
        for (bytes, shown) in [
            (0, "0 B"),
            (512, "512 B"),
            (65_536, "64 KiB"),
            (104_857_600, "100 MiB"),
            (1_610_612_736, "1.5 GiB"),
        ] {
            assert_eq!(format_size(bytes), shown);
        }
    }
}
