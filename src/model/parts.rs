//! Path prefixes and endings of paths → the part of a service that a path lies in, and whether everybody who reads the path would
//! say so (E20).

use super::readings::is_read_otherwise;

/// Parts of a service by what paths begin and end with. A prefix ends where a segment ends (`/api` takes `/api` and `/api/x`, not
/// `/apix`).
///
/// Of the prefixes that a path begins with, all are beginnings of the longest, and so it is with endings. The longest of both
/// therefore say everything that matches, and a path is read once from each end, however many patterns there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartTable {
    prefixes: Trie,
    /// Written from the back.
    endings: Trie,
    /// The part for each prefix, or none, with each ending, or none.
    parts: Box<[u16]>,
    /// How many endings there are, and none.
    width: usize,
}

impl PartTable {
    /// A table of these patterns. Prefixes start with `/` and do not end with one, save for `/` itself; endings are as `.css`. Of each
    /// pair of the longest prefix and the longest ending that match, or `None`, `part` says which part it is; 0 is the rest of
    /// the service.
    pub fn new<P: AsRef<str>, E: AsRef<str>>(
        prefixes: &[P],
        endings: &[E],
        mut part: impl FnMut(Option<usize>, Option<usize>) -> u16,
    ) -> Self {
        let mut table = Self {
            width: endings.len() + 1,
            ..Self::default()
        };
        for (place, prefix) in prefixes.iter().enumerate() {
            // `/` stands before every path, `*` among them.
            let bytes = prefix.as_ref().strip_suffix('/').unwrap_or(prefix.as_ref());
            table.prefixes.insert(bytes.bytes(), place);
        }
        for (place, ending) in endings.iter().enumerate() {
            table.endings.insert(ending.as_ref().bytes().rev(), place);
        }
        let each = |count: usize| std::iter::once(None).chain((0..count).map(Some));
        table.parts = each(prefixes.len())
            .flat_map(|prefix| each(endings.len()).map(move |ending| (prefix, ending)))
            .map(|(prefix, ending)| part(prefix, ending))
            .collect();
        table
    }

    /// The part that a path without its query lies in; 0 is the rest of the service. `None` when an app that decodes or collapses the
    /// path would see one that lies in another part (E20). Allocates nothing, unless the path is longer than 256 bytes and
    /// holds something that could be decoded or collapsed.
    #[must_use]
    pub fn find(&self, path: &[u8]) -> Option<u16> {
        if self.parts.is_empty() {
            return Some(0);
        }
        let found = self.part(path);
        (!is_read_otherwise(path, |reading| self.part(reading) != found)).then_some(found)
    }

    fn part(&self, path: &[u8]) -> u16 {
        let is_boundary = |next: Option<u8>| next.is_none_or(|byte| byte == b'/');
        let row = self.prefixes.longest(path.iter().copied(), is_boundary);
        let column = self.endings.longest(path.iter().rev().copied(), |_| true);
        let place = |longest: Option<usize>| longest.map_or(0, |place| place + 1);
        // There is a part for each pair.
        let part = self.parts.get(place(row) * self.width + place(column));
        part.copied().unwrap_or_default()
    }
}

/// Texts by their bytes. The first node is the root.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Trie(Vec<Node>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Node {
    /// By byte, in its order.
    next: Vec<(u8, usize)>,
    /// Which text ends here.
    end: Option<usize>,
}

impl Trie {
    fn insert(&mut self, text: impl Iterator<Item = u8>, place: usize) {
        if self.0.is_empty() {
            self.0.push(Node::default());
        }
        let mut at = 0;
        for byte in text {
            at = match self.0[at].next.binary_search_by_key(&byte, |(byte, _)| *byte) {
                Ok(known) => self.0[at].next[known].1,
                Err(free) => {
                    let new = self.0.len();
                    self.0.push(Node::default());
                    self.0[at].next.insert(free, (byte, new));
                    new
                }
            };
        }
        self.0[at].end.get_or_insert(place);
    }

    /// The longest text that these bytes begin with, where the byte behind it may be one.
    fn longest(&self, bytes: impl Iterator<Item = u8>, may_follow: impl Fn(Option<u8>) -> bool) -> Option<usize> {
        let mut node = self.0.first()?;
        // The empty text stands before everything.
        let mut longest = node.end;
        let mut bytes = bytes.peekable();
        while let Some(byte) = bytes.next() {
            let Ok(known) = node.next.binary_search_by_key(&byte, |(byte, _)| *byte) else {
                break;
            };
            node = &self.0[node.next[known].1];
            if node.end.is_some() && may_follow(bytes.peek().copied()) {
                longest = node.end;
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Part 10 × (the prefix's place + 1) + (the ending's place + 1).
    fn table() -> PartTable {
        let part = |place: Option<usize>| u16::try_from(place.map_or(0, |place| place + 1)).unwrap();
        PartTable::new(
            &["/static", "/static/old", "/uploads"],
            &[".gz", ".tar.gz", ".css"],
            |prefix, ending| 10 * part(prefix) + part(ending),
        )
    }

    #[test]
    fn the_longest_prefix_and_the_longest_ending_count() {
        for (path, part) in [
            ("/", 0),
            ("", 0),
            ("*", 0),
            ("/static", 10),
            ("/static/", 10),
            ("/staticx", 0),
            ("/static/x", 10),
            ("/static/old", 20),
            ("/static/older", 10),
            ("/static/old/x.css", 23),
            ("/x.css", 3),
            (".css", 3),
            ("/x.css/y", 0),
            ("/x.gz", 1),
            ("/x.tar.gz", 2),
            ("/uploads/x.tar.gz", 32),
            ("/xcss", 0),
        ] {
            assert_eq!(table().find(path.as_bytes()), Some(part), "{path}");
        }
    }

    #[test]
    fn the_whole_service_may_be_a_part_and_nothing_may_be_one() {
        let all = PartTable::new(&["/"], &[".css"], |prefix, ending| {
            u16::from(prefix.is_some()) + 2 * u16::from(ending.is_some())
        });
        for (path, part) in [("/", 1), ("", 1), ("*", 1), ("/x", 1), ("/x.css", 3)] {
            assert_eq!(all.find(path.as_bytes()), Some(part), "{path}");
        }
        assert_eq!(PartTable::default().find(b"/%2e%2e//x"), Some(0));
    }

    #[test]
    fn e20_a_path_that_lies_in_another_part_to_another_reader_is_refused() {
        for path in [
            "/x/../static/y",
            "//static",
            "/static/../x",
            "/static/%2e%2e/x",
            "/%73tatic",
            "/static%2fold",
            "/x%2ecss",
            "/x.c%73s",
            "/x.css%00",
            "/x.css%00.jpg",
            "/x\\..\\static",
            "/static/..;/x",
            "/static//old",
        ] {
            assert_eq!(table().find(path.as_bytes()), None, "{path}");
        }
        for (path, part) in [
            ("/static//x", 10),
            ("/static/%2e/x", 10),
            ("/a%20b.css", 3),
            ("/../x", 0),
            ("/x%2fy.css", 3),
            ("/static/a/../b", 10),
        ] {
            assert_eq!(table().find(path.as_bytes()), Some(part), "{path}");
        }
    }
}
