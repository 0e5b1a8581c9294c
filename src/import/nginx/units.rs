//! nginx's times, sizes and rates, as `proxy.toml` writes them.

use std::time::Duration;

/// Reads `60`, `60s`, `1m30s`, `500ms` or `1y`: without a unit it is seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
        let number: u64 = rest[..end].parse().ok()?;
        let behind = &rest[end..];
        let unit_end = behind.find(|char: char| char.is_ascii_digit()).unwrap_or(behind.len());
        let millis: u64 = match &behind[..unit_end] {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            "M" => 30 * 86_400_000,
            "y" => 365 * 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(millis)?)?;
        rest = &behind[unit_end..];
    }
    (!text.is_empty()).then(|| Duration::from_millis(total))
}

/// Reads `10m`, `512k`, `1g` or a number of bytes, and writes it as `10MiB`.
pub(super) fn size(text: &str) -> Option<String> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let unit = match text[end..].to_ascii_lowercase().as_str() {
        "" if number.is_multiple_of(1 << 20) && number > 0 => return Some(format!("{}MiB", number >> 20)),
        "" if number.is_multiple_of(1 << 10) && number > 0 => return Some(format!("{}KiB", number >> 10)),
        "" => "B",
        "k" => "KiB",
        "m" => "MiB",
        "g" => "GiB",
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

/// Reads `10r/s` or `30r/m`, and writes it as `10/s` or `30/min`.
pub(super) fn rate(text: &str) -> Option<String> {
    let (number, period) = text.split_once("r/")?;
    let number: u32 = number.parse().ok()?;
    match period {
        "s" => Some(format!("{number}/s")),
        "m" => Some(format!("{number}/min")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_rates_are_read_as_nginx_reads_them() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("60"), Some(60.0));
        assert_eq!(seconds("1m30s"), Some(90.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("1y"), Some(31_536_000.0));
        assert_eq!(seconds(""), None);
        assert_eq!(seconds("5x"), None);
        assert_eq!(seconds("99999999999999999999"), None);
        assert_eq!(size("10m").as_deref(), Some("10MiB"));
        assert_eq!(size("2097152").as_deref(), Some("2MiB"));
        assert_eq!(size("1G").as_deref(), Some("1GiB"));
        assert_eq!(size("m"), None);
        assert_eq!(rate("10r/s").as_deref(), Some("10/s"));
        assert_eq!(rate("30r/m").as_deref(), Some("30/min"));
        assert_eq!(rate("10"), None);
    }
}
