//! The state folder: made for the daemon's user alone, and held by one daemon at a time.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};

use crate::control::fault::Fault;
use crate::durable;

/// For `open`: a link is not followed.
const NO_LINK: i32 = OFlags::NOFOLLOW.bits().cast_signed();
/// The file whose lock is the folder's.
const LOCK: &str = "lock";

/// The folder, held. Dropping it lets the next daemon in.
#[derive(Debug)]
pub(in crate::control) struct StateDir {
    path: PathBuf,
    lock: File,
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
        durable::private_folder(path).map_err(unusable)?;
        let mut options = OpenOptions::new();
        // Root may open it too, in a folder of the daemon's user, and follows no link there.
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let options = options.custom_flags(NO_LINK);
        let mut lock = options.open(path.join(LOCK)).map_err(unusable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(held(path, &mut lock)),
            Err(error) => return Err(unusable(error.into())),
        }
        let folder = Self {
            path: path.into(),
            lock,
        };
        folder.sign();
        Ok(folder)
    }

    /// Goes on with the lock of the process before this one: it is held without a gap, by both until one of them ends.
    ///
    /// # Errors
    /// When the lock is of another folder.
    pub(in crate::control) fn inherit(path: &Path, lock: OwnedFd) -> Result<Self, Fault> {
        let lock = File::from(lock);
        let of = |file: io::Result<Metadata>| file.map(|file| (file.dev(), file.ino())).ok();
        let (held, wanted) = (of(lock.metadata()), of(fs::metadata(path.join(LOCK))));
        if held.is_none() || held != wanted {
            return Err(Fault::new(format!(
                "`{}` is not the state folder of the process that is to be replaced",
                path.display()
            ))
            .hint("another `state_dir` takes a restart"));
        }
        Ok(Self {
            path: path.into(),
            lock,
        })
    }

    /// Who holds a folder just now, in words; `None` when nobody does, or there is no such folder.
    pub(in crate::control) fn holder(path: &Path) -> Option<String> {
        let mut options = OpenOptions::new();
        let mut lock = options.read(true).custom_flags(NO_LINK).open(path.join(LOCK)).ok()?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(rustix::io::Errno::WOULDBLOCK) => Some(who(&mut lock)),
            Ok(()) | Err(_) => None,
        }
    }

    /// This process alone holds it now: its number is what a third one is told.
    pub(in crate::control) fn sign(&self) {
        // Only for the message of another daemon that tries.
        let written = format!("{}\n", std::process::id());
        let _ = self
            .lock
            .set_len(0)
            .and_then(|()| self.lock.write_all_at(written.as_bytes(), 0));
    }

    /// The lock, for the process that comes after this one.
    pub(in crate::control) fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// Where it is.
    #[must_use]
    pub(in crate::control) fn path(&self) -> &Path {
        &self.path
    }
}

fn held(path: &Path, lock: &mut File) -> Fault {
    Fault::new(format!("{} uses the state folder `{}`", who(lock), path.display()))
        .hint("stop it first, or give this one a `state_dir` of its own in `[server]`")
}

/// Who has written into a lock.
fn who(lock: &mut File) -> String {
    let mut holder = String::new();
    let _ = lock.read_to_string(&mut holder);
    match holder.trim().parse::<u32>() {
        Ok(pid) => format!("another daemon (process {pid})"),
        Err(_) => "another daemon".into(),
    }
}

#[cfg(test)]
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
}
