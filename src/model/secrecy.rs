//! Who may read and write a file with a secret, a key, a password, a URL that opens something, and what is said of one that is open.
//!
//! The file may belong to root and be read by the group of the daemon's user, as the package sets it up: read by the group is no
//! fault, and a hint never leads to a mode under which the daemon could not read it.

use std::fmt::Display;
use std::path::Path;

/// What is wrong with a file that is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What is wrong.
    pub words: String,
    /// What to do about it.
    pub hint: String,
}

/// Complains of a mode under which others get at `what`, which is in the file; `shown` is how the reader knows it.
#[must_use]
pub fn complaint(mode: u32, what: &str, shown: &dyn Display, path: &Path) -> Option<Complaint> {
    let mode = mode & 0o777;
    is_open(mode).then(|| Complaint {
        words: format!("mode {mode:04o} of `{shown}` lets others read or write {what}"),
        hint: hint(&path.display()),
    })
}

/// Whether a mode lets others than the owner and the group read it, or others than the owner write it.
fn is_open(mode: u32) -> bool {
    mode & 0o027 != 0
}

/// What to do about a file that is open. The group comes first: a file of root's without it would be lost to the daemon.
fn hint(path: &dyn Display) -> String {
    format!(
        "give it to the group of the user that `proxyd` runs as (`chgrp greengate {path}`), and then \
         `chmod 640 {path}`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e35_the_group_may_read_and_nobody_else_may_anything() {
        for mode in [0o400, 0o600, 0o640, 0o440, 0o700, 0o750, 0o100_640] {
            assert!(!is_open(mode), "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o602, 0o601, 0o660, 0o620, 0o666, 0o777] {
            assert!(is_open(mode), "{mode:o}");
        }
    }

    #[test]
    fn a_hint_takes_the_file_from_nobody_who_has_to_read_it() {
        let hint = hint(&"/etc/greengate/site.key");
        let (group, mode) = (hint.find("chgrp greengate"), hint.find("chmod 640"));
        assert!(group.is_some() && group < mode, "{hint}");
    }
}
