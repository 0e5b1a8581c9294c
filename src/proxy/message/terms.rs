//! What an app's response head says of the connection it came on, and of the body that follows. Pure.

use std::time::Duration;

use crate::http1::head::{Name, ResponseHead, Version, eq_ignore_case, list};

/// An app's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Whether the connection may serve another exchange (RFC 9112 §9.3).
    pub(crate) keep_alive: bool,
    /// How long the app keeps it idle, where it says so (N9).
    pub(crate) idle: Option<Duration>,
    /// The body is `text/event-stream`.
    pub(crate) is_event_stream: bool,
    /// And the app has encoded it, so that nobody sees where its events end. Not looked for in other bodies.
    pub(crate) is_encoded: bool,
}

impl Terms {
    /// Reads them; `buffer` is what the head was parsed from.
    pub(crate) fn of(head: &ResponseHead, buffer: &[u8]) -> Self {
        let (mut close, mut keep, mut idle, mut is_events) = (false, false, None, false);
        for field in &head.fields {
            let value = field.value.of(buffer);
            match field.kind {
                Name::Connection => {
                    for option in list(value) {
                        close |= eq_ignore_case(option, b"close");
                        keep |= eq_ignore_case(option, b"keep-alive");
                    }
                }
                Name::KeepAlive => idle = keep_alive_timeout(value),
                Name::ContentType => is_events = is_event_stream(value),
                _ => {}
            }
        }
        let keep_alive = !close && (keep || head.version == Version::Http11);
        Self {
            keep_alive,
            idle,
            is_event_stream: is_events,
            is_encoded: is_events && is_encoded(head, buffer),
        }
    }
}

/// `timeout=5` of a Keep-Alive field.
fn keep_alive_timeout(value: &[u8]) -> Option<Duration> {
    let seconds = list(value).find_map(|parameter| {
        let (name, seconds) = parameter.split_at_checked(8)?;
        eq_ignore_case(name, b"timeout=").then_some(seconds)
    })?;
    str::from_utf8(seconds)
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

fn is_encoded(head: &ResponseHead, buffer: &[u8]) -> bool {
    let mut fields = head.fields.iter();
    fields.any(|field| {
        eq_ignore_case(field.name.of(buffer), b"content-encoding")
            && list(field.value.of(buffer)).any(|coding| !eq_ignore_case(coding, b"identity"))
    })
}

fn is_event_stream(content_type: &[u8]) -> bool {
    let essence = content_type
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    eq_ignore_case(essence, b"text/event-stream")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head::{Limits, Parsed};

    #[test]
    fn n9_the_apps_own_keep_alive_is_read() {
        assert_eq!(keep_alive_timeout(b"timeout=5"), Some(Duration::from_secs(5)));
        assert_eq!(
            keep_alive_timeout(b"max=100, Timeout=72"),
            Some(Duration::from_secs(72))
        );
        assert_eq!(keep_alive_timeout(b"max=100"), None);
        assert_eq!(keep_alive_timeout(b"timeout=soon"), None);
    }

    #[test]
    fn event_streams_are_known_with_parameters() {
        assert!(is_event_stream(b"Text/Event-Stream; charset=utf-8"));
        assert!(!is_event_stream(b"text/event-streams"));
    }

    #[test]
    fn n18_event_streams_that_the_app_has_encoded_are_told_apart() {
        for (encoding, expected) in [
            ("", false),
            ("Content-Encoding: identity\r\n", false),
            ("Content-Encoding: \r\n", false),
            ("content-encoding: gzip\r\n", true),
            ("Content-Encoding: Identity\r\nContent-Encoding: br\r\n", true),
            ("Content-Encoding: identity, zstd\r\n", true),
        ] {
            let bytes = format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{encoding}\r\n");
            let mut head = ResponseHead::new();
            let limits = Limits {
                bytes: 1000,
                fields: 10,
            };
            assert_eq!(head.parse(bytes.as_bytes(), limits), Ok(Parsed::Whole));
            assert_eq!(Terms::of(&head, bytes.as_bytes()).is_encoded, expected, "{encoding}");
        }
    }
}
