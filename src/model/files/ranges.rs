//! Parts of a file that a client asks for (RFC 9110 §14).

use std::ops::Range;

use smallvec::SmallVec;

/// Parts that one request may ask for; with more of them it gets the whole file, which is cheaper.
const MOST: usize = 8;
/// Parts with fewer bytes between them are sent as one: a part of its own takes more.
const GAP: u64 = 80;

/// Parts of a file, none of which is empty or touches another, in the order they were asked for.
pub type Parts = SmallVec<[Range<u64>; 1]>;

/// What a `Range` field amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ranges {
    /// The whole file: nothing else was asked for, or nothing that is understood (RFC 9110 §14.2).
    Whole,
    /// These parts, at least one.
    Parts(Parts),
    /// Parts of which the file has none.
    Unsatisfiable,
}

impl Ranges {
    /// Reads the value of a `Range` field that is asked of a file of `size` bytes.
    #[must_use]
    pub fn of(value: &[u8], size: u64) -> Self {
        let set = match value.trim_ascii().split_at_checked(b"bytes=".len()) {
            // Of an empty file there are no parts.
            Some((unit, set)) if unit.eq_ignore_ascii_case(b"bytes=") && size > 0 => set,
            Some(_) | None => return Self::Whole,
        };
        let mut parts = Parts::new();
        let mut asked = 0;
        for spec in set.split(|byte| *byte == b',') {
            let spec = spec.trim_ascii();
            if spec.is_empty() {
                // A list may have empty elements (RFC 9110 §5.6.1.2).
                continue;
            }
            asked += 1;
            let Some(part) = part(spec, size).filter(|_| asked <= MOST) else {
                return Self::Whole;
            };
            if !part.is_empty() {
                add(&mut parts, part);
            }
        }
        match (asked, parts.is_empty()) {
            (0, _) => Self::Whole,
            (_, true) => Self::Unsatisfiable,
            (_, false) => Self::Parts(parts),
        }
    }
}

/// `0-99`, `100-`, `-100` of a file; an empty part where the file has none of it, `None` where it is none of these forms.
fn part(spec: &[u8], size: u64) -> Option<Range<u64>> {
    let dash = memchr::memchr(b'-', spec)?;
    match (&spec[..dash], &spec[dash + 1..]) {
        (b"", b"") => None,
        (b"", length) => Some(size.saturating_sub(number(length)?)..size),
        (first, b"") => Some(number(first)?.min(size)..size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first.min(size)..last.saturating_add(1).min(size))
        }
    }
}

/// A number; one that is larger than any file is the largest.
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| {
        digits.iter().fold(0_u64, |number, digit| {
            number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
        })
    })
}

/// Adds a part. What it touches becomes one with it, in the place of the first.
fn add(parts: &mut Parts, part: Range<u64>) {
    let touches =
        |a: &Range<u64>, b: &Range<u64>| a.start <= b.end.saturating_add(GAP) && b.start <= a.end.saturating_add(GAP);
    let mut part = part;
    let mut place = parts.len();
    // What has grown may touch others.
    while let Some(found) = parts.iter().position(|other| touches(other, &part)) {
        let other = parts.remove(found);
        part = part.start.min(other.start)..part.end.max(other.end);
        place = place.min(found);
    }
    parts.insert(place.min(parts.len()), part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(value: &str, size: u64) -> Option<Vec<(u64, u64)>> {
        match Ranges::of(value.as_bytes(), size) {
            Ranges::Whole => None,
            Ranges::Unsatisfiable => Some(Vec::new()),
            Ranges::Parts(parts) => Some(parts.into_iter().map(|part| (part.start, part.end)).collect()),
        }
    }

    #[test]
    fn each_form_names_its_bytes() {
        for (value, expected) in [
            ("bytes=0-0", (0, 1)),
            ("bytes=0-499", (0, 500)),
            ("bytes=500-", (500, 1000)),
            ("bytes=-1", (999, 1000)),
            ("bytes=-5000", (0, 1000)),
            ("bytes=0-", (0, 1000)),
            ("bytes=999-5000", (999, 1000)),
            ("bytes=0-99999999999999999999999", (0, 1000)),
            ("BYTES=1-2", (1, 3)),
            ("bytes= 1-2 ", (1, 3)),
            ("bytes=,,1-2,,", (1, 3)),
            ("bytes=0001-2", (1, 3)),
        ] {
            assert_eq!(parts(value, 1000), Some(vec![expected]), "{value}");
        }
    }

    #[test]
    fn what_is_no_range_is_ignored_and_what_the_file_has_nothing_of_is_refused() {
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=2-1",
            "bytes=1-2-3",
            "bytes=+1-2",
            "bytes=1 - 2",
            "bytes=0x1-2",
            "lines=1-2",
            "bytes 1-2",
            "bytes =1-2",
            "bytes=1-2,x",
            "bytes=1-2;3-4",
            "bytes=1000-999",
            "bytes=--1",
        ] {
            assert_eq!(parts(value, 1000), None, "{value}");
        }
        for value in [
            "bytes=1000-",
            "bytes=1000-1001",
            "bytes=-0",
            "bytes=18446744073709551615-",
            "bytes=1000-,-0",
        ] {
            assert_eq!(parts(value, 1000), Some(Vec::new()), "{value}");
        }
        assert_eq!(parts("bytes=1000-,0-1", 1000), Some(vec![(0, 2)]));
        for value in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(parts(value, 0), None, "{value}");
        }
    }

    #[test]
    fn parts_that_touch_become_one_and_others_keep_their_order() {
        for (value, expected) in [
            ("bytes=500-599,0-99", vec![(500, 600), (0, 100)]),
            ("bytes=0-99,50-149", vec![(0, 150)]),
            ("bytes=0-99,100-149", vec![(0, 150)]),
            ("bytes=0-99,180-199", vec![(0, 200)]),
            ("bytes=0-99,181-199", vec![(0, 100), (181, 200)]),
            ("bytes=0-9,900-909,0-999", vec![(0, 1000)]),
            ("bytes=0-,0-,0-", vec![(0, 1000)]),
            ("bytes=-1,0-0", vec![(999, 1000), (0, 1)]),
            ("bytes=0-9,200-209,400-409,0-409", vec![(0, 410)]),
        ] {
            assert_eq!(parts(value, 1000), Some(expected), "{value}");
        }
    }

    #[test]
    fn more_than_eight_parts_are_the_whole() {
        let ask = |count: u64| {
            let parts: Vec<_> = (0..count).map(|n| format!("{}-{}", n * 1000, n * 1000)).collect();
            format!("bytes={}", parts.join(","))
        };
        assert_eq!(parts(&ask(8), 1_000_000).unwrap().len(), 8);
        assert_eq!(parts(&ask(9), 1_000_000), None);
        assert_eq!(parts(&format!("bytes={}", "0-,".repeat(10_000)), 1000), None);
    }
}
