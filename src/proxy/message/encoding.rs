//! Whether an answer may be encoded, and what its head says then. Pure: fields in, fields out.

use crate::http1::head::{eq_ignore_case, list};

/// Below this, an encoding saves less than it costs.
const LEAST: u64 = 1024;

/// What an answer says of its body.
#[derive(Debug, Default)]
pub(crate) struct Said {
    is_text: bool,
    etag: Option<Vec<u8>>,
    vary: Vec<u8>,
    has_ranges: bool,
    sets_cookie: bool,
    /// It has to reach the client as it is.
    fixed: bool,
}

/// What the head says of an answer that differs by who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fields {
    /// With what it depends on in it.
    pub(crate) vary: Vec<u8>,
    /// The weak form of a strong tag; `None` leaves it as it is.
    pub(crate) etag: Option<Vec<u8>>,
    /// Whether parts of it were offered, which are those of another body.
    pub(crate) has_ranges: bool,
}

impl Said {
    /// Takes note of a field of the answer.
    pub(crate) fn note(&mut self, name: &[u8], value: &[u8]) {
        match name.len() {
            4 if eq_ignore_case(name, b"vary") => {
                let separator: &[u8] = if self.vary.is_empty() { b"" } else { b", " };
                self.vary.extend_from_slice(separator);
                self.vary.extend_from_slice(value);
            }
            4 if eq_ignore_case(name, b"etag") => self.etag = Some(value.to_vec()),
            // These tell of the very bytes that follow (RFC 9530).
            6 if eq_ignore_case(name, b"digest") => self.fixed = true,
            10 if eq_ignore_case(name, b"set-cookie") => self.sets_cookie = true,
            11 if eq_ignore_case(name, b"content-md5") => self.fixed = true,
            11 if eq_ignore_case(name, b"repr-digest") => self.fixed = true,
            12 if eq_ignore_case(name, b"content-type") => self.is_text = is_text(value),
            13 if eq_ignore_case(name, b"content-range") => self.fixed = true,
            13 if eq_ignore_case(name, b"accept-ranges") => self.has_ranges = !eq_ignore_case(value, b"none"),
            13 if eq_ignore_case(name, b"cache-control") => {
                // RFC 9110 §7.7, RFC 9111 §5.2.2.6.
                self.fixed |= list(value).any(|directive| eq_ignore_case(directive, b"no-transform"));
            }
            14 if eq_ignore_case(name, b"content-digest") => self.fixed = true,
            16 if eq_ignore_case(name, b"content-encoding") => {
                self.fixed |= !value.is_empty() && !eq_ignore_case(value, b"identity");
            }
            _ => {}
        }
    }

    /// Whether clients that accept it get this answer encoded. `length` is the body's, where it is known; `is_risky` says that a cookie
    /// in it would make that unsafe.
    pub(crate) fn is_encodable(&self, status: u16, length: Option<u64>, is_risky: bool) -> bool {
        let has_body = status >= 200 && !matches!(status, 204 | 205 | 206 | 304);
        has_body
            && !self.fixed
            && !(is_risky && self.sets_cookie)
            && length.is_none_or(|length| length >= LEAST)
            && self.is_text
    }

    /// What its head says where its bytes depend on these fields of the request: for a client that gets other bytes than the app has
    /// written, and for one that does not, because caches serve both.
    pub(crate) fn fields(&self, varies_by: &[&str], changed: bool) -> Fields {
        let mut vary = self.vary.clone();
        for name in varies_by.iter().map(|name| name.as_bytes()) {
            if list(&vary).any(|known| known == b"*" || eq_ignore_case(known, name)) {
                continue;
            }
            if !vary.is_empty() {
                vary.extend_from_slice(b", ");
            }
            vary.extend_from_slice(name);
        }
        let weak = |tag: &[u8]| (changed && tag.starts_with(b"\"")).then(|| [b"W/", tag].concat());
        Fields {
            vary,
            etag: self.tag().and_then(weak),
            has_ranges: changed && self.has_ranges,
        }
    }

    /// Whether it has to reach the client as it is.
    pub(crate) fn is_fixed(&self) -> bool {
        self.fixed
    }

    /// The entity tag.
    pub(crate) fn tag(&self) -> Option<&[u8]> {
        self.etag.as_deref()
    }
}

/// Whether a content type is one of text, of whatever kind, or shrinks as text does. Event streams are not: each event has to leave at once.
fn is_text(content_type: &[u8]) -> bool {
    let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
    let essence = content_type[..end].trim_ascii();
    let is = |other: &[u8]| eq_ignore_case(essence, other);
    let begins = |start: &[u8]| essence.get(..start.len()).is_some_and(|it| eq_ignore_case(it, start));
    let ends = |end: &[u8]| {
        let at = essence.len().checked_sub(end.len());
        at.is_some_and(|at| eq_ignore_case(&essence[at..], end))
    };
    if begins(b"text/") {
        return !is(b"text/event-stream");
    }
    begins(b"application/json")
        || ends(b"+json")
        || ends(b"+xml")
        || [
            &b"application/javascript"[..],
            b"application/x-javascript",
            b"application/ecmascript",
            b"application/xml",
            b"application/wasm",
            b"application/x-ndjson",
        ]
        .into_iter()
        .any(is)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(fields: &[(&str, &str)]) -> Said {
        let mut said = Said::default();
        fields
            .iter()
            .for_each(|(name, value)| said.note(name.as_bytes(), value.as_bytes()));
        said
    }

    #[test]
    fn text_is_encoded_and_what_is_compressed_by_its_kind_is_not() {
        for (text, expected) in [
            ("text/html", true),
            ("Text/HTML; charset=utf-8", true),
            ("text/css ;a=b", true),
            ("application/json", true),
            ("application/problem+json; charset=utf-8", true),
            ("application/javascript", true),
            ("image/svg+xml", true),
            ("application/xhtml+xml", true),
            ("application/wasm", true),
            ("text/event-stream", false),
            ("text/event-stream; charset=utf-8", false),
            ("image/png", false),
            ("application/octet-stream", false),
            ("application/zip", false),
            ("multipart/byteranges; boundary=text/html", false),
            ("video/mp4", false),
            ("font/woff2", false),
            ("", false),
        ] {
            assert_eq!(is_text(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn what_has_to_stay_as_it_is_stays() {
        let html = said(&[("Content-Type", "text/html")]);
        assert!(html.is_encodable(200, None, true) && html.is_encodable(404, Some(1024), false));
        assert!(!html.is_encodable(200, Some(1023), false));
        for status in [101, 204, 205, 206, 304] {
            assert!(!html.is_encodable(status, None, false), "{status}");
        }
        for fields in [
            &[("Content-Type", "text/html"), ("Content-Encoding", "br")][..],
            &[("content-type", "text/html"), ("cache-control", "public, No-Transform")],
            &[("content-type", "text/html"), ("content-range", "bytes 0-1/2")],
            &[("content-type", "text/html"), ("Content-Digest", "sha-256=:x:")],
            &[("content-type", "text/html"), ("repr-digest", "sha-256=:x:")],
            &[("content-type", "text/html"), ("digest", "x")],
            &[("content-type", "text/html"), ("content-md5", "x")],
        ] {
            assert!(!said(fields).is_encodable(200, None, false), "{fields:?}");
        }
        let same = said(&[("Content-Type", "text/html"), ("Content-Encoding", "identity")]);
        assert!(same.is_encodable(200, None, false));
        let cookie = said(&[("Content-Type", "text/html"), ("Set-Cookie", "a=b")]);
        assert!(cookie.is_encodable(200, None, false) && !cookie.is_encodable(200, None, true));
    }

    #[test]
    fn vary_is_extended_once_and_a_strong_tag_becomes_weak() {
        let vary =
            |fields: &[(&str, &str)]| String::from_utf8(said(fields).fields(&["Accept-Encoding"], true).vary).unwrap();
        assert_eq!(vary(&[]), "Accept-Encoding");
        assert_eq!(
            vary(&[("Vary", "Cookie"), ("vary", "Accept")]),
            "Cookie, Accept, Accept-Encoding"
        );
        assert_eq!(vary(&[("Vary", "accept-encoding, Cookie")]), "accept-encoding, Cookie");
        assert_eq!(vary(&[("Vary", "*")]), "*");
        let tag = |value: &str, encoded| {
            said(&[("ETag", value)])
                .fields(&["Accept-Encoding"], encoded)
                .etag
                .map(|tag| String::from_utf8(tag).unwrap())
        };
        assert_eq!(tag("\"a\"", true).as_deref(), Some("W/\"a\""));
        assert_eq!(tag("\"a\"", false), None);
        assert_eq!(tag("W/\"a\"", true), None);
        assert_eq!(tag("unquoted", true), None);
        let ranges = said(&[("Accept-Ranges", "bytes")]);
        assert!(ranges.fields(&[], true).has_ranges && !ranges.fields(&[], false).has_ranges);
    }
}
