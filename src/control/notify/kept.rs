//! What survives a restart: messages that wait, and what was told already. One process at a time has it, also while another one takes
//! over; that process sends.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use serde::{Deserialize, Serialize};

use crate::durable;
use crate::model::notify::{Absences, Endings, Outbox};

const FILE: &str = "notify.json";
const LOCK: &str = "notify.lock";
/// Messages of a process that was replaced, for the one that sends now.
const LATE: &str = "notify.late";
/// An outbox that is full in every direction is smaller.
const MOST: u64 = 64 << 20;
/// Messages that a replaced process may leave.
const MOST_LATE: usize = 256;

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(default)]
    pub(super) outbox: Outbox,
    #[serde(default)]
    pub(super) absences: Absences,
    #[serde(default)]
    pub(super) endings: Endings,
}

/// The place of it, held. Dropping it lets another process send.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes it; `None` while another process has it.
    ///
    /// # Errors
    /// From the disk.
    pub(super) fn take(folder: &Path) -> io::Result<Option<Self>> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(folder.join(LOCK))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self {
                folder: folder.to_owned(),
                _lock: lock,
            })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what was kept. One that cannot be read is put aside.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn load(&self) -> Result<Kept, String> {
        let path = self.folder.join(FILE);
        let read = fs::metadata(&path).and_then(|metadata| match metadata.len() {
            0..=MOST => fs::read(&path),
            _ => Err(io::Error::other("it is too large")),
        });
        let read = match read {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => Err(error.to_string()),
        };
        read.inspect_err(|_| {
            // Who wants to know more finds it there; the next one takes its place.
            let _ = fs::rename(&path, self.folder.join("notify.broken.json"));
        })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Writes it, and waits until it is on disk.
///
/// # Errors
/// From the disk.
pub(super) fn save(folder: &Path, bytes: &[u8]) -> io::Result<()> {
    durable::replace(folder, FILE, bytes).map(drop)
}

/// Leaves a message to the process that sends now, as JSON.
///
/// # Errors
/// From the disk, or because there are too many.
pub(super) fn leave(folder: &Path, id: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = folder.join(LATE);
    durable::private_folder(&folder)?;
    if fs::read_dir(&folder)?.count() >= MOST_LATE {
        return Err(io::Error::other("too many messages wait there"));
    }
    durable::replace(&folder, id, bytes).map(drop)
}

/// Takes what another process has left, in its order of time.
pub(super) fn found(folder: &Path) -> Vec<Vec<u8>> {
    let folder = folder.join(LATE);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.path());
    // One that begins with a dot is being written.
    let whole = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| !name.as_encoded_bytes().starts_with(b"."))
    };
    let mut paths: Vec<PathBuf> = names.filter(whole).take(MOST_LATE).collect();
    paths.sort_by_cached_key(|path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
    let taken = paths.iter().filter_map(|path| {
        let bytes = fs::read(path).ok();
        fs::remove_file(path).ok().and(bytes)
    });
    taken.collect()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use super::*;
    use crate::model::backup::is_passing;

    /// A backup is of what a daemon keeps, and messages are not.
    fn no_backup_wonders_at(folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(is_passing(&name), "{name}");
        }
    }

    #[test]
    fn one_process_at_a_time_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = Place::take(folder.path()).unwrap().unwrap();
        assert!(Place::take(folder.path()).unwrap().is_none());
        drop(first);
        assert!(Place::take(folder.path()).unwrap().is_some());
        no_backup_wonders_at(folder.path());
    }

    #[test]
    fn what_cannot_be_read_is_put_aside_and_keeps_nobody_from_being_told() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::take(folder.path()).unwrap().unwrap();
        assert_eq!(place.load(), Ok(Kept::default()));
        std::fs::write(folder.path().join(FILE), "{torn").unwrap();
        assert!(place.load().is_err());
        assert_eq!(place.load(), Ok(Kept::default()));
        assert!(folder.path().join("notify.broken.json").exists());
        save(folder.path(), b"{}").unwrap();
        assert_eq!(place.load(), Ok(Kept::default()));
        no_backup_wonders_at(folder.path());
    }

    #[test]
    fn what_a_replaced_process_leaves_is_found_once_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        assert!(found(folder.path()).is_empty());
        leave(folder.path(), "msg_1", b"one").unwrap();
        leave(folder.path(), "msg_2", b"two").unwrap();
        let mut taken = found(folder.path());
        taken.sort();
        assert_eq!(taken, [b"one", b"two"]);
        assert!(found(folder.path()).is_empty());
        for id in 0..MOST_LATE {
            std::fs::write(folder.path().join(LATE).join(id.to_string()), "x").unwrap();
        }
        assert!(leave(folder.path(), "more", b"x").is_err());
        no_backup_wonders_at(folder.path());
    }
}
