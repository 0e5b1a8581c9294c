//! Path prefixes → the rule that a path matches, and whether everybody who reads the path would say so (E20).

use super::readings::is_read_otherwise;

/// Rules by path prefix: the longest one wins, and a prefix ends where a segment ends (`/api` matches `/api` and `/api/x`, not
/// `/apix`).
#[derive(Debug, Clone)]
pub struct PathRules<T>(Vec<(Box<str>, T)>);

/// What [`PathRules::find`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match<'a, T> {
    /// The rule that matches.
    Found(&'a T),
    /// No prefix matches.
    None,
    /// An app that decodes or collapses the path would see one that belongs to another rule (E20).
    Ambiguous,
}

impl<T> Default for PathRules<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> PathRules<T> {
    /// Adds a rule. The prefix starts with `/` and does not end with one, save for `/` itself. Of two equal rules the first one
    /// stays.
    pub fn insert(&mut self, prefix: &str, target: T) {
        if !self.0.iter().any(|(known, _)| **known == *prefix) {
            self.0.push((prefix.into(), target));
            self.0.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        }
    }

    /// The rule for a path without its query. Allocates nothing, unless the path is longer than 256 bytes and holds something
    /// that could be decoded or collapsed.
    #[must_use]
    pub fn find(&self, path: &[u8]) -> Match<'_, T> {
        let found = self.matching(path);
        if self.has_prefixes() && is_read_otherwise(path, |reading| self.matching(reading) != found) {
            return Match::Ambiguous;
        }
        match found.and_then(|index| self.0.get(index)) {
            Some((_, target)) => Match::Found(target),
            None => Match::None,
        }
    }

    /// Where its rules lead.
    pub fn targets(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, target)| target)
    }

    /// Whether the path decides anything here: where there is only `/`, every path is taken as it came.
    fn has_prefixes(&self) -> bool {
        self.0.iter().any(|(prefix, _)| &**prefix != "/")
    }

    fn matching(&self, path: &[u8]) -> Option<usize> {
        self.0.iter().position(|(prefix, _)| starts_with(path, prefix))
    }
}

fn starts_with(path: &[u8], prefix: &str) -> bool {
    // `*` (of `OPTIONS *`) and an empty path have no segments: only `/` takes them.
    prefix == "/"
        || path
            .strip_prefix(prefix.as_bytes())
            .is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b'/'))
}
