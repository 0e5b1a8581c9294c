//! The state folder: made for the daemon's user alone, held by one daemon at a time, and the way in which a file in it is
//! replaced so that a crash leaves the old one or the new one and nothing in between (N27).

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::control::fault::Fault;
use crate::model::state::Durability;

/// The folder, held. Dropping it lets the next daemon in.
#[derive(Debug)]
pub(in crate::control) struct StateDir {
    path: PathBuf,
    _lock: File,
}

impl StateDir {
    /// Makes the folder where it is missing (mode 0700) and takes its lock.
    ///
    /// # Errors
    /// When it cannot be made or written to, or when another daemon holds it.
    pub(in crate::control) fn open(path: &Path) -> Result<Self, Fault> {
        let unusable = |error: io::Error| {
            Fault::new(format!("the state folder `{}` cannot be used: {error}", path.display())).hint(
                "it has to belong to the user that `proxyd` runs as; `state_dir` in `[server]` names another folder",
            )
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(unusable)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(path.join("lock")).map_err(unusable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(held(path, &mut lock)),
            Err(error) => return Err(unusable(error.into())),
        }
        // Only for the message of the next one who tries.
        let _ = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
        Ok(Self {
            path: path.into(),
            _lock: lock,
        })
    }

    /// Where it is.
    #[must_use]
    pub(in crate::control) fn path(&self) -> &Path {
        &self.path
    }
}

fn held(path: &Path, lock: &mut File) -> Fault {
    let mut holder = String::new();
    let _ = lock.read_to_string(&mut holder);
    let holder = match holder.trim().parse::<u32>() {
        Ok(pid) => format!("another daemon (process {pid})"),
        Err(_) => "another daemon".into(),
    };
    Fault::new(format!("{holder} uses the state folder `{}`", path.display()))
        .hint("stop it first, or give this one a `state_dir` of its own in `[server]`")
}

/// Replaces `folder/name`: a temporary file beside it, written and synced, renamed over it; then the folder is synced by `sync`.
///
/// # Errors
/// When the old file is still the one that counts.
pub(in crate::control) fn replace(
    folder: &Path,
    name: &str,
    bytes: &[u8],
    sync: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<Durability> {
    let temporary = folder.join(format!(".{name}.new"));
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, folder.join(name))
    };
    if let Err(error) = write() {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(match sync(folder) {
        Ok(()) => Durability::Durable,
        Err(error) => Durability::Uncertain(format!("`{}` could not be synced: {error}", folder.display())),
    })
}

/// Makes a rename in a folder survive a power cut.
///
/// # Errors
/// From the disk.
pub(in crate::control) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn two_daemons_cannot_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let first = StateDir::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let fault = StateDir::open(&path).unwrap_err();
        assert!(
            fault.reason.contains(&format!("process {}", std::process::id())),
            "{fault}"
        );
        drop(first);
        StateDir::open(&path).unwrap();
    }

    #[test]
    fn a_folder_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("state")).unwrap();
        let fault = StateDir::open(&folder.path().join("state")).unwrap_err();
        assert!(fault.reason.contains("cannot be used"), "{fault}");
        assert!(fault.hint.is_some());
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let read = || fs::read_to_string(folder.path().join("f")).unwrap();
        let done = replace(folder.path(), "f", b"one", sync_folder).unwrap();
        assert_eq!((done, read().as_str()), (Durability::Durable, "one"));
        // A folder stands where the file should go: the rename fails, and leaves no trace.
        fs::create_dir_all(folder.path().join("g/x")).unwrap();
        assert!(replace(folder.path(), "g", b"two", sync_folder).is_err());
        let names = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().all(|name| name == "f" || name == "g"));
        // What was left by a crash is no obstacle.
        fs::write(folder.path().join(".f.new"), "torn").unwrap();
        replace(folder.path(), "f", b"three", sync_folder).unwrap();
        assert_eq!(read(), "three");
    }

    #[test]
    fn a_folder_that_cannot_be_synced_leaves_the_new_file_and_a_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let failing = |_: &Path| Err(io::Error::from(io::ErrorKind::StorageFull));
        let done = replace(folder.path(), "f", b"new", failing).unwrap();
        assert!(
            matches!(&done, Durability::Uncertain(why) if why.contains("could not be synced")),
            "{done:?}"
        );
        assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"new");
    }
}
