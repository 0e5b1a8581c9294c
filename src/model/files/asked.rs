//! What a client asks for beside the path, and what of a file is sent for it: conditions in the order of RFC 9110 §13.2.2, then parts.

use smallvec::SmallVec;

use super::conditions::{Comparison, Lines, Once};
use super::ranges::{Parts, Ranges};
use super::version::{Moment, Version};
use crate::model::compress::{Accepted, Encoding};

/// The forms of a file that may lie beside it, the smallest first.
const BESIDE: [Encoding; 3] = [Encoding::Brotli, Encoding::Zstd, Encoding::Gzip];

/// The fields of a request that decide what of a file is sent.
#[derive(Debug, Default)]
pub struct Asked<'h> {
    if_match: Option<Lines<'h>>,
    if_none_match: Option<Lines<'h>>,
    if_modified_since: Once<'h>,
    if_unmodified_since: Once<'h>,
    if_range: Once<'h>,
    range: Once<'h>,
    accepted: Accepted,
}

/// What of a file is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it.
    Whole,
    /// These parts, at least one (206).
    Parts(Parts),
    /// Nothing: the client has it (304).
    NotModified,
    /// Nothing: it is not the version that the client has in mind (412).
    Failed,
    /// Nothing: it has none of the parts that were asked for (416).
    Unsatisfiable,
}

impl<'h> Asked<'h> {
    /// Takes note of a field.
    pub fn note(&mut self, name: &[u8], value: &'h [u8]) {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            5 if is(b"range") => self.range.note(value),
            8 if is(b"if-match") => self.if_match.get_or_insert_default().push(value),
            8 if is(b"if-range") => self.if_range.note(value),
            13 if is(b"if-none-match") => self.if_none_match.get_or_insert_default().push(value),
            15 if is(b"accept-encoding") => self.accepted.note(value),
            17 if is(b"if-modified-since") => self.if_modified_since.note(value),
            19 if is(b"if-unmodified-since") => self.if_unmodified_since.note(value),
            _ => {}
        }
    }

    /// The encoded forms that the client would rather have than the file itself, the best first.
    #[must_use]
    pub fn encodings(&self) -> SmallVec<[Encoding; 3]> {
        self.accepted.ranked(&BESIDE)
    }

    /// What of this version of a file is sent for GET, or said for HEAD, which has no parts (RFC 9110 §14.2). `tag` is its own;
    /// `since` is when its folder took the place of another, if it did.
    #[must_use]
    pub fn verdict(&self, is_get: bool, version: &Version, tag: &str, since: Option<Moment>) -> Verdict {
        match &self.if_match {
            Some(lines) if !Comparison::Strong.finds(tag, lines) => return Verdict::Failed,
            Some(_) => {}
            None => {
                let date = self.if_unmodified_since.date();
                if date.is_some_and(|date| version.modified.seconds > date) {
                    return Verdict::Failed;
                }
            }
        }
        let has_it = match &self.if_none_match {
            Some(lines) => Comparison::Weak.finds(tag, lines),
            None => self
                .if_modified_since
                .date()
                .is_some_and(|date| is_current(date, version, since)),
        };
        if has_it {
            return Verdict::NotModified;
        }
        let Some(range) = self.range.value().filter(|_| is_get && self.has_same(tag)) else {
            return Verdict::Whole;
        };
        match Ranges::of(range, version.size) {
            Ranges::Whole => Verdict::Whole,
            Ranges::Parts(parts) => Verdict::Parts(parts),
            Ranges::Unsatisfiable => Verdict::Unsatisfiable,
        }
    }

    /// Whether the client has what an app has called by this tag and this date (RFC 9110 §13.2.2). The date has to be the same text.
    #[must_use]
    pub fn has(&self, tag: Option<&str>, date: Option<&str>) -> bool {
        match &self.if_none_match {
            Some(lines) => Comparison::Weak.finds(tag.unwrap_or_default(), lines),
            None => date.is_some_and(|date| self.if_modified_since.value() == Some(date.as_bytes())),
        }
    }

    /// Whether parts fit to what the client has already. Of a date nobody can tell that: who has our tag may not send one
    /// (RFC 9110 §13.1.5).
    fn has_same(&self, tag: &str) -> bool {
        match self.if_range {
            Once::Never => true,
            Once::One(value) => Comparison::Strong.is_one(tag.as_bytes(), value.trim_ascii()),
            Once::Often => false,
        }
    }
}

/// Whether what a client got with this date is this version. The file that stood here before, or stands at this name in the folder
/// that was served before, may be newer: then a later date says nothing, unless it is later than that change, too.
fn is_current(date: i64, version: &Version, since: Option<Moment>) -> bool {
    let modified = version.modified.seconds;
    let is_later = |moment: Moment| date > moment.seconds;
    date == modified || (date > modified && is_later(version.changed) && since.is_none_or(is_later))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Version = Version {
        device: 1,
        inode: 2,
        size: 1000,
        modified: Moment {
            seconds: 784_111_777,
            nanos: 5,
        },
        changed: Moment {
            seconds: 784_111_800,
            nanos: 7,
        },
    };
    const TAG: &str = "\"a\"";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 09:49:37 GMT";

    fn verdict_of(is_get: bool, since: Option<Moment>, fields: &[(&str, &str)]) -> Verdict {
        let mut asked = Asked::default();
        fields
            .iter()
            .for_each(|(name, value)| asked.note(name.as_bytes(), value.as_bytes()));
        asked.verdict(is_get, &FILE, TAG, since)
    }

    fn verdict(fields: &[(&str, &str)]) -> Verdict {
        verdict_of(true, None, fields)
    }

    fn part(start: u64, end: u64) -> Verdict {
        Verdict::Parts(std::iter::once(start..end).collect())
    }

    #[test]
    fn each_condition_alone_does_what_it_says() {
        for (name, value, expected) in [
            ("If-Match", TAG, Verdict::Whole),
            ("If-Match", "*", Verdict::Whole),
            ("If-Match", "\"b\"", Verdict::Failed),
            ("If-Match", "W/\"a\"", Verdict::Failed),
            ("If-Match", "", Verdict::Failed),
            ("If-None-Match", TAG, Verdict::NotModified),
            ("If-None-Match", "W/\"a\"", Verdict::NotModified),
            ("If-None-Match", "*", Verdict::NotModified),
            ("If-None-Match", "\"b\"", Verdict::Whole),
            ("If-Modified-Since", SAME, Verdict::NotModified),
            ("If-Modified-Since", AFTER, Verdict::NotModified),
            ("If-Modified-Since", BEFORE, Verdict::Whole),
            ("If-Modified-Since", "soon", Verdict::Whole),
            ("If-Unmodified-Since", SAME, Verdict::Whole),
            ("If-Unmodified-Since", AFTER, Verdict::Whole),
            ("If-Unmodified-Since", BEFORE, Verdict::Failed),
            ("If-Unmodified-Since", "soon", Verdict::Whole),
            ("if-none-match", TAG, Verdict::NotModified),
        ] {
            for is_get in [true, false] {
                assert_eq!(verdict_of(is_get, None, &[(name, value)]), expected, "{name}: {value}");
            }
        }
    }

    #[test]
    fn what_an_app_has_said_is_compared_as_it_was_said_and_by_its_tag_first() {
        let has = |fields: &[(&str, &str)], tag, date| {
            let mut asked = Asked::default();
            fields
                .iter()
                .for_each(|(name, value)| asked.note(name.as_bytes(), value.as_bytes()));
            asked.has(tag, date)
        };
        let (by_tag, by_date) = (("If-None-Match", "\"b\", W/\"a,c\""), ("If-Modified-Since", SAME));
        for (fields, tag, date, expected) in [
            (&[by_tag][..], Some("\"a,c\""), None, true),
            (&[by_tag], Some("\"a\""), None, false),
            (&[by_tag], None, Some(SAME), false),
            (&[by_tag, by_date], Some("\"d\""), Some(SAME), false),
            (&[("If-None-Match", "*")], None, None, true),
            (&[by_date], Some(TAG), Some(SAME), true),
            (&[by_date], Some(TAG), Some(AFTER), false),
            (&[by_date], None, None, false),
            (&[], Some(TAG), Some(SAME), false),
        ] {
            assert_eq!(has(fields, tag, date), expected, "{fields:?} {tag:?} {date:?}");
        }
    }

    #[test]
    fn conditions_come_in_the_order_of_the_rfc_and_tags_before_dates() {
        for (fields, expected) in [
            (&[("If-Match", "\"b\""), ("If-None-Match", TAG)][..], Verdict::Failed),
            (&[("If-Match", TAG), ("If-None-Match", TAG)], Verdict::NotModified),
            (&[("If-Match", TAG), ("If-Unmodified-Since", BEFORE)], Verdict::Whole),
            (
                &[("If-None-Match", "\"b\""), ("If-Modified-Since", SAME)],
                Verdict::Whole,
            ),
            (
                &[("If-None-Match", TAG), ("If-Modified-Since", BEFORE)],
                Verdict::NotModified,
            ),
            (
                &[("If-Unmodified-Since", BEFORE), ("If-Modified-Since", SAME)],
                Verdict::Failed,
            ),
            (&[("If-None-Match", TAG), ("Range", "bytes=0-0")], Verdict::NotModified),
            (&[("If-Match", "\"b\""), ("Range", "bytes=0-0")], Verdict::Failed),
            (&[("If-None-Match", "\"b\""), ("Range", "bytes=0-0")], part(0, 1)),
            (
                &[("If-None-Match", "\"b\""), ("If-None-Match", TAG)],
                Verdict::NotModified,
            ),
            (
                &[("If-Modified-Since", SAME), ("If-Modified-Since", SAME)],
                Verdict::Whole,
            ),
        ] {
            assert_eq!(verdict(fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn parts_are_sent_of_the_version_that_the_client_has_and_of_get_alone() {
        let range = ("Range", "bytes=1-2");
        for (fields, expected) in [
            (&[range][..], part(1, 3)),
            (&[range, ("If-Range", TAG)], part(1, 3)),
            (&[range, ("If-Range", "\"b\"")], Verdict::Whole),
            (&[range, ("If-Range", "W/\"a\"")], Verdict::Whole),
            (&[range, ("If-Range", "*")], Verdict::Whole),
            (&[range, ("If-Range", SAME)], Verdict::Whole),
            (&[range, ("If-Range", AFTER)], Verdict::Whole),
            (&[range, ("If-Range", TAG), ("If-Range", TAG)], Verdict::Whole),
            (&[range, range], Verdict::Whole),
            (&[("If-Range", TAG)], Verdict::Whole),
            (&[("Range", "bytes=1000-")], Verdict::Unsatisfiable),
            (&[("Range", "bytes=1000-"), ("If-Range", "\"b\"")], Verdict::Whole),
        ] {
            assert_eq!(verdict(fields), expected, "{fields:?}");
        }
        assert_eq!(verdict_of(false, None, &[range]), Verdict::Whole);
    }

    #[test]
    fn a_date_from_before_the_folder_took_anothers_place_is_believed_only_if_it_is_the_files_own() {
        let later = Some(Moment {
            seconds: 800_000_000,
            nanos: 0,
        });
        let ask = |since, date| verdict_of(true, since, &[("If-Modified-Since", date)]);
        assert_eq!(ask(later, AFTER), Verdict::Whole);
        assert_eq!(ask(later, SAME), Verdict::NotModified);
        assert_eq!(ask(later, "Sun, 06 Nov 2044 08:49:37 GMT"), Verdict::NotModified);
        // Between the file's own time and the moment when it came here, another may have stood in its place.
        assert_eq!(ask(None, "Sun, 06 Nov 1994 08:49:50 GMT"), Verdict::Whole);
    }

    #[test]
    fn encoded_forms_are_taken_as_the_client_likes_them() {
        let encodings = |value: &str| {
            let mut asked = Asked::default();
            asked.note(b"Accept-Encoding", value.as_bytes());
            asked
                .encodings()
                .iter()
                .map(|encoding| encoding.name())
                .collect::<Vec<_>>()
        };
        assert_eq!(encodings("gzip, deflate, br, zstd"), ["br", "zstd", "gzip"]);
        assert_eq!(encodings("gzip, br;q=0.5"), ["gzip", "br"]);
        assert_eq!(encodings("gzip;q=0, *"), ["br", "zstd"]);
        assert_eq!(encodings("identity, br;q=0.5"), [""; 0]);
        assert!(Asked::default().encodings().is_empty());
    }
}
