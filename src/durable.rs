//! Files that survive a crash: it leaves the old file or the new one, and nothing in between (N27).
//!
//! What is written here is for the daemon's user alone, and on disk when the call returns. Who writes what, and what a failure
//! means, is the caller's business.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use crate::model::state::Durability;

/// Makes a folder where it is missing, and those above it, for the daemon's user alone (mode 0700).
///
/// # Errors
/// From the disk.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Replaces `folder/name` by a file of mode 0600: written beside it, synced, renamed over it; then the folder is synced.
///
/// # Errors
/// When the old file is still the one that counts.
pub fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<Durability> {
    replace_with(folder, name, bytes, sync_folder)
}

/// [`replace`], with another way to sync the folder: a test's, that fails.
///
/// # Errors
/// When the old file is still the one that counts.
pub fn replace_with(
    folder: &Path,
    name: &str,
    bytes: &[u8],
    sync: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<Durability> {
    put_in_place(folder, name, |temporary| write_new(temporary, bytes, 0o600), sync)
}

/// Replaces `folder/name` as [`replace`] does, by a file of this mode, user and group; `None` leaves them to who writes.
///
/// # Errors
/// When the old file is still the one that counts: also where the new one may not be given to that user or group.
pub fn replace_as(
    folder: &Path,
    name: &str,
    bytes: &[u8],
    mode: u32,
    (owner, group): (Option<u32>, Option<u32>),
) -> io::Result<Durability> {
    let write = |temporary: &Path| {
        // Given away before anybody else may open it.
        write_new(temporary, bytes, 0o600)?;
        chown(temporary, owner, group)?;
        fs::set_permissions(temporary, fs::Permissions::from_mode(mode))
    };
    put_in_place(folder, name, write, sync_folder)
}

fn put_in_place(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&Path) -> io::Result<()>,
    sync: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<Durability> {
    let temporary = folder.join(format!(".{name}.new"));
    // What a crash left is no obstacle.
    let _ = fs::remove_file(&temporary);
    let written = write(&temporary).and_then(|()| fs::rename(&temporary, folder.join(name)));
    if let Err(error) = written {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(match sync(folder) {
        Ok(()) => Durability::Durable,
        Err(error) => Durability::Uncertain(format!("`{}` could not be synced: {error}", folder.display())),
    })
}

/// Writes a file that did not exist, with exactly this mode, and waits until it is on disk.
///
/// # Errors
/// From the disk, or because there is such a file.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    // The umask may have taken bits away; a key never has more than `mode`, not even for a moment.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Waits until a folder's entries are on disk, so that a rename in it survives a power cut.
///
/// # Errors
/// From the disk.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn n27_a_file_is_replaced_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let read = || fs::read_to_string(folder.path().join("f")).unwrap();
        let done = replace(folder.path(), "f", b"one").unwrap();
        assert_eq!((done, read().as_str()), (Durability::Durable, "one"));
        // A folder stands where the file should go: the rename fails, and leaves no trace.
        fs::create_dir_all(folder.path().join("g/x")).unwrap();
        assert!(replace(folder.path(), "g", b"two").is_err());
        let names = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        assert!(names.into_iter().all(|name| name == "f" || name == "g"));
        // What was left by a crash is no obstacle.
        fs::write(folder.path().join(".f.new"), "torn").unwrap();
        replace(folder.path(), "f", b"three").unwrap();
        assert_eq!(read(), "three");
    }

    #[test]
    fn n27_a_folder_that_cannot_be_synced_leaves_the_new_file_and_a_doubt() {
        let folder = tempfile::tempdir().unwrap();
        let failing = |_: &Path| Err(io::Error::from(io::ErrorKind::StorageFull));
        let done = replace_with(folder.path(), "f", b"new", failing).unwrap();
        assert!(
            matches!(&done, Durability::Uncertain(why) if why.contains("could not be synced")),
            "{done:?}"
        );
        assert_eq!(fs::read(folder.path().join("f")).unwrap(), b"new");
    }

    #[test]
    fn a_file_is_replaced_with_the_mode_that_it_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let owner = fs::metadata(folder.path()).unwrap().uid();
        for mode in [0o640, 0o400, 0o600] {
            replace_as(folder.path(), "f", b"text", mode, (Some(owner), None)).unwrap();
            let metadata = fs::metadata(folder.path().join("f")).unwrap();
            assert_eq!((metadata.mode() & 0o7777, metadata.uid()), (mode, owner));
        }
    }

    #[test]
    fn e35_what_is_written_is_for_one_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        private_folder(&path).unwrap();
        replace(&path, "f", b"secret").unwrap();
        assert_eq!((mode(&path), mode(&path.join("f"))), (0o700, 0o600));
        private_folder(&path).unwrap();
    }
}
