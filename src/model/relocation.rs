//! Where a path is to be found instead: at one place, or below another prefix.

use super::readings::is_read_otherwise;

/// A place, or a prefix in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocation {
    /// A path or a URL. It ends with `/` where the rest of a path follows.
    to: Box<str>,
    /// Length of the prefix that it takes the place of; `None` is one place for every path.
    prefix: Option<usize>,
}

impl Relocation {
    /// Always `to`, a path or a URL.
    #[must_use]
    pub fn place(to: &str) -> Self {
        Self {
            to: to.into(),
            prefix: None,
        }
    }

    /// `to`, which ends with `/`, in the place of `prefix`, which does not but for `/` itself.
    #[must_use]
    pub fn prefix(to: &str, prefix: &str) -> Self {
        Self {
            to: to.into(),
            prefix: Some(prefix.strip_suffix('/').unwrap_or(prefix).len()),
        }
    }

    /// Where a request's target (path and query) is to be found. The query is kept, unless there is one in the new place.
    #[must_use]
    pub fn of(&self, target: &[u8]) -> Vec<u8> {
        // `OPTIONS *` has no path.
        let target = if target == b"*" { b"/" } else { target };
        let (path, query) = target.split_at(memchr::memchr(b'?', target).unwrap_or(target.len()));
        let mut out = self.to.as_bytes().to_vec();
        if let Some(prefix) = self.prefix {
            let mut rest = path.get(prefix..).unwrap_or_default();
            rest = rest.strip_prefix(b"/").unwrap_or(rest);
            if &*self.to == "/" {
                // `//host` and `/\\host` are other hosts to a browser (WHATWG URL, "relative slash state").
                while let [b'/' | b'\\', behind @ ..] = rest {
                    rest = behind;
                }
            }
            out.extend_from_slice(rest);
        }
        if !self.to.contains('?') {
            out.extend_from_slice(query);
        }
        out
    }

    /// Whether any reading of a path climbs (`..`), so that an app could find it above the new prefix (E20).
    #[must_use]
    pub fn is_climbed_out_of(&self, path: &[u8]) -> bool {
        let is_parent = |segment: &[u8]| segment.split(|byte| *byte == b';').next() == Some(b"..");
        let climbs = |reading: &[u8]| reading.split(|byte| *byte == b'/').any(is_parent);
        self.prefix.is_some() && is_read_otherwise(path, climbs)
    }
}

impl std::fmt::Display for Relocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to)?;
        f.write_str(if self.prefix.is_some() { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(relocation: &Relocation, target: &str) -> String {
        String::from_utf8(relocation.of(target.as_bytes())).unwrap()
    }

    #[test]
    fn the_rest_of_a_path_follows_the_new_prefix_and_the_query_is_kept() {
        for (to, prefix, target, expected) in [
            ("/v2/", "/api", "/api/x/y?z=1", "/v2/x/y?z=1"),
            ("/v2/", "/api", "/api", "/v2/"),
            ("/v2/", "/api", "/api/", "/v2/"),
            ("/v2/", "/api", "/api?z", "/v2/?z"),
            ("/v2/", "/", "/x", "/v2/x"),
            ("https://b.test/", "/", "/x//y", "https://b.test/x//y"),
            ("https://b.test/", "/", "//x", "https://b.test//x"),
            ("https://b.test/blog/", "/old", "*", "https://b.test/blog/"),
            ("/", "/old", "/old/x", "/x"),
        ] {
            assert_eq!(of(&Relocation::prefix(to, prefix), target), expected, "{target}");
        }
        let place = Relocation::place("/new");
        for (target, expected) in [("/old/x", "/new"), ("/old?a=1", "/new?a=1")] {
            assert_eq!(of(&place, target), expected);
        }
        assert_eq!(of(&Relocation::place("/new?b=2"), "/old?a=1"), "/new?b=2");
    }

    #[test]
    fn no_path_leads_to_another_host() {
        let root = Relocation::prefix("/", "/old");
        for target in ["/old//evil.test", "/old/\\evil.test", "/old///\\/evil.test", "/old//"] {
            let to = of(&root, target);
            assert!(to == "/evil.test" || to == "/", "{target} leads to {to}");
        }
    }

    #[test]
    fn e20_a_path_that_climbs_in_any_reading_is_told() {
        let below = Relocation::prefix("/v2/", "/");
        for path in [
            "/..",
            "/../x",
            "/x/../y",
            "/%2e%2e/x",
            "/..%2fx",
            "/x\\..\\y",
            "/..;a/x",
            "/%252e%252e/",
        ] {
            assert!(below.is_climbed_out_of(path.as_bytes()), "{path}");
        }
        for path in ["/", "/x", "/..x", "/x..", "/%20", "/a/./b", "/.well-known", "/x//y"] {
            assert!(!below.is_climbed_out_of(path.as_bytes()), "{path}");
        }
        assert!(!Relocation::place("/x").is_climbed_out_of(b"/.."));
    }
}
