//! What is asked of a folder: paths never lead out of it, and of a file no byte is sent twice or past its end.

use greengate::model::files::{Asked, FilePath, Moment, Ranges, Verdict, Version};

use super::fuzz;

/// A path has no more bytes than Linux takes.
const LONGEST: usize = 4095 + "/index.html".len();

#[test]
fn no_path_names_what_is_outside_or_hidden() {
    let words: &[&[u8]] = &[
        b"/",
        b"..",
        b".",
        b"%2e",
        b"%2f",
        b"%00",
        b"%25",
        b"\\",
        b"%5c",
        b".well-known",
        b"index.html",
    ];
    fuzz("file_paths", words, |path| {
        let Some(path) = FilePath::of(path) else { return };
        // Where the path ends with a slash, both are one page.
        let within = (!path.names_folder()).then(|| path.page_within());
        for name in std::iter::once(path.file()).chain(within) {
            assert!(name.len() <= LONGEST && !name.contains(&0));
            for (place, segment) in name.split(|byte| *byte == b'/').enumerate() {
                let is_well_known = place == 0 && segment == b".well-known";
                assert!((1..=255).contains(&segment.len()));
                assert!(!segment.starts_with(b".") || is_well_known);
            }
        }
    });
}

#[test]
fn parts_of_a_file_lie_in_it_and_apart_and_conditions_come_first() {
    let words: &[&[u8]] = &[
        b"range: bytes=0-0,-1\n",
        b"if-range: \"a\"\n",
        b"if-none-match: W/\"a\", *\n",
        b"if-match: \"a\"\n",
        b"if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT\n",
        b"if-unmodified-since: Sunday, 06-Nov-94 08:49:37 GMT\n",
        b"accept-encoding: br;q=0.5, *\n",
        b"0-",
        b"-1",
        b",",
    ];
    fuzz("file_requests", words, |head| {
        let mut asked = Asked::default();
        let mut has_condition = false;
        for line in head.split(|byte| *byte == b'\n') {
            let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(line.len()));
            asked.note(name, value.get(1..).unwrap_or_default().trim_ascii());
            has_condition |= name.len() > 3 && name[..3].eq_ignore_ascii_case(b"if-");
        }
        assert!(asked.encodings().len() <= 3);
        let moment = |seconds| Moment { seconds, nanos: 0 };
        let version = Version {
            device: 1,
            inode: 2,
            size: u64::try_from(head.len()).unwrap() * 7 % 5000,
            modified: moment(784_111_777),
            changed: moment(784_111_800),
        };
        for is_get in [true, false] {
            match asked.verdict(is_get, &version, "\"a\"", None) {
                Verdict::Whole => {}
                Verdict::NotModified | Verdict::Failed => assert!(has_condition),
                Verdict::Unsatisfiable => assert!(is_get),
                Verdict::Parts(parts) => {
                    assert!(is_get && (1..=8).contains(&parts.len()));
                    for (place, part) in parts.iter().enumerate() {
                        assert!(part.start < part.end && part.end <= version.size);
                        for other in &parts[..place] {
                            assert!(part.end < other.start || other.end < part.start, "{parts:?}");
                        }
                    }
                }
            }
        }
        // Whatever its size is, down to nothing.
        for size in [0, 1, u64::MAX] {
            let value = head.strip_prefix(b"range: ").unwrap_or(head);
            if let Ranges::Parts(parts) = Ranges::of(value, size) {
                assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
            }
        }
    });
}
