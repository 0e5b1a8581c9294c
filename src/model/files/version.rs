//! One file as it was at one moment, and how it is told from every other.

use std::time::{SystemTime, UNIX_EPOCH};

/// The last second that an HTTP date can say, of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// A time of a file: seconds since 1970, and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// Below a second.
    pub nanos: u32,
}

impl Moment {
    /// The moment of a clock; 1970 for one that is before it.
    #[must_use]
    pub fn at(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: since.subsec_nanos(),
        }
    }
}

/// A file at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// The file system.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// When its content was written, as those say who may set it.
    pub modified: Moment,
    /// When anything of it was changed, as the system says.
    pub changed: Moment,
}

impl Version {
    /// `ETag`. Two files never have one strong tag: neither what has taken a file's place within one second, nor the file of another
    /// folder with the same size and times, because the system's own number and time of the file are in it. They are not shown. `now`
    /// is of the clock that files' times are of: while that has not moved on since the last change, the tag is weak.
    #[must_use]
    pub fn tag(&self, now: Moment) -> String {
        let mut identity = 0xcbf2_9ce4_8422_2325;
        for number in [
            self.device,
            self.inode,
            self.changed.seconds.cast_unsigned(),
            self.changed.nanos.into(),
        ] {
            identity = mixed(identity ^ number);
        }
        let weak = if self.is_settled(now) { "" } else { "W/" };
        let Moment { seconds, nanos } = self.modified;
        format!(
            "{weak}\"{:x}.{nanos:x}-{:x}-{identity:x}\"",
            seconds.cast_unsigned(),
            self.size
        )
    }

    /// The second that `Last-Modified` says; `None` where it is one to come, or none that can be said (RFC 9110 §8.8.2.1).
    #[must_use]
    pub fn last_modified(&self, now: Moment) -> Option<u64> {
        let latest = now.seconds.min(LAST_SECOND);
        let second = u64::try_from(self.modified.seconds).ok()?;
        (self.modified.seconds <= latest).then_some(second)
    }

    /// Whether a change from now on will show in its times.
    fn is_settled(&self, now: Moment) -> bool {
        now > self.changed
    }
}

/// Every bit of the number has its say in every bit of the result (splitmix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Version = Version {
        device: 1,
        inode: 2,
        size: 3,
        modified: Moment { seconds: 4, nanos: 5 },
        changed: Moment { seconds: 6, nanos: 7 },
    };

    fn after(seconds: i64) -> Moment {
        Moment { seconds, nanos: 7 }
    }

    #[test]
    fn files_that_differ_in_anything_have_different_tags() {
        let tag = FILE.tag(after(100));
        let moment = |seconds, nanos| Moment { seconds, nanos };
        for other in [
            Version { device: 2, ..FILE },
            Version { inode: 3, ..FILE },
            Version {
                device: 2,
                inode: 1,
                ..FILE
            },
            Version { size: 4, ..FILE },
            Version {
                modified: moment(4, 6),
                ..FILE
            },
            Version {
                modified: moment(5, 5),
                ..FILE
            },
            Version {
                changed: moment(6, 8),
                ..FILE
            },
            Version {
                changed: moment(7, 7),
                ..FILE
            },
            Version {
                changed: moment(7, 6),
                ..FILE
            },
        ] {
            assert_ne!(other.tag(after(100)), tag, "{other:?}");
        }
        assert_eq!(FILE.tag(after(200)), tag);
        assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 12);
    }

    #[test]
    fn a_file_that_has_just_changed_has_a_weak_tag() {
        assert!(FILE.tag(after(6)).starts_with("W/"));
        assert!(FILE.tag(after(5)).starts_with("W/"));
        assert!(!FILE.tag(after(7)).starts_with("W/"));
    }

    #[test]
    fn a_date_to_come_or_before_1970_is_not_said() {
        assert_eq!(FILE.last_modified(after(4)), Some(4));
        assert_eq!(FILE.last_modified(after(3)), None);
        let old = Version {
            modified: Moment { seconds: -1, nanos: 0 },
            ..FILE
        };
        assert_eq!(old.last_modified(after(4)), None);
        let far = Version {
            modified: Moment {
                seconds: i64::MAX,
                nanos: 0,
            },
            ..FILE
        };
        assert_eq!(far.last_modified(after(i64::MAX)), None);
        assert!(far.tag(after(1)).ends_with('"'));
    }
}
