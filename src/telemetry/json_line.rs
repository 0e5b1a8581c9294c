//! One access-log line as a JSON object. It is written for every request, so it is written by hand: no allocation, no formatting
//! machinery, and values are looked at once before they are copied.
//!
//! What came from the internet is data and stays data (E34): control characters of both ranges, invisible characters that
//! turn text around, quotes and backslashes are escaped, bytes that are no UTF-8 become U+FFFD, and a value longer than 1 KiB
//! is cut and ends with `…`.

use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use super::line::Line;

/// Bytes of one value that are kept.
const LIMIT: usize = 1024;
/// `2026-01-01T00:00:00`.
const STAMP: usize = 19;

/// Writes lines; keeps the date and time of the last second that it has formatted.
#[derive(Debug)]
pub(super) struct Formatter {
    second: u64,
    stamp: [u8; STAMP],
}

impl Default for Formatter {
    fn default() -> Self {
        Self {
            second: 0,
            stamp: *b"1970-01-01T00:00:00",
        }
    }
}

impl Formatter {
    /// Appends a line, with the newline.
    pub(super) fn write(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        self.time(line.time, out);
        out.extend_from_slice(b"\",\"environment\":");
        text(line.environment.as_bytes(), out);
        out.extend_from_slice(b",\"service\":");
        text(line.service.as_bytes(), out);
        out.extend_from_slice(b",\"slot\":\"");
        out.extend_from_slice(line.slot.as_bytes());
        out.extend_from_slice(b"\",\"generation\":");
        number(line.generation, out);
        out.extend_from_slice(b",\"client\":\"");
        client(line.client, out);
        if line.user.is_empty() {
            out.extend_from_slice(b"\",\"host\":");
        } else {
            out.extend_from_slice(b"\",\"user\":");
            text(line.user.as_bytes(), out);
            out.extend_from_slice(b",\"host\":");
        }
        text(line.host, out);
        out.extend_from_slice(b",\"method\":");
        text(line.method, out);
        out.extend_from_slice(b",\"path\":");
        text(line.path, out);
        out.extend_from_slice(b",\"status\":");
        number(u64::from(line.status), out);
        out.extend_from_slice(b",\"bytes_in\":");
        number(line.bytes_in, out);
        out.extend_from_slice(b",\"bytes_out\":");
        number(line.bytes_out, out);
        out.extend_from_slice(b",\"duration_us\":");
        number(line.duration_us, out);
        out.extend_from_slice(b",\"first_byte_us\":");
        match line.first_byte_us {
            Some(micros) => number(micros, out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"upstream\":");
        text(line.upstream.as_bytes(), out);
        out.extend_from_slice(b",\"retries\":");
        number(u64::from(line.retries), out);
        out.extend_from_slice(b",\"held_ms\":");
        number(line.held_ms, out);
        out.extend_from_slice(b",\"termination\":");
        text(line.termination.as_bytes(), out);
        if !line.reason.is_empty() {
            out.extend_from_slice(b",\"reason\":");
            text(line.reason.as_bytes(), out);
        }
        out.extend_from_slice(b",\"request_id\":");
        text(line.request_id.as_bytes(), out);
        out.extend_from_slice(b",\"protocol\":\"");
        out.extend_from_slice(line.protocol.as_bytes());
        out.extend_from_slice(b"\",\"tls\":\"");
        out.extend_from_slice(line.tls.as_bytes());
        out.extend_from_slice(b"\"}\n");
    }

    /// RFC 3339 with milliseconds, UTC.
    fn time(&mut self, time: SystemTime, out: &mut Vec<u8>) {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        if since.as_secs() != self.second {
            self.second = since.as_secs();
            let second = i64::try_from(self.second)
                .ok()
                .and_then(|second| jiff::Timestamp::from_second(second).ok());
            // Shown as `2026-01-01T00:00:00Z`; the buffer ends before the `Z`, which is the error that is dropped here.
            let _ = write!(&mut self.stamp[..], "{}", second.unwrap_or(jiff::Timestamp::UNIX_EPOCH));
        }
        let millis = since.subsec_millis();
        let digit = |value: u32| b'0' + u8::try_from(value % 10).unwrap_or(0);
        out.extend_from_slice(&self.stamp);
        out.extend_from_slice(&[b'.', digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }
}

fn number(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

fn client(address: IpAddr, out: &mut Vec<u8>) {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                number(u64::from(octet), out);
            }
        }
        // Writing to a `Vec` cannot fail.
        IpAddr::V6(v6) => drop(write!(out, "{v6}")),
    }
}

/// A JSON string, quotes included.
fn text(value: &[u8], out: &mut Vec<u8>) {
    let kept = shortened(value);
    out.push(b'"');
    // Without a way out of the loop, so that the compiler looks at many bytes at once.
    if kept.iter().fold(true, |plain, &byte| plain & is_plain(byte)) {
        out.extend_from_slice(kept);
    } else {
        escaped(kept, out);
    }
    if kept.len() < value.len() {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

fn is_plain(byte: u8) -> bool {
    // Without `&&`, which would be jumps.
    (b' '..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\')
}

/// At most [`LIMIT`] bytes, not cut within a character.
fn shortened(value: &[u8]) -> &[u8] {
    if value.len() <= LIMIT {
        return value;
    }
    let is_continuation = |at: &usize| value[*at] & 0b1100_0000 == 0b1000_0000;
    let end = (LIMIT - 3..=LIMIT)
        .rev()
        .find(|at| !is_continuation(at))
        .unwrap_or(LIMIT);
    &value[..end]
}

#[cold]
fn escaped(value: &[u8], out: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                _ if is_treacherous(character) => drop(write!(out, "\\u{:04x}", u32::from(character))),
                _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
}

/// Whether a terminal, a pager or a person would be led astray by it. All of these lie below U+10000.
fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn line() -> Line<'static> {
        Line {
            time: SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_007),
            environment: "prod",
            service: "web",
            slot: "blue",
            generation: 118,
            client: "203.0.113.7".parse().unwrap(),
            user: "",
            host: b"app.example.com",
            method: b"GET",
            path: b"/a?b=c",
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

    fn parsed(line: &Line<'_>) -> serde_json::Value {
        let mut out = Vec::new();
        Formatter::default().write(line, &mut out);
        assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 1);
        assert!(out.iter().all(|&byte| byte >= b' ' || byte == b'\n'));
        serde_json::from_slice(&out).unwrap()
    }

    fn path(value: &[u8]) -> String {
        let line = Line { path: value, ..line() };
        parsed(&line)["path"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_line_is_one_json_object_with_every_field() {
        let value = parsed(&line());
        assert_eq!(value.as_object().unwrap().len(), 21);
        assert_eq!(value["time"], "2026-01-01T00:00:00.007Z");
        assert_eq!(value["client"], "203.0.113.7");
        assert_eq!(value["status"], 200);
        assert_eq!(value["first_byte_us"], 1200);
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
        let known = Line {
            user: "an\"na",
            ..line()
        };
        assert_eq!(
            (&parsed(&known)["user"], &parsed(&known)["host"]),
            (&"an\"na".into(), &"app.example.com".into())
        );
    }

    #[test]
    fn the_time_follows_the_line_and_not_the_one_before() {
        let mut formatter = Formatter::default();
        let mut out = Vec::new();
        for second in [0, 951_782_400, 951_782_400, 1_767_225_599, 5] {
            formatter.time(SystemTime::UNIX_EPOCH + Duration::from_secs(second), &mut out);
            out.push(b'\n');
        }
        let expected = "1970-01-01T00:00:00.000Z\n2000-02-29T00:00:00.000Z\n2000-02-29T00:00:00.000Z\n\
                        2025-12-31T23:59:59.000Z\n1970-01-01T00:00:05.000Z\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_the_internet_sends_stays_data() {
        assert_eq!(path(b"/\"},{\"status\":500"), "/\"},{\"status\":500");
        assert_eq!(path(b"\\x\n\r\t\0\x7f"), "\\x\n\r\t\0\x7f");
        assert_eq!(path("/ü/→/😀".as_bytes()), "/ü/→/😀");
        assert_eq!(path(b"/\xff\xfe/\xc3"), "/\u{fffd}\u{fffd}/\u{fffd}");
        // Terminal escapes (also as the one character U+009B) and text that runs backwards leave no raw trace.
        let mut out = Vec::new();
        text("\x1b[2J\u{9b}31m\u{202e}\u{200b}".as_bytes(), &mut out);
        assert_eq!(out, br#""\u001b[2J\u009b31m\u202e\u200b""#);
    }

    #[test]
    fn a_long_value_is_cut_at_a_kibibyte_and_says_so() {
        let exact = "a".repeat(1024);
        assert_eq!(path(exact.as_bytes()), exact);
        assert_eq!(path("a".repeat(1025).as_bytes()), exact + "…");
        assert_eq!(path("ü".repeat(1_000_000).as_bytes()), "ü".repeat(512) + "…");
        // The limit falls within a character: it is left out whole.
        let shifted = format!("a{}", "→".repeat(2000));
        assert_eq!(path(shifted.as_bytes()), format!("a{}…", "→".repeat(341)));
        let garbage = [0x80; 5000];
        assert_eq!(path(&garbage), "\u{fffd}".repeat(1024) + "…");
    }

    #[test]
    fn clients_over_mapped_addresses_are_shown_as_what_they_are() {
        let mapped = Line {
            client: "::ffff:192.0.2.1".parse().unwrap(),
            ..line()
        };
        assert_eq!(parsed(&mapped)["client"], "192.0.2.1");
        let six = Line {
            client: "2001:db8::1".parse().unwrap(),
            ..line()
        };
        assert_eq!(parsed(&six)["client"], "2001:db8::1");
    }
}
