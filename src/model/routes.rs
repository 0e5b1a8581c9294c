//! Host and path → the rule that a request matches.
//!
//! Owns which rule matches ([`RouteTable::find`]). Does not own how a `Host` is read (`host`), what a rule leads to, nor what is
//! answered when none matches.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

pub use super::host::{HostError, canonical_host};
use super::paths::{Match, PathRules};

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
type Hosts<T> = HashMap<Box<str>, PathRules<T>, BuildHasherDefault<DefaultHasher>>;

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
            .or_default();
            rules.insert(path.as_ref(), target);
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
        match rules.find(path) {
            Match::Found(target) => Lookup::Found(target),
            Match::None => Lookup::NoPath,
            Match::Ambiguous => Lookup::Ambiguous,
        }
    }

    /// Whether any rule names this canonical host, directly or by wildcard.
    #[must_use]
    pub fn host_is_known(&self, host: &str) -> bool {
        self.rules(host).is_some()
    }

    /// Where the rules of a canonical host lead, whatever the path.
    pub fn targets(&self, host: &str) -> impl Iterator<Item = &T> {
        self.rules(host).into_iter().flat_map(PathRules::targets)
    }

    fn rules(&self, host: &str) -> Option<&PathRules<T>> {
        self.exact.get(host).or_else(|| match host.split_once('.') {
            Some((label, suffix)) if !label.is_empty() && !self.wildcard.is_empty() => self.wildcard.get(suffix),
            Some(_) | None => None,
        })
    }
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
