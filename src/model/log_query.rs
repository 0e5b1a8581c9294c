//! What the access log says of a query. Values of parameters that are named stand there as `***`, whatever else a target holds.

/// What stands in the place of a value.
const MASK: &[u8] = b"***";

/// What is written of the queries of targets and of referring pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogQuery {
    /// All of it.
    #[default]
    Keep,
    /// Nothing, and no `?`.
    Drop,
    /// All but the values of parameters with one of these names, which are at least one.
    Mask(Vec<Box<str>>),
}

impl LogQuery {
    /// What both have in common: nothing that either hides is written.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Drop, _) | (_, Self::Drop) => Self::Drop,
            (Self::Keep, one) | (one, Self::Keep) => one.clone(),
            (Self::Mask(names), Self::Mask(more)) => {
                let new = more.iter().filter(|name| !names.contains(name));
                Self::Mask(names.iter().chain(new).cloned().collect())
            }
        }
    }

    /// A target, or a URL, as it may be written down; `scratch` is room for it where that is not what it was.
    #[must_use]
    pub fn applied<'t>(&self, target: &'t [u8], scratch: &'t mut Vec<u8>) -> &'t [u8] {
        let begins = |byte: &u8| matches!(byte, b'?' | b'#');
        match self {
            Self::Keep => target,
            Self::Drop => &target[..target.iter().position(begins).unwrap_or(target.len())],
            Self::Mask(names) => match target.iter().position(begins) {
                None => target,
                Some(at) => {
                    scratch.clear();
                    scratch.extend_from_slice(&target[..at]);
                    mask(&target[at..], names, scratch);
                    scratch
                }
            },
        }
    }
}

/// Copies a query, which begins with its `?`, without the values of these names.
fn mask(mut rest: &[u8], names: &[Box<str>], out: &mut Vec<u8>) {
    // Each turn begins with a separator. Readers of queries do not agree where a parameter begins, and any of them may be right.
    while let Some((separator, after)) = rest.split_first() {
        out.push(*separator);
        let end = after.iter().position(|byte| matches!(byte, b'&' | b';' | b'?' | b'#'));
        let parameter = &after[..end.unwrap_or(after.len())];
        rest = &after[parameter.len()..];
        let equals = parameter.iter().position(|byte| *byte == b'=');
        match equals {
            Some(equals) if names.iter().any(|name| is_named(&parameter[..equals], name)) => {
                out.extend_from_slice(&parameter[..=equals]);
                out.extend_from_slice(MASK);
                // The widest of what could be its value.
                let end = rest.iter().position(|byte| matches!(byte, b'&' | b'#'));
                rest = &rest[end.unwrap_or(rest.len())..];
            }
            Some(_) | None => out.extend_from_slice(parameter),
        }
    }
}

/// Whether a name, as it is written in a query, may be this one to an app. Upper and lower case count as the same; `token[0]` is a
/// part of `token` to PHP and Rails.
fn is_named(written: &[u8], name: &str) -> bool {
    let mut decoded = Decoded(written).skip_while(|byte| *byte == b' ').peekable();
    let is_same = name
        .bytes()
        .all(|byte| decoded.next_if(|written| written.eq_ignore_ascii_case(&byte)).is_some());
    is_same && matches!(decoded.next(), None | Some(b'['))
}

/// The bytes of a name, with `%41` and `+` as what they mean.
struct Decoded<'n>(&'n [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        match (first, rest) {
            (b'+', _) => Some(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                let Some((high, low)) = digit(*high).zip(digit(*low)) else {
                    return Some(b'%');
                };
                self.0 = after;
                Some(high << 4 | low)
            }
            _ => Some(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> LogQuery {
        LogQuery::Mask(names.iter().map(|name| (*name).into()).collect())
    }

    fn masked(target: &str) -> String {
        let mut scratch = b"what stood here before".to_vec();
        let written = names(&["token", "X-Key"]).applied(target.as_bytes(), &mut scratch);
        String::from_utf8(written.to_vec()).unwrap()
    }

    #[test]
    fn values_of_these_names_are_masked_and_nothing_else() {
        for same in [
            "/token=1",
            "/",
            "/a?b=c",
            "/a?",
            "/a?token",
            "/a?tokens=1&to=2&x-token=3",
            "/a?b=token",
            "*",
        ] {
            assert_eq!(masked(same), same);
        }
        assert_eq!(masked("/a?token=abc"), "/a?token=***");
        assert_eq!(masked("/a?b=1&token=abc&c=2"), "/a?b=1&token=***&c=2");
        assert_eq!(masked("/?token=&x-key=a=b&token=2"), "/?token=***&x-key=***&token=***");
    }

    #[test]
    fn a_name_counts_in_every_way_in_which_an_app_may_read_it() {
        for (written, shown) in [
            ("/?%74oken=a", "/?%74oken=***"),
            ("/?%74%6F%6b%65n=a", "/?%74%6F%6b%65n=***"),
            ("/?TOKEN=a&x%2dkey=b", "/?TOKEN=***&x%2dkey=***"),
            ("/?+token=a&%20token=b", "/?+token=***&%20token=***"),
            ("/?token[]=a&token%5b0%5d=b", "/?token[]=***&token%5b0%5d=***"),
            // A semicolon separates parameters to some, and is a part of a value to others.
            ("/?a=1;token=b", "/?a=1;token=***"),
            ("/?token=a;b=rest", "/?token=***"),
            ("/?a=1?token=b", "/?a=1?token=***"),
            ("/?token=a?b&c=1", "/?token=***&c=1"),
            ("https://a.com/b?token=c#token=d", "https://a.com/b?token=***#token=***"),
        ] {
            assert_eq!(masked(written), shown);
        }
        for other in ["/?%7token=a", "/?%2574oken=a", "/?to%00ken=a", "/?%=1&%7=2&%zz=3"] {
            assert_eq!(masked(other), other);
        }
    }

    #[test]
    fn without_its_query_a_target_is_a_path() {
        let applied = |target: &str| {
            let written = LogQuery::Drop.applied(target.as_bytes(), &mut Vec::new()).to_vec();
            String::from_utf8(written).unwrap()
        };
        assert_eq!(applied("/a?b=c?d"), "/a");
        assert_eq!(applied("/a"), "/a");
        assert_eq!(applied("https://a.com/b#token=c"), "https://a.com/b");
        assert_eq!(LogQuery::Keep.applied(b"/a?b", &mut Vec::new()), b"/a?b");
    }

    #[test]
    fn of_two_rules_nothing_is_written_that_either_hides() {
        let (keep, drop) = (LogQuery::Keep, LogQuery::Drop);
        assert_eq!(keep.and(&keep), keep);
        assert_eq!(keep.and(&names(&["a"])), names(&["a"]));
        assert_eq!(names(&["a", "b"]).and(&names(&["b", "c"])), names(&["a", "b", "c"]));
        assert_eq!(names(&["a"]).and(&drop), drop);
    }

    #[test]
    fn ten_thousand_parameters_are_looked_at_once() {
        let target = format!("/?{}", "a=1&token=2&".repeat(10_000));
        let mut scratch = Vec::new();
        let written = names(&["token"]).applied(target.as_bytes(), &mut scratch).len();
        assert_eq!(written, "/?".len() + "a=1&token=***&".len() * 10_000);
    }
}
