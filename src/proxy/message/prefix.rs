//! What an app sees of a target. The path prefix of `strip_prefix` is left out, and `X-Forwarded-Prefix` says what it was; `rewrite`
//! puts another in its place. Both can be written anew, for a request that has waited and then goes to another service.

use std::ops::Range;

use crate::model::relocation::Relocation;

const FIELD: &[u8] = b"x-forwarded-prefix: ";

/// What becomes of the path that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inner<'a> {
    /// It loses this prefix, which may be empty.
    Stripped(&'a str),
    /// It is found elsewhere.
    Rewritten(&'a Relocation),
}

impl<'a> Inner<'a> {
    /// The prefix that apps are told of.
    fn said(self) -> &'a str {
        match self {
            Self::Stripped(prefix) => prefix,
            Self::Rewritten(_) => "",
        }
    }
}

/// Where the parts of a built head stand that depend on the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stripped {
    target: Range<usize>,
    /// The whole field line; empty where there is none.
    field: Range<usize>,
}

impl Stripped {
    /// Appends the target; the field follows with [`Stripped::push_field`].
    pub(crate) fn push_target(head: &mut Vec<u8>, target: &[u8], inner: Inner<'_>) -> Self {
        let start = head.len();
        push_target(head, target, inner);
        Self {
            target: start..head.len(),
            field: 0..0,
        }
    }

    /// Appends the field, if there is anything to say. `outer` is the prefix that a trusted proxy has stripped before.
    pub(crate) fn push_field(&mut self, head: &mut Vec<u8>, outer: &[u8], inner: Inner<'_>) {
        let start = head.len();
        push_field(head, outer, inner.said());
        self.field = start..head.len();
    }

    /// Writes both anew in `head`. `target` is the one that the client has asked for; what it became was `from`, and is `to`.
    pub(crate) fn rewrite(&mut self, head: &mut Vec<u8>, target: &[u8], from: Inner<'_>, to: Inner<'_>) {
        let said = head[self.field.clone()].strip_prefix(FIELD).unwrap_or_default();
        let said = said.strip_suffix(b"\r\n").unwrap_or_default();
        let outer = said.strip_suffix(plain(from.said())).unwrap_or(said).to_vec();
        // From the back to the front, so that the places before stay true.
        let (mut field, mut line) = (Vec::new(), Vec::new());
        push_field(&mut field, &outer, to.said());
        push_target(&mut line, target, to);
        head.splice(self.field.clone(), field.iter().copied());
        head.splice(self.target.clone(), line.iter().copied());
        let start = self.field.start - self.target.len() + line.len();
        self.field = start..start + field.len();
        self.target.end = self.target.start + line.len();
    }
}

/// The target as the app sees it.
fn push_target(head: &mut Vec<u8>, target: &[u8], inner: Inner<'_>) {
    let strip = match inner {
        Inner::Stripped(prefix) => prefix,
        // `OPTIONS *` asks for no path.
        Inner::Rewritten(_) if target == b"*" => "",
        Inner::Rewritten(relocation) => return head.extend_from_slice(&relocation.of(target)),
    };
    let rest = target.strip_prefix(strip.as_bytes()).unwrap_or(target);
    if !rest.starts_with(b"/") && target.starts_with(b"/") {
        head.push(b'/');
    }
    head.extend_from_slice(rest);
}

fn push_field(head: &mut Vec<u8>, outer: &[u8], strip: &str) {
    let (outer, strip) = (outer.strip_suffix(b"/").unwrap_or(outer), plain(strip));
    if outer.is_empty() && strip.is_empty() {
        return;
    }
    for part in [FIELD, outer, strip, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// The prefix as the field says it: `/` is none.
fn plain(strip: &str) -> &[u8] {
    strip.strip_suffix('/').unwrap_or(strip).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(target: &str, outer: &str, strip: &str) -> (Vec<u8>, Stripped) {
        let mut head = b"GET ".to_vec();
        let mut stripped = Stripped::push_target(&mut head, target.as_bytes(), Inner::Stripped(strip));
        head.extend_from_slice(b" HTTP/1.1\r\nhost: a\r\n");
        stripped.push_field(&mut head, outer.as_bytes(), Inner::Stripped(strip));
        head.extend_from_slice(b"last: 1\r\n\r\nbody");
        (head, stripped)
    }

    #[test]
    fn f4_the_field_says_what_was_stripped_here_and_before() {
        for (outer, strip, expected) in [
            ("", "", None),
            ("", "/", None),
            ("/", "", None),
            ("", "/api", Some("/api")),
            ("/outer", "", Some("/outer")),
            ("/outer/", "/api", Some("/outer/api")),
        ] {
            let (head, _) = built("/api/x", outer, strip);
            let head = String::from_utf8(head).unwrap();
            let said = head.lines().find_map(|line| line.strip_prefix("x-forwarded-prefix: "));
            assert_eq!(said, expected, "{head}");
        }
    }

    #[test]
    fn f4_a_head_that_moves_to_another_prefix_is_as_if_it_were_built_for_it() {
        let prefixes = ["", "/", "/api", "/api/v2"];
        for outer in ["", "/outer"] {
            for from in prefixes {
                for to in prefixes {
                    let (mut head, mut stripped) = built("/api/v2/x?y=1", outer, from);
                    stripped.rewrite(&mut head, b"/api/v2/x?y=1", Inner::Stripped(from), Inner::Stripped(to));
                    assert_eq!(
                        (head, stripped),
                        built("/api/v2/x?y=1", outer, to),
                        "{from:?} to {to:?}"
                    );
                }
            }
        }
    }
}
