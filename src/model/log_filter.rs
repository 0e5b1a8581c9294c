//! Which lines of the access log somebody wants to see.

use std::ops::RangeInclusive;

use crate::model::api::{Blame, Logged};

/// What a line has to be. Nothing that is left out is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Of this environment.
    pub environment: Option<String>,
    /// Of this service.
    pub service: Option<String>,
    /// With one of these.
    pub status: Option<RangeInclusive<u16>>,
    /// That took longer, in microseconds.
    pub slower_us: Option<u64>,
    /// Whose path is this, or lies below it.
    pub path: Option<String>,
    /// By whose fault it failed.
    pub fault: Option<Blame>,
}

impl LogFilter {
    /// Whether every line is wanted.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether this line is wanted.
    #[must_use]
    pub fn wants(&self, line: &Logged<'_>) -> bool {
        let is = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        is(&self.environment, &line.environment)
            && is(&self.service, &line.service)
            && self.status.as_ref().is_none_or(|wanted| wanted.contains(&line.status))
            && self.slower_us.is_none_or(|bound| line.duration_us > bound)
            && self.path.as_deref().is_none_or(|path| is_below(line.bare_path(), path))
            && self.fault.is_none_or(|fault| line.blame() == Some(fault))
    }
}

/// Whether a path is `prefix` or lies below it, as routes compare them: `/api` is not the beginning of `/apiary`.
fn is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Reads `404`, `5xx` or `500-503`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_status(text: &str) -> Result<RangeInclusive<u16>, String> {
    let expected = || "write `404`, `5xx` or `500-503`".to_owned();
    let code = |text: &str| {
        let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        // 000 is a client that was gone before there was an answer.
        text.parse()
            .ok()
            .filter(|_| is_code || text == "0")
            .ok_or_else(expected)
    };
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        return match class {
            "1" | "2" | "3" | "4" | "5" => {
                let first = class.parse::<u16>().map_err(|_| expected())? * 100;
                Ok(first..=first + 99)
            }
            _ => Err(expected()),
        };
    }
    match text.split_once('-') {
        Some((first, last)) => {
            let range = code(first)?..=code(last)?;
            if range.is_empty() {
                Err("ends before it begins".into())
            } else {
                Ok(range)
            }
        }
        None => code(text).map(|code| code..=code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Logged<'static> {
        Logged {
            time: "2026-01-01T00:00:00.000Z".into(),
            environment: "prod".into(),
            service: "web".into(),
            slot: "blue".into(),
            host: "example.com".into(),
            method: "GET".into(),
            path: "/api/items?page=2".into(),
            status: 502,
            duration_us: 1_500_000,
            first_byte_us: None,
            retries: 0,
            held_ms: 0,
            termination: "app: unreachable".into(),
            reason: "".into(),
            request_id: "0".into(),
        }
    }

    #[test]
    fn a_line_is_wanted_when_all_of_it_is_as_asked() {
        let all = LogFilter::default();
        assert!(all.is_everything() && all.wants(&line()));
        let narrow = LogFilter {
            environment: Some("prod".into()),
            service: Some("web".into()),
            status: Some(500..=599),
            slower_us: Some(1_000_000),
            path: Some("/api".into()),
            fault: Some(Blame::App),
        };
        assert!(narrow.wants(&line()));
        for other in [
            Logged {
                environment: "dev".into(),
                ..line()
            },
            Logged {
                service: "api".into(),
                ..line()
            },
            Logged { status: 404, ..line() },
            Logged {
                duration_us: 1_000_000,
                ..line()
            },
            Logged {
                path: "/apiary".into(),
                ..line()
            },
            Logged {
                termination: "proxy: stopped".into(),
                ..line()
            },
        ] {
            assert!(!narrow.wants(&other), "{other:?}");
        }
    }

    #[test]
    fn a_path_is_below_another_as_in_a_route() {
        for (path, prefix, is) in [
            ("/api", "/api", true),
            ("/api/", "/api", true),
            ("/api/x", "/api/", true),
            ("/apix", "/api", false),
            ("/", "/api", false),
            ("/x", "/", true),
            ("/x", "", true),
        ] {
            assert_eq!(is_below(path, prefix), is, "{path} {prefix}");
        }
    }

    #[test]
    fn statuses_are_one_a_class_or_a_range() {
        assert_eq!(parse_status("404"), Ok(404..=404));
        assert_eq!(parse_status("5xx"), Ok(500..=599));
        assert_eq!(parse_status("500-503"), Ok(500..=503));
        assert_eq!(parse_status("0"), Ok(0..=0));
        for wrong in ["", "xx", "6xx", "50", "5000", "500-", "-1", "+50", "five"] {
            assert!(parse_status(wrong).unwrap_err().starts_with("write `404`"), "{wrong}");
        }
        assert_eq!(parse_status("503-500").unwrap_err(), "ends before it begins");
    }
}
