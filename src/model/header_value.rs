//! Values of header fields with placeholders, as `{client}` or `https://{host}{path}`.

use super::template::{self, Piece, Placeholders};

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The address of the client, behind the proxies that are trusted.
    Client,
    /// The host that was asked for, without its port.
    Host,
    /// The path that was asked for, without its query.
    Path,
    /// The id of the request, as the access log has it.
    RequestId,
    /// The name of the environment.
    Environment,
    /// The name of the service.
    Service,
    /// The slot that serves.
    Slot,
    /// What the app that serves calls its version, as `health.version` says; empty where nobody knows it.
    Version,
}

impl Placeholders for Placeholder {
    const ALL: &'static [Self] = &[
        Self::Client,
        Self::Host,
        Self::Path,
        Self::RequestId,
        Self::Environment,
        Self::Service,
        Self::Slot,
        Self::Version,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Host => "host",
            Self::Path => "path",
            Self::RequestId => "request_id",
            Self::Environment => "environment",
            Self::Service => "service",
            Self::Slot => "slot",
            Self::Version => "version",
        }
    }
}

/// A value with placeholders.
pub type Template = template::Template<Placeholder>;

impl Template {
    /// The text with its placeholders filled in. What `value` appends is written as a URI writes it (RFC 3986 §2): a byte that stands in
    /// none is escaped, so that no client and no app can end a line or begin another field.
    pub fn fill(&self, mut value: impl FnMut(Placeholder, &mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut filled = Vec::new();
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Placeholder(placeholder) => {
                    filled.clear();
                    value(*placeholder, &mut filled);
                    escape(&filled, &mut out);
                }
            }
        }
        out
    }
}

fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte) {
            out.push(byte);
        } else {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble & 15)];
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, value: &[u8]) -> String {
        let template = Template::parse(text).unwrap();
        assert_eq!(template.to_string(), text);
        String::from_utf8(template.fill(|_, out| out.extend_from_slice(value))).unwrap()
    }

    #[test]
    fn placeholders_are_filled_in_and_other_braces_are_text() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{client}", "V"),
            ("a{client}b{host}{path}c", "aVbVVc"),
            ("{\"max_age\":1,\"a\":{\"b\":[]}}", "{\"max_age\":1,\"a\":{\"b\":[]}}"),
            ("{", "{"),
            ("{}", "{}"),
            ("{{client}}", "{V}"),
            ("{client", "{client"),
            ("{Client} {a b}", "{Client} {a b}"),
        ] {
            assert_eq!(filled(text, b"V"), expected, "{text}");
        }
        for (text, wrong) in [("{clinet}", "clinet"), ("x{request}y", "request")] {
            assert_eq!(Template::parse(text).unwrap_err(), wrong);
        }
    }

    #[test]
    fn no_value_ends_a_line_or_a_quoted_text() {
        assert_eq!(filled("<{path}>", b"/a\r\nSet-Cookie: x"), "</a%0D%0ASet-Cookie:%20x>");
        assert_eq!(
            filled("\"{path}\"", b"/\"<>\\^`{|}\0\x7f\xff"),
            "\"/%22%3C%3E%5C%5E%60%7B%7C%7D%00%7F%FF\""
        );
        assert_eq!(filled("{path}", b"/a%20b/~x"), "/a%20b/~x");
        assert_eq!(filled("{client}", b"2001:db8::1"), "2001:db8::1");
    }
}
