//! `headers.request`: a head that was built for the app, line by line, with other fields. Pure: bytes in, bytes out.

use crate::config::HeaderRule;
use crate::http1::head::eq_ignore_case;
use crate::http1::write::field;
use crate::model::template::Placeholder;

/// A head as these rules change it. It was built here, so that each of its lines is one field.
pub(crate) fn apply(head: &[u8], rules: &[HeaderRule], mut fill: impl FnMut(Placeholder, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + 64 * rules.len());
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    out.extend_from_slice(lines.next().unwrap_or_default());
    for line in lines {
        if line == b"\r\n" {
            break;
        }
        let name = &line[..memchr::memchr(b':', line).unwrap_or_default()];
        if !rules.iter().any(|rule| eq_ignore_case(name, rule.name.as_bytes())) {
            out.extend_from_slice(line);
        }
    }
    for rule in rules {
        let value = rule.value.as_ref().map(|value| value.fill(&mut fill));
        // A value that nobody knows yet is none.
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            field(&mut out, rule.name.as_bytes(), &value);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// How many bytes of a head with a body behind it are the head's.
pub(crate) fn head_len(bytes: &[u8]) -> usize {
    memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |end| end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::template::Template;

    fn rule(name: &str, value: &str) -> HeaderRule {
        HeaderRule {
            name: name.into(),
            value: (!value.is_empty()).then(|| Template::parse(value).unwrap()),
        }
    }

    #[test]
    fn fields_are_set_once_and_taken_away_in_any_case() {
        let head = b"GET /a:b HTTP/1.1\r\nhost: a\r\nX-One: 1\r\nx-two: 2\r\nX-TWO: 3\r\nx-onemore: 4\r\n\r\n";
        assert_eq!(head_len(&[&head[..], b"body\r\n\r\n"].concat()), head.len());
        let rules = [
            rule("x-one", "{host}!"),
            rule("x-two", ""),
            rule("x-three", "3"),
            rule("x-four", "{version}"),
        ];
        let fill = |placeholder, out: &mut Vec<u8>| {
            if placeholder == Placeholder::Host {
                out.extend_from_slice(b"a\r\nb");
            }
        };
        let ruled = String::from_utf8(apply(head, &rules, fill)).unwrap();
        let expected = "GET /a:b HTTP/1.1\r\nhost: a\r\nx-onemore: 4\r\nx-one: a%0D%0Ab!\r\nx-three: 3\r\n\r\n";
        assert_eq!(ruled, expected);
    }
}
