//! A head that was built for the app, line by line, with other fields: those of `headers.request`, and those by which an auth service
//! vouches for the client. Pure: bytes in, bytes out.

use crate::config::HeaderRule;
use crate::http1::head::eq_ignore_case;
use crate::http1::write::field;
use crate::model::header_value::Placeholder;

/// What is written in the place of fields.
pub(crate) struct Written<'w> {
    /// Those of `headers.request`, which have the last word.
    pub(crate) rules: &'w [HeaderRule],
    /// Whether no field of this name is the client's to say.
    pub(crate) withheld: &'w dyn Fn(&[u8]) -> bool,
    /// What somebody else says of the client, as lines.
    pub(crate) vouched: &'w [u8],
}

impl<'w> Written<'w> {
    /// Rules alone.
    pub(crate) fn rules(rules: &'w [HeaderRule]) -> Self {
        Self {
            rules,
            withheld: &|_| false,
            vouched: b"",
        }
    }
}

/// A head as this changes it. It was built here, so that each of its lines is one field.
pub(crate) fn apply(head: &[u8], written: &Written<'_>, mut fill: impl FnMut(Placeholder, &mut Vec<u8>)) -> Vec<u8> {
    let rules = written.rules;
    let mut out = Vec::with_capacity(head.len() + written.vouched.len() + 64 * rules.len());
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    let is_ruled = |line: &[u8]| {
        rules
            .iter()
            .any(|rule| eq_ignore_case(name_of(line), rule.name.as_bytes()))
    };
    out.extend_from_slice(lines.next().unwrap_or_default());
    for line in lines {
        if line == b"\r\n" {
            break;
        }
        if !is_ruled(line) && !(written.withheld)(name_of(line)) {
            out.extend_from_slice(line);
        }
    }
    let vouched = written.vouched.split_inclusive(|byte| *byte == b'\n');
    for line in vouched.filter(|line| !is_ruled(line)) {
        out.extend_from_slice(line);
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

fn name_of(line: &[u8]) -> &[u8] {
    &line[..memchr::memchr(b':', line).unwrap_or_default()]
}

/// How many bytes of a head with a body behind it are the head's.
pub(crate) fn head_len(bytes: &[u8]) -> usize {
    memchr::memmem::find(bytes, b"\r\n\r\n").map_or(bytes.len(), |end| end + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::header_value::Template;

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
        let ruled = String::from_utf8(apply(head, &Written::rules(&rules), fill)).unwrap();
        let expected = "GET /a:b HTTP/1.1\r\nhost: a\r\nx-onemore: 4\r\nx-one: a%0D%0Ab!\r\nx-three: 3\r\n\r\n";
        assert_eq!(ruled, expected);
    }

    #[test]
    fn what_is_vouched_for_stands_in_the_place_of_what_a_client_says_and_a_rule_in_that_of_both() {
        let head = b"GET / HTTP/1.1\r\nhost: a\r\nRemote-User: eve\r\nremote_user: eve\r\nRemote-Groups: all\r\n\r\n";
        let written = Written {
            rules: &[rule("remote-groups", "none")],
            withheld: &|name| name.to_ascii_lowercase().starts_with(b"remote"),
            vouched: b"Remote-User: anna\r\nRemote-Groups: staff\r\n",
        };
        let ruled = String::from_utf8(apply(head, &written, |_, _| {})).unwrap();
        let expected = "GET / HTTP/1.1\r\nhost: a\r\nRemote-User: anna\r\nremote-groups: none\r\n\r\n";
        assert_eq!(ruled, expected);
    }
}
