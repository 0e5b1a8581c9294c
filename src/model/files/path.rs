//! The path of a request → the name of a file below a folder.

use smallvec::SmallVec;

/// As many bytes need no allocation.
const SHORT: usize = 120;
/// No file system has longer names, and Linux no longer paths.
const LONGEST: (usize, usize) = (255, 4095);
/// The one hidden folder that is for everybody (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";
/// What stands for a folder.
const INDEX: &[u8] = b"index.html";

/// The path of a file below a folder, decoded: without an empty, climbing or hidden segment, and without bytes that no name has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePath {
    bytes: SmallVec<[u8; SHORT]>,
    names_folder: bool,
}

impl FilePath {
    /// Reads the path of a request, without its query. `None` where there can be no such file, or none that is shown: a path that two
    /// readers could take for different ones has no file either.
    #[must_use]
    pub fn of(path: &[u8]) -> Option<Self> {
        let path = path.strip_prefix(b"/")?;
        let mut bytes = SmallVec::new();
        let mut segments = path.split(|byte| *byte == b'/').peekable();
        let mut names_folder = false;
        while let Some(segment) = segments.next() {
            let is_last = segments.peek().is_none();
            if segment.is_empty() && is_last {
                names_folder = true;
                break;
            }
            let start = bytes.len();
            decode(segment, &mut bytes)?;
            let name = &bytes[start..];
            let is_hidden = name.first() == Some(&b'.') && !(start == 0 && name == WELL_KNOWN);
            if name.is_empty() || is_hidden || name.len() > LONGEST.0 || bytes.len() > LONGEST.1 {
                return None;
            }
            if !is_last {
                bytes.push(b'/');
            }
        }
        Some(Self { bytes, names_folder })
    }

    /// Whether it ends with a slash, or is the folder itself.
    #[must_use]
    pub fn names_folder(&self) -> bool {
        self.names_folder
    }

    /// The name below the folder, as the system takes it: `a/b.html`. Where a folder is named, that of the page in it.
    #[must_use]
    pub fn file(&self) -> SmallVec<[u8; SHORT]> {
        let mut file = self.bytes.clone();
        if self.names_folder {
            file.extend_from_slice(INDEX);
        }
        file
    }

    /// The page in the folder of this name, where the path has no slash at its end.
    #[must_use]
    pub fn page_within(&self) -> SmallVec<[u8; SHORT]> {
        let mut page = self.bytes.clone();
        page.push(b'/');
        page.extend_from_slice(INDEX);
        page
    }
}

/// Appends a segment with its escapes decoded; `None` for one that no file can have, or that would be two.
fn decode(segment: &[u8], out: &mut SmallVec<[u8; SHORT]>) -> Option<()> {
    let mut rest = segment;
    while let Some((&first, behind)) = rest.split_first() {
        let (byte, behind) = match first {
            b'%' => {
                let [high, low, ..] = *behind else { return None };
                (hex(high)? << 4 | hex(low)?, &behind[2..])
            }
            // Browsers take it for a slash.
            b'\\' => return None,
            byte => (byte, behind),
        };
        if matches!(byte, 0 | b'/') {
            return None;
        }
        out.push(byte);
        rest = behind;
    }
    Some(())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Option<String> {
        FilePath::of(path.as_bytes()).map(|path| String::from_utf8(path.file().to_vec()).unwrap())
    }

    #[test]
    fn a_path_is_decoded_once_and_a_folder_stands_for_its_page() {
        for (path, expected) in [
            ("/", "index.html"),
            ("/app.js", "app.js"),
            ("/a/b/", "a/b/index.html"),
            ("/a%20b/%C3%A9.txt", "a b/é.txt"),
            ("/100%25.txt", "100%.txt"),
            ("/%2541", "%41"),
            ("/.well-known/security.txt", ".well-known/security.txt"),
            ("/a..b/c.", "a..b/c."),
            ("/a+b&c=d;e", "a+b&c=d;e"),
        ] {
            assert_eq!(file(path).as_deref(), Some(expected), "{path}");
        }
        let folder = FilePath::of(b"/a").unwrap();
        assert_eq!(&folder.page_within()[..], b"a/index.html");
        assert!(!folder.names_folder() && FilePath::of(b"/a/").unwrap().names_folder());
    }

    #[test]
    fn what_climbs_hides_or_can_be_read_in_two_ways_is_no_file() {
        for path in [
            "",
            "*",
            "a",
            "/..",
            "/../a",
            "/a/../b",
            "/a/..",
            "/./a",
            "/a/.",
            "/%2e%2e/a",
            "/.%2e/a",
            "/%2E%2e",
            "//",
            "//a",
            "/a//b",
            "/a//",
            "/%2f",
            "/a%2fb",
            "/a%2Fb",
            "/%00",
            "/a%00.html",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%+1",
            "/.git/config",
            "/.env",
            "/a/.b/c",
            "/%2eenv",
            "/a/.well-known/b",
            "/.well-known/.a",
            "/.well-knowns/a",
            "/a\\b",
            "/\\evil.example",
        ] {
            assert_eq!(file(path), None, "{path}");
        }
        assert_eq!(file("/a%5cb").as_deref(), Some("a\\b"));
    }

    #[test]
    fn names_and_paths_are_no_longer_than_those_of_the_system() {
        let name = |length: usize| format!("/{}", "a".repeat(length));
        assert!(file(&name(255)).is_some() && file(&name(256)).is_none());
        assert!(file(&"/ab".repeat(1365)).is_some() && file(&"/ab".repeat(1366)).is_none());
        // Encoded, a name may be longer.
        assert!(file(&format!("/{}", "%61".repeat(255))).is_some());
    }
}
