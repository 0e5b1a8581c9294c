//! Values of header fields with placeholders, as `{client}` or `https://{host}{path}`.

use std::fmt;
use std::fmt::Write as _;

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

impl Placeholder {
    const ALL: [(&'static str, Self); 8] = [
        ("client", Self::Client),
        ("host", Self::Host),
        ("path", Self::Path),
        ("request_id", Self::RequestId),
        ("environment", Self::Environment),
        ("service", Self::Service),
        ("slot", Self::Slot),
        ("version", Self::Version),
    ];

    /// The names that may stand in braces.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(name, _)| *name)
    }
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(Placeholder),
}

impl Template {
    /// Reads a text. Braces around anything but lower-case letters and underscores are text, as in JSON.
    ///
    /// # Errors
    /// A name in braces that is no placeholder's.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut before = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('{') {
            let behind = &rest[start + 1..];
            let name = behind.split_once('}').map(|(name, _)| name);
            let is_name =
                |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
            let Some(name) = name.filter(is_name) else {
                before.push_str(&rest[..=start]);
                rest = behind;
                continue;
            };
            let Some((_, placeholder)) = Placeholder::ALL.iter().find(|(known, _)| *known == name) else {
                return Err(name.to_owned());
            };
            before.push_str(&rest[..start]);
            if !before.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut before)));
            }
            pieces.push(Piece::Placeholder(*placeholder));
            rest = &behind[name.len() + 1..];
        }
        before.push_str(rest);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        Ok(Self(pieces))
    }

    /// The text with its placeholders filled in. What `value` appends is written as a URI writes it (RFC 3986 §2): a byte that stands in
    /// none is escaped, so that no client and no app can end a line or begin another field.
    pub fn fill(&self, mut value: impl FnMut(Placeholder, &mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut filled = Vec::new();
        for piece in &self.0 {
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

impl fmt::Display for Template {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Placeholder(placeholder) => {
                    let name = Placeholder::ALL.iter().find(|(_, known)| known == placeholder);
                    f.write_char('{')?;
                    f.write_str(name.map_or("", |(name, _)| name))?;
                    f.write_char('}')?;
                }
            }
        }
        Ok(())
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
