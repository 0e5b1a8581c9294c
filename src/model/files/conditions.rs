//! Conditions of a request on the version of a file that its client has (RFC 9110 §8.8.3, §13.1).

use smallvec::SmallVec;

/// The values of one field, which may stand on several lines.
pub(super) type Lines<'h> = SmallVec<[&'h [u8]; 1]>;

/// A field that stands once, or says nothing.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Once<'h> {
    #[default]
    Never,
    One(&'h [u8]),
    Often,
}

impl<'h> Once<'h> {
    pub(super) fn note(&mut self, value: &'h [u8]) {
        *self = match self {
            Self::Never => Self::One(value),
            Self::One(_) | Self::Often => Self::Often,
        };
    }

    /// The value, where it stands once.
    pub(super) fn value(self) -> Option<&'h [u8]> {
        match self {
            Self::One(value) => Some(value),
            Self::Never | Self::Often => None,
        }
    }

    /// The second since 1970 that it names, in any of the three forms (RFC 9110 §5.6.7).
    pub(super) fn date(self) -> Option<i64> {
        let text = str::from_utf8(self.value()?).ok()?;
        let date = httpdate::parse_http_date(text.trim_ascii()).ok()?;
        Some(super::version::Moment::at(date).seconds)
    }
}

/// Two tags are one: by the strong comparison both have to be strong (RFC 9110 §8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Strong,
    Weak,
}

impl Comparison {
    /// Whether a list of tags names this one, or any. What is no list names nothing beyond the place where it ends to be one.
    pub(super) fn finds(self, tag: &str, lines: &Lines<'_>) -> bool {
        lines.iter().any(|line| self.finds_in(tag.as_bytes(), line))
    }

    fn finds_in(self, tag: &[u8], line: &[u8]) -> bool {
        let mut rest = line.trim_ascii();
        if rest == b"*" {
            return true;
        }
        loop {
            rest = skip_separators(rest);
            let Some((known, behind)) = first_tag(rest) else {
                return false;
            };
            if self.is_one(tag, known) {
                return true;
            }
            rest = behind;
        }
    }

    /// Whether two tags are one.
    pub(super) fn is_one(self, ours: &[u8], theirs: &[u8]) -> bool {
        match self {
            Self::Strong => ours == theirs && ours.starts_with(b"\""),
            Self::Weak => opaque(ours) == opaque(theirs),
        }
    }
}

/// What a tag says, be it weak or strong.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

fn skip_separators(line: &[u8]) -> &[u8] {
    let is_separator = |byte: &u8| matches!(byte, b' ' | b'\t' | b',');
    let end = line.iter().position(|byte| !is_separator(byte)).unwrap_or(line.len());
    &line[end..]
}

/// The tag at the start of a list, and what is behind it.
fn first_tag(list: &[u8]) -> Option<(&[u8], &[u8])> {
    let quote = if list.starts_with(b"W/") { 2 } else { 0 };
    if list.get(quote) != Some(&b'"') {
        return None;
    }
    let length = memchr::memchr(b'"', &list[quote + 1..])?;
    Some(list.split_at(quote + 1 + length + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(comparison: Comparison, tag: &str, lines: &[&str]) -> bool {
        comparison.finds(tag, &lines.iter().map(|line| line.as_bytes()).collect())
    }

    #[test]
    fn a_tag_is_found_in_a_list_whatever_stands_in_the_others() {
        for (line, expected) in [
            ("\"a\"", true),
            ("*", true),
            (" * ", true),
            ("\"b\", \"a\"", true),
            ("\"b\",\"a\"", true),
            (",, \"b\" ,, \"a\",", true),
            ("\"x,y\", \"a\"", true),
            ("\"x\\\", \"a\"", true),
            ("\"a", false),
            ("a", false),
            ("\"b\"", false),
            ("\"aa\"", false),
            ("\"\"", false),
            ("", false),
            ("b, \"a\"", false),
            ("w/\"a\"", false),
        ] {
            for comparison in [Comparison::Strong, Comparison::Weak] {
                assert_eq!(finds(comparison, "\"a\"", &[line]), expected, "{line}");
            }
        }
        assert!(finds(Comparison::Strong, "\"a\"", &["\"b\"", "\"a\""]));
        assert!(!finds(Comparison::Weak, "\"a\"", &[]));
    }

    #[test]
    fn a_weak_tag_is_the_same_as_a_strong_one_only_by_the_weak_comparison() {
        for (ours, theirs) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "\"a\""), ("W/\"a\"", "W/\"a\"")] {
            assert!(finds(Comparison::Weak, ours, &[theirs]), "{ours} {theirs}");
            assert!(!finds(Comparison::Strong, ours, &[theirs]), "{ours} {theirs}");
        }
    }

    #[test]
    fn dates_are_read_in_their_three_forms_and_two_of_them_are_none() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(Once::One(text.as_bytes()).date(), Some(784_111_777), "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "784111777",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(Once::One(text.as_bytes()).date(), None, "{text}");
        }
        let mut twice = Once::default();
        twice.note(b"Sun, 06 Nov 1994 08:49:37 GMT");
        twice.note(b"Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(twice.date(), None);
    }
}
