//! What stands in the state folder, read without following a link.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat};

use super::archive::FILE;
use super::folder::Folder;
use crate::model::backup::{UNITS, belongs, is_passing};

/// One file, as it was read.
#[derive(Debug)]
pub(super) struct Taken {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Its owner, mode and times.
    pub stat: Stat,
    /// How the folder stands that it is in.
    pub folder: Stat,
}

/// What could not be read, and why.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// The path.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// What the daemon keeps.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Files that belong in a backup, by their path in the state folder.
    pub files: BTreeMap<String, Taken>,
    /// What else there is, and is nothing of the daemon's.
    pub strange: Vec<String>,
}

impl Kept {
    /// Reads everything.
    ///
    /// # Errors
    /// What could not be read first.
    pub(super) fn read(state_dir: &Path) -> Result<Self, Unreadable> {
        let unreadable = |error| Unreadable {
            path: state_dir.into(),
            error,
        };
        let mut kept = Self::default();
        let folder = Folder::open(state_dir).map_err(unreadable)?;
        for name in folder.names().map_err(unreadable)? {
            if UNITS.contains(&name.as_str()) {
                kept.add(&folder, &name, &name)?;
            } else if !is_passing(&name) {
                kept.strange.push(name);
            }
        }
        Ok(kept)
    }

    /// Adds what stands at a path: a file, or all that is in a folder.
    fn add(&mut self, folder: &Folder, name: &str, path: &str) -> Result<(), Unreadable> {
        let unreadable = |error| Unreadable {
            path: folder.path().join(name),
            error,
        };
        let Some(stat) = folder.look(name).map_err(unreadable)? else {
            return Ok(());
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if belongs(path) => {
                let (mut bytes, stat) = folder.read(name, FILE).map_err(unreadable)?;
                if is_journal(path) {
                    // An entry that is being written just now.
                    bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
                }
                let folder = folder.stat().map_err(unreadable)?;
                self.files.insert(path.into(), Taken { bytes, stat, folder });
            }
            FileType::Directory => {
                let child = folder.child(name).map_err(unreadable)?;
                for name in child.names().map_err(unreadable)? {
                    if !is_passing(&name) {
                        self.add(&child, &name, &format!("{path}/{name}"))?;
                    }
                }
            }
            _ => self.strange.push(path.into()),
        }
        Ok(())
    }
}

/// Whether a path in the state folder is of a file that only grows, and is then renamed.
pub(super) fn is_journal(path: &str) -> bool {
    path.starts_with("journal.")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_the_daemons_is_read_and_the_rest_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in ["certificates/a.com", "certificates/.a.com.new", "acme", "mine"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for path in [
            "state.json",
            "lock",
            "certificates/a.com/key.pem",
            "certificates/.a.com.new/key.pem",
            "acme/x/y/z",
        ] {
            let _ = fs::write(at(path), path);
        }
        fs::write(at("journal.jsonl"), "{}\n{\"torn").unwrap();
        fs::write(at("certificates/notes.txt"), "x").unwrap();
        symlink("/etc/passwd", at("certificates/a.com/cert.pem")).unwrap();
        symlink("/etc", at("ca")).unwrap();
        let kept = Kept::read(folder.path()).unwrap();
        let names: Vec<&str> = kept.files.keys().map(String::as_str).collect();
        assert_eq!(names, ["certificates/a.com/key.pem", "journal.jsonl", "state.json"]);
        assert_eq!(kept.files["journal.jsonl"].bytes, b"{}\n");
        assert_eq!(
            kept.strange,
            ["ca", "certificates/a.com/cert.pem", "certificates/notes.txt", "mine"]
        );
        assert!(Kept::read(&at("nowhere")).is_err());
    }
}
