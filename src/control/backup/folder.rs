//! A folder that is worked in by names alone. No link in it is followed: root may put back what belongs to the daemon's user, who
//! could otherwise lead it anywhere.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::owner::Owner;

/// What may be given to what is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    /// Bits of permission.
    pub mode: u32,
    /// `None` leaves it to who writes.
    pub owner: Option<Owner>,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder; links on the way to it are followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let fd = rustix::fs::open(
            path,
            OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(Self { fd, path: path.into() })
    }

    /// Where it is, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in it.
    pub(super) fn child(&self, name: &str) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self {
            fd: openat(&self.fd, name, flags, Mode::empty())?,
            path: self.path.join(name),
        })
    }

    /// A folder in it, made where it is missing.
    pub(super) fn make(&self, name: &str, given: Given) -> io::Result<Self> {
        match mkdirat(&self.fd, name, Mode::RWXU) {
            Err(Errno::EXIST) => self.child(name),
            Err(error) => Err(error.into()),
            Ok(()) => {
                let made = self.child(name)?;
                give(&File::from(made.fd.try_clone()?), given)?;
                self.sync()?;
                Ok(made)
            }
        }
    }

    /// What is in it, in order.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd)? {
            // What is no UTF-8 is nothing of ours.
            if let Ok(name) = entry?.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// How something in it stands, a link as a link; `None` when there is no such name.
    pub(super) fn look(&self, name: &str) -> io::Result<Option<Stat>> {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a file of at most so many bytes, and how it stood when it was opened.
    pub(super) fn read(&self, name: &str, limit: u64) -> io::Result<(Vec<u8>, Stat)> {
        // Opening a pipe would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        read_file(File::from(openat(&self.fd, name, flags, Mode::empty())?), limit)
    }

    /// Writes a file that is not there yet, and waits until it is on disk.
    pub(super) fn write_new(&self, name: &str, bytes: &[u8], given: Given) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR)?);
        file.write_all(bytes)?;
        // Nobody else may open it before it is whole.
        give(&file, given)?;
        file.sync_all()
    }

    /// Moves something to a name in a folder of the same file system.
    pub(super) fn rename(&self, name: &str, to: &Self, new_name: &str) -> io::Result<()> {
        Ok(renameat(&self.fd, name, &to.fd, new_name)?)
    }

    /// Removes something with all that is in it; nothing where there is nothing.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        let child = self.child(name)?;
        for name in child.names()? {
            child.remove(&name)?;
        }
        Ok(unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// Gives a file in it to its owner.
    pub(super) fn give(&self, name: &str, given: Given) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        give(&File::from(openat(&self.fd, name, flags, Mode::empty())?), given)
    }

    /// Whose it is.
    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.fd)?)
    }

    /// Waits until its entries are on disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.fd)?)
    }
}

/// Reads an open file of at most so many bytes, and how it stands.
pub(super) fn read_file(file: File, limit: u64) -> io::Result<(Vec<u8>, Stat)> {
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {} MiB", limit >> 20),
        ));
    }
    Ok((bytes, stat))
}

/// Why something failed, in the house's style; `io::Error` prints `No such file or directory (os error 2)`.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// The owner comes first: a change of it may take bits away.
fn give(file: &File, given: Given) -> io::Result<()> {
    if let Some(Owner { user, group }) = given.owner {
        fchown(file, Some(user), Some(group))?;
    }
    file.set_permissions(Permissions::from_mode(given.mode))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "what a test writes need not survive a crash")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const GIVEN: Given = Given {
        mode: 0o600,
        owner: None,
    };

    #[test]
    fn no_link_in_it_is_followed() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::create_dir(outer.path().join("other")).unwrap();
        fs::write(outer.path().join("other/secret"), "secret").unwrap();
        symlink("../other", inner.join("folder")).unwrap();
        symlink("../other/secret", inner.join("file")).unwrap();
        let folder = Folder::open(&inner).unwrap();
        assert!(folder.child("folder").is_err());
        assert!(folder.make("folder", GIVEN).is_err());
        assert!(folder.read("file", 10).is_err());
        assert!(folder.write_new("file", b"x", GIVEN).is_err());
        assert!(folder.give("file", GIVEN).is_err());
        folder.remove("folder").unwrap();
        folder.remove("file").unwrap();
        assert_eq!(fs::read_to_string(outer.path().join("other/secret")).unwrap(), "secret");
        assert_eq!(folder.names().unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_is_written_has_its_mode_and_what_is_removed_is_gone_with_all_that_is_in_it() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path()).unwrap();
        let made = folder
            .make(
                "a",
                Given {
                    mode: 0o750,
                    owner: None,
                },
            )
            .unwrap();
        made.make("b", GIVEN).unwrap();
        made.write_new(
            "f",
            b"text",
            Given {
                mode: 0o640,
                owner: None,
            },
        )
        .unwrap();
        let mode = |path: &str| fs::metadata(outer.path().join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("a"), mode("a/f")), (0o750, 0o640));
        assert_eq!(made.read("f", 4).unwrap().0, b"text");
        assert_eq!(made.read("f", 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        made.rename("f", &folder, "g").unwrap();
        assert!(folder.look("g").unwrap().is_some() && made.look("f").unwrap().is_none());
        folder.remove("a").unwrap();
        folder.remove("a").unwrap();
        assert_eq!(folder.names().unwrap(), ["g"]);
    }
}
