//! Host and path → the rule that a request matches.
//!
//! Owns which rule matches ([`RouteTable::find`]). Does not own how a `Host` is read (`host`), what a rule leads to, nor what is
//! answered when none matches.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use smallvec::SmallVec;

pub use super::host::{HostError, canonical_host};

/// Routes by host and path prefix. A lookup costs one or two hashes, however many hosts there are.
///
/// An exact host wins over a wildcard, which stands for exactly one label; under a host the longest prefix wins, and a
/// prefix ends where a segment ends (`/api` matches `/api` and `/api/x`, not `/apix`).
#[derive(Debug, Clone)]
pub struct RouteTable<T> {
    exact: Hosts<T>,
    /// By what follows `*.`.
    wildcard: Hosts<T>,
}

/// The hasher needs no secret: what is in the table comes from the configuration, and clients insert nothing.
type Hosts<T> = HashMap<Box<str>, Rules<T>, BuildHasherDefault<DefaultHasher>>;

/// The path rules of one host, the longest prefix first.
#[derive(Debug, Clone)]
struct Rules<T>(Vec<(Box<str>, T)>);

/// What [`RouteTable::find`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a, T> {
    /// The rule that matches.
    Found(&'a T),
    /// No rule names this host (E18).
    UnknownHost,
    /// The host is known, but none of its prefixes matches.
    NoPath,
    /// An app that decodes or collapses the path would see one that belongs to another rule (E20).
    Ambiguous,
}

impl<T> Default for RouteTable<T> {
    fn default() -> Self {
        Self {
            exact: Hosts::default(),
            wildcard: Hosts::default(),
        }
    }
}

impl<T, H, P> FromIterator<(H, P, T)> for RouteTable<T>
where
    H: AsRef<str>,
    P: AsRef<str>,
{
    /// Takes (host or `*.suffix`, path prefix, where it leads). Hosts are canonical; prefixes start with `/` and do not end
    /// with one, save for `/` itself. Of two equal rules the first one stays.
    fn from_iter<I: IntoIterator<Item = (H, P, T)>>(routes: I) -> Self {
        let mut table = Self::default();
        for (host, path, target) in routes {
            let host = host.as_ref();
            let rules = match host.strip_prefix("*.") {
                Some(suffix) => table.wildcard.entry(suffix.into()),
                None => table.exact.entry(host.into()),
            }
            .or_insert_with(|| Rules(Vec::new()));
            let path = path.as_ref();
            if !rules.0.iter().any(|(prefix, _)| **prefix == *path) {
                rules.0.push((path.into(), target));
                rules.0.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
            }
        }
        table
    }
}

impl<T> RouteTable<T> {
    /// The rule for a canonical host ([`canonical_host`]) and a path without its query. Allocates nothing, unless the path
    /// is longer than 256 bytes and holds something that could be decoded or collapsed.
    #[must_use]
    pub fn find(&self, host: &str, path: &[u8]) -> Lookup<'_, T> {
        let Some(rules) = self.rules(host) else {
            return Lookup::UnknownHost;
        };
        let found = rules.matching(path);
        if rules.has_prefixes() && could_be_read_otherwise(path) && rules.read_otherwise(path, found) {
            return Lookup::Ambiguous;
        }
        match found.and_then(|index| rules.0.get(index)) {
            Some((_, target)) => Lookup::Found(target),
            None => Lookup::NoPath,
        }
    }

    /// Whether any rule names this canonical host, directly or by wildcard.
    #[must_use]
    pub fn host_is_known(&self, host: &str) -> bool {
        self.rules(host).is_some()
    }

    fn rules(&self, host: &str) -> Option<&Rules<T>> {
        self.exact.get(host).or_else(|| match host.split_once('.') {
            Some((label, suffix)) if !label.is_empty() && !self.wildcard.is_empty() => self.wildcard.get(suffix),
            Some(_) | None => None,
        })
    }
}

impl<T> Rules<T> {
    /// Whether the path decides anything here: a host that has only `/` takes every path as it came.
    fn has_prefixes(&self) -> bool {
        self.0.iter().any(|(prefix, _)| &**prefix != "/")
    }

    fn matching(&self, path: &[u8]) -> Option<usize> {
        self.0.iter().position(|(prefix, _)| starts_with(path, prefix))
    }

    /// Whether any way in which apps and their frameworks read a path leads to another rule than `found`.
    fn read_otherwise(&self, path: &[u8], found: Option<usize>) -> bool {
        let differs = |reading: &[u8]| self.matching(reading) != found;
        // Escaped slashes stay escaped in stacks that follow RFC 3986 §6.2.2.2 to the letter, and turn into slashes in others.
        let mut decoded: Reading = path.into();
        // Decoding twice covers an app behind a second proxy; `%2525…` goes no deeper than two real stacks do.
        for _ in 0..3 {
            if self.collapses_otherwise(&decoded, &differs) {
                return true;
            }
            if let Some(unreserved) = decode(&decoded, false)
                && self.collapses_otherwise(&unreserved, &differs)
            {
                return true;
            }
            match decode(&decoded, true) {
                Some(next) => decoded = next,
                None => break,
            }
        }
        false
    }

    /// Whether one level of decoding leads to another rule: NUL ends the path or does not, `\` is a slash or is not, `//` is one
    /// slash or is not, dots are resolved or are not, in either order.
    fn collapses_otherwise(&self, path: &[u8], differs: &impl Fn(&[u8]) -> bool) -> bool {
        let slashes = |path: &[u8]| -> Reading { path.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect() };
        let cut = path.iter().position(|&byte| byte == 0).map(|end| &path[..end]);
        [Some(path), cut].into_iter().flatten().any(|path| {
            let turned = path.contains(&b'\\').then(|| slashes(path));
            [Some(path), turned.as_deref()].into_iter().flatten().any(|path| {
                if differs(path) {
                    return true;
                }
                if !collapsible(path) {
                    return false;
                }
                let collapsed = collapse(path);
                let resolved = resolve_dots(path);
                differs(&collapsed)
                    || differs(&resolved)
                    || differs(&resolve_dots(&collapsed))
                    || differs(&collapse(&resolved))
            })
        })
    }
}

/// A path as an app might read it; most fit on the stack.
type Reading = SmallVec<[u8; 256]>;

fn starts_with(path: &[u8], prefix: &str) -> bool {
    // `*` (of `OPTIONS *`) and an empty path have no segments: only `/` takes them.
    prefix == "/"
        || path
            .strip_prefix(prefix.as_bytes())
            .is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b'/'))
}

/// The cheap look that nearly every path passes with "no".
fn could_be_read_otherwise(path: &[u8]) -> bool {
    collapsible(path) || path.iter().any(|&byte| matches!(byte, b'%' | b'\\' | 0))
}

/// Whether it holds `//`, or a segment that starts with a dot.
fn collapsible(path: &[u8]) -> bool {
    path.windows(2).any(|pair| matches!(pair, b"//" | b"/."))
}

/// Decodes `%xx`, escaped slashes and backslashes only when asked; `None` when nothing changes.
fn decode(path: &[u8], slashes: bool) -> Option<Reading> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Reading::with_capacity(path.len());
    let mut rest = path;
    let mut changed = false;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = match behind {
            [high, low, ..] if byte == b'%' => digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        match escaped {
            Some(value) if slashes || !matches!(value, b'/' | b'\\') => {
                out.push(value);
                rest = &behind[2..];
                changed = true;
            }
            Some(_) | None => {
                out.push(byte);
                rest = behind;
            }
        }
    }
    changed.then_some(out)
}

fn collapse(path: &[u8]) -> Reading {
    let mut out = Reading::with_capacity(path.len());
    for &byte in path {
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
    out
}

/// RFC 3986 §5.2.4. A segment's parameters (`/..;x/`) do not hide its dots: servlet containers drop them first.
fn resolve_dots(path: &[u8]) -> Reading {
    let mut out = Reading::with_capacity(path.len());
    let mut segments = path
        .strip_prefix(b"/")
        .unwrap_or(path)
        .split(|&byte| byte == b'/')
        .peekable();
    while let Some(segment) = segments.next() {
        let name = segment.split(|&byte| byte == b';').next().unwrap_or(segment);
        let last = segments.peek().is_none();
        match name {
            b"." => {}
            b".." => {
                let parent = out.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
                out.truncate(parent);
            }
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
                continue;
            }
        }
        if last {
            out.push(b'/');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> RouteTable<&'static str> {
        [
            ("example.com", "/", "web"),
            ("example.com", "/api", "api"),
            ("example.com", "/api/v2", "v2"),
            ("only.example.com", "/", "only"),
            ("deep.example.com", "/app", "deep"),
            ("*.example.com", "/", "any"),
            ("[::1]", "/", "six"),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn the_longest_prefix_wins_on_a_segment_boundary() {
        let table = table();
        for (path, expected) in [
            ("/", "web"),
            ("", "web"),
            ("*", "web"),
            ("/api", "api"),
            ("/api/", "api"),
            ("/api/x", "api"),
            ("/apix", "web"),
            ("/API", "web"),
            ("/api/v2", "v2"),
            ("/api/v2/x", "v2"),
            ("/api/v20", "api"),
        ] {
            assert_eq!(
                table.find("example.com", path.as_bytes()),
                Lookup::Found(&expected),
                "{path}"
            );
        }
    }

    #[test]
    fn an_exact_host_wins_over_a_wildcard_of_one_label() {
        let table = table();
        assert_eq!(table.find("only.example.com", b"/"), Lookup::Found(&"only"));
        assert_eq!(table.find("other.example.com", b"/"), Lookup::Found(&"any"));
        assert_eq!(table.find("a.b.example.com", b"/"), Lookup::UnknownHost);
        assert_eq!(table.find(".example.com", b"/"), Lookup::UnknownHost);
        assert_eq!(table.find("*.example.com", b"/"), Lookup::Found(&"any"));
        assert_eq!(table.find("example.org", b"/"), Lookup::UnknownHost);
        assert_eq!(table.find("[::1]", b"/"), Lookup::Found(&"six"));
        assert!(table.host_is_known("x.example.com"));
        assert!(!table.host_is_known("com"));
    }

    #[test]
    fn a_known_host_without_a_rule_for_the_path_is_told_apart_from_an_unknown_one() {
        let table = table();
        assert_eq!(table.find("deep.example.com", b"/app/x"), Lookup::Found(&"deep"));
        assert_eq!(table.find("deep.example.com", b"/"), Lookup::NoPath);
    }

    #[test]
    fn e20_paths_that_another_reading_would_route_elsewhere_are_ambiguous() {
        let table = table();
        for path in [
            "//api",
            "//api/x",
            "/./api",
            "/x/../api/y",
            "/api/../admin",
            "/api/..",
            "/api/x/../../",
            "/api/%2e%2e/admin",
            "/api/%2E./admin",
            "/api%2fx",
            "/%2fapi",
            "/%61pi",
            "/%2561pi",
            "/x/..%2fapi",
            "/x\\..\\api",
            "/x%5c..%5capi",
            "\\api",
            "/api%00x",
            "/api\0x",
            "/api%00/../x",
            "/api/..;/admin",
            "/a%2fb/%2e%2e/api/x",
            "/a//../api",
            "/api/v2/../x",
            "/api//v2",
            "/api/.%2e/x",
        ] {
            assert_eq!(table.find("example.com", path.as_bytes()), Lookup::Ambiguous, "{path}");
        }
        assert_eq!(table.find("deep.example.com", b"/app/../x"), Lookup::Ambiguous);
        assert_eq!(table.find("deep.example.com", b"/x/../app"), Lookup::Ambiguous);
    }

    #[test]
    fn e20_tricks_that_change_no_rule_pass_as_they_came() {
        let table = table();
        for (path, expected) in [
            ("/a%20b", "web"),
            ("/100%25", "web"),
            ("/%zz%2", "web"),
            ("/x//y", "web"),
            ("/.well-known/acme-challenge/x", "web"),
            ("/x/../y", "web"),
            ("/../x", "web"),
            ("/api//x", "api"),
            ("/api/./x", "api"),
            ("/api/a%2fb", "api"),
            ("/api/x/../y", "api"),
            ("/api/%E2%82%AC", "api"),
            ("/x%00y", "web"),
        ] {
            assert_eq!(
                table.find("example.com", path.as_bytes()),
                Lookup::Found(&expected),
                "{path}"
            );
        }
        for path in ["//api", "/%2e%2e/x", "/a\\b", "/%00"] {
            assert_eq!(
                table.find("only.example.com", path.as_bytes()),
                Lookup::Found(&"only"),
                "{path}"
            );
        }
    }

    #[test]
    fn of_two_equal_rules_the_first_stays() {
        let table: RouteTable<u8> = [("a", "/", 1), ("a", "/", 2)].into_iter().collect();
        assert_eq!(table.find("a", b"/"), Lookup::Found(&1));
    }
}
