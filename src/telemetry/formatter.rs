//! How a core writes lines: in which format, with the room that it needs for that.

use super::line::Line;
use super::stamp::Stamp;
use super::{combined_line, json_line};
use crate::config::AccessLogFormat;

/// Writes lines in one format.
#[derive(Debug)]
pub(super) struct Formatter {
    format: AccessLogFormat,
    stamp: Stamp,
    /// For what may be written of a path and of a referer, where that is not all.
    scratch: [Vec<u8>; 2],
}

impl Formatter {
    pub(super) fn new(format: AccessLogFormat) -> Self {
        Self {
            format,
            stamp: match format {
                AccessLogFormat::Json => Stamp::rfc3339(),
                AccessLogFormat::Combined => Stamp::combined(),
            },
            scratch: Default::default(),
        }
    }

    /// Appends a line, with the newline.
    pub(super) fn write(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        let [for_path, for_referer] = &mut self.scratch;
        let path = line.query.applied(line.path, for_path);
        let referer = line.query.applied(line.referer, for_referer);
        match self.format {
            AccessLogFormat::Json => json_line::write(line, path, referer, &mut self.stamp, out),
            AccessLogFormat::Combined => combined_line::write(line, path, referer, &mut self.stamp, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::model::log_query::LogQuery;
    use crate::telemetry::origin::Origin;

    fn line() -> Line<'static> {
        Line {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_007),
            origin: &Origin::NONE,
            client: "203.0.113.7".parse().unwrap(),
            user: "",
            host: b"app.example.com",
            method: b"GET",
            path: b"/a?b=c",
            query: &LogQuery::Keep,
            referer: b"",
            user_agent: b"",
            status: 200,
            bytes_in: 0,
            bytes_out: 5,
            duration_us: 1234,
            first_byte_us: Some(1200),
            upstream: "127.0.0.1:3000",
            retries: 0,
            held_ms: 0,
            termination: "done",
            reason: "",
            request_id: "0123456789abcdef",
            protocol: "HTTP/1.1",
            tls: "TLSv1.3",
        }
    }

    fn written(format: AccessLogFormat, line: &Line<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        Formatter::new(format).write(line, &mut out);
        assert_eq!(out.pop(), Some(b'\n'));
        assert!(out.iter().all(|&byte| byte >= b' '), "{out:?}");
        out
    }

    fn parsed(line: &Line<'_>) -> serde_json::Value {
        serde_json::from_slice(&written(AccessLogFormat::Json, line)).unwrap()
    }

    fn combined(line: &Line<'_>) -> String {
        String::from_utf8(written(AccessLogFormat::Combined, line)).unwrap()
    }

    #[test]
    fn a_line_is_one_json_object_with_every_field() {
        let value = parsed(&line());
        assert_eq!(value.as_object().unwrap().len(), 23);
        assert_eq!(value["time"], "2026-01-01T00:00:00.007Z");
        assert_eq!(
            (&value["client"], &value["host"]),
            (&"203.0.113.7".into(), &"app.example.com".into())
        );
        assert_eq!((&value["status"], &value["first_byte_us"]), (&200.into(), &1200.into()));
        assert_eq!((&value["retries"], &value["termination"]), (&0.into(), &"done".into()));
        let unanswered = Line {
            first_byte_us: None,
            ..line()
        };
        assert!(parsed(&unanswered)["first_byte_us"].is_null());
        let failed = Line {
            termination: "client: gone",
            reason: "the client went away",
            ..line()
        };
        assert_eq!(parsed(&failed)["reason"], "the client went away");
        for (retries, held_ms) in [(1, 0), (0, 7)] {
            let late = parsed(&Line {
                retries,
                held_ms,
                ..line()
            });
            assert_eq!((&late["retries"], &late["held_ms"]), (&retries.into(), &held_ms.into()));
            assert_eq!(
                (&late["termination"], &late["request_id"]),
                (&"done".into(), &"0123456789abcdef".into())
            );
        }
        let known = parsed(&Line {
            user: "an\"na",
            referer: b"https://a.com/?q=\"",
            user_agent: b"curl/8 \x1b[0m",
            ..line()
        });
        assert_eq!(
            (&known["user"], &known["host"]),
            (&"an\"na".into(), &"app.example.com".into())
        );
        assert_eq!(known["referer"], "https://a.com/?q=\"");
        assert_eq!(known["user_agent"], "curl/8 \u{1b}[0m");
    }

    #[test]
    fn a_combined_line_is_what_nginx_would_write() {
        assert_eq!(
            combined(&line()),
            "203.0.113.7 - - [01/Jan/2026:00:00:00 +0000] \"GET /a?b=c HTTP/1.1\" 200 5 \"-\" \"-\""
        );
        let known = Line {
            user: "anna b",
            protocol: "HTTP/2",
            referer: b"https://a.com/",
            user_agent: b"Mozilla/5.0 (X11; Linux x86_64)",
            ..line()
        };
        assert_eq!(
            combined(&known),
            "203.0.113.7 - anna\\x20b [01/Jan/2026:00:00:00 +0000] \"GET /a?b=c HTTP/2\" 200 5 \"https://a.com/\" \
             \"Mozilla/5.0 (X11; Linux x86_64)\""
        );
        let nothing = Line {
            method: b"",
            path: b"",
            status: 400,
            ..line()
        };
        assert!(combined(&nothing).contains("] \"-\" 400 5 "));
        let gone = Line { status: 0, ..line() };
        assert!(combined(&gone).contains("\" 499 5 "));
    }

    #[test]
    fn e34_a_combined_line_has_as_many_quotes_and_blanks_as_it_should() {
        let hostile = Line {
            user: "\" x",
            method: b"G ET",
            path: b"/\" 200 \xc3\xbc\x1b\\",
            referer: b"\" \"\r\n1.2.3.4 - -",
            user_agent: b"\x00\"",
            ..line()
        };
        assert_eq!(
            combined(&hostile),
            "203.0.113.7 - \\x22\\x20x [01/Jan/2026:00:00:00 +0000] \
             \"G\\x20ET /\\x22\\x20200\\x20\\xC3\\xBC\\x1B\\x5C HTTP/1.1\" 200 5 \
             \"\\x22 \\x22\\x0D\\x0A1.2.3.4 - -\" \"\\x00\\x22\""
        );
    }

    #[test]
    fn every_value_has_a_bound_in_both_formats() {
        let long = "a".repeat(5000);
        let line = Line {
            path: long.as_bytes(),
            referer: long.as_bytes(),
            user_agent: long.as_bytes(),
            ..line()
        };
        let kept = "a".repeat(1024);
        let value = parsed(&line);
        for field in ["path", "referer", "user_agent"] {
            assert_eq!(value[field], format!("{kept}…"), "{field}");
        }
        assert_eq!(combined(&line).matches(&format!("{kept}...")).count(), 3);
    }

    #[test]
    fn a_query_is_written_as_the_rule_says_also_that_of_the_referer() {
        let masked = LogQuery::Mask(vec!["token".into()]);
        for (query, path, referer) in [
            (&LogQuery::Keep, "/a?token=1&b=2", "https://a.com/?token=3"),
            (&masked, "/a?token=***&b=2", "https://a.com/?token=***"),
            (&LogQuery::Drop, "/a", "https://a.com/"),
        ] {
            let line = Line {
                path: b"/a?token=1&b=2",
                referer: b"https://a.com/?token=3",
                query,
                ..line()
            };
            let value = parsed(&line);
            assert_eq!((&value["path"], &value["referer"]), (&path.into(), &referer.into()));
            let combined = combined(&line);
            assert!(combined.contains(&format!("GET {path} ")) && combined.contains(&format!("\"{referer}\"")));
        }
    }
}
