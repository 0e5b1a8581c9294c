//! The system's calls for a folder and the files below it: those that may wait, and those that answer from memory or not at all.
//!
//! Every name is resolved by the kernel, beneath the folder that was opened (`RESOLVE_BENEATH`): neither a link nor a race with one
//! that is exchanged at this moment leads out of it.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::{Errno, ReadWriteFlags};
use rustix::time::ClockId;

use crate::model::files::{Moment, Version};

/// Never out of the folder, nor through the links of `/proc` that lead to what other processes have open.
const WITHIN: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// Of a fifo or a device, opening waits for nobody; it is not served.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
/// How often a name is resolved again that was moved meanwhile, which the kernel tells from an escape no otherwise.
const RESOLVED_AGAIN: usize = 16;

/// What is known of the file system of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    /// It is memory: nothing waits.
    Memory,
    /// Told to, it answers from memory or refuses.
    Disk,
    /// Nobody knows what it waits for: a network, a process.
    Unknown,
}

/// Whether a call may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Haste {
    /// On a core's own thread, for a folder on this medium.
    OnCore(Medium),
    /// On a thread of the folder.
    None,
}

/// What a name leads to.
#[derive(Debug)]
pub(super) enum Entry {
    File(OwnedFd, Version),
    Folder,
    /// Nothing, or nothing that is served: it leads out, may not be read, or is no file.
    Nothing,
    /// It cannot be told without a wait.
    Unknown,
}

/// Opens a folder. May wait.
///
/// # Errors
/// The system's own; also where it is no folder.
pub(super) fn open_root(path: &Path) -> io::Result<(OwnedFd, Medium)> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    let medium = match rustix::fs::fstatfs(&root)?.f_type {
        // tmpfs, ramfs
        0x0102_1994 | 0x8584_58f6 => Medium::Memory,
        // ext2 to ext4, XFS, Btrfs, F2FS, and overlays of them
        0xef53 | 0x5846_5342 | 0x9123_683e | 0xf2f5_2010 | 0x794c_7630 => Medium::Disk,
        _ => Medium::Unknown,
    };
    Ok((root, medium))
}

/// What is now by the clock that files' times are taken from, which moves on with the kernel's ticks.
pub(super) fn clock() -> Moment {
    let now = rustix::time::clock_gettime(ClockId::RealtimeCoarse);
    Moment {
        seconds: now.tv_sec,
        nanos: u32::try_from(now.tv_nsec).unwrap_or_default(),
    }
}

/// Whether a folder is in no other any more: it was removed while it was open.
pub(super) fn is_removed(root: BorrowedFd<'_>) -> bool {
    rustix::fs::fstat(root).is_ok_and(|stat| stat.st_nlink == 0)
}

/// Opens what a name below a folder leads to.
///
/// # Errors
/// The file system's own, that are not about this name.
pub(super) fn look(root: BorrowedFd<'_>, name: &[u8], haste: Haste) -> io::Result<Entry> {
    let resolve = match haste {
        Haste::OnCore(Medium::Unknown) => return Ok(Entry::Unknown),
        // What is mounted below may be of another kind.
        Haste::OnCore(Medium::Memory) => WITHIN | ResolveFlags::NO_XDEV,
        Haste::OnCore(Medium::Disk) => WITHIN | ResolveFlags::NO_XDEV | ResolveFlags::CACHED,
        Haste::None => WITHIN,
    };
    for _ in 0..RESOLVED_AGAIN {
        return match rustix::fs::openat2(root, name, READ, Mode::empty(), resolve) {
            Ok(opened) => known(opened),
            // Of a kernel before 5.12, which cannot be told to answer from memory.
            Err(Errno::AGAIN | Errno::XDEV | Errno::INVAL) if haste != Haste::None => Ok(Entry::Unknown),
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(
                Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::NAMETOOLONG
                | Errno::XDEV
                | Errno::ACCESS
                | Errno::PERM
                | Errno::NXIO
                | Errno::NODEV
                | Errno::ILSEQ
                | Errno::INVAL,
            ) => Ok(Entry::Nothing),
            Err(error) => Err(error.into()),
        };
    }
    Ok(Entry::Nothing)
}

fn known(opened: OwnedFd) -> io::Result<Entry> {
    let stat = rustix::fs::fstat(&opened)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Entry::File(opened, version(&stat)),
        FileType::Directory => Entry::Folder,
        _ => Entry::Nothing,
    })
}

#[allow(clippy::useless_conversion, reason = "the fields have other types on other machines")]
fn version(stat: &Stat) -> Version {
    let moment = |seconds: i64, nanos: u64| Moment {
        seconds,
        nanos: u32::try_from(nanos).unwrap_or_default(),
    };
    Version {
        device: stat.st_dev.into(),
        inode: stat.st_ino.into(),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        modified: moment(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        changed: moment(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
    }
}

/// Reads from a place of a file; `None` when that cannot be done without a wait.
pub(super) fn read(file: BorrowedFd<'_>, at: u64, room: &mut [u8], haste: Haste) -> Option<io::Result<usize>> {
    let flags = match haste {
        Haste::OnCore(Medium::Unknown) => return None,
        Haste::OnCore(Medium::Disk) => ReadWriteFlags::NOWAIT,
        Haste::OnCore(Medium::Memory) | Haste::None => ReadWriteFlags::empty(),
    };
    loop {
        let read = rustix::io::preadv2(file.as_fd(), &mut [IoSliceMut::new(room)], at, flags);
        match read {
            Err(Errno::INTR) => {}
            // Not in memory, or a file system that cannot say so.
            Err(Errno::AGAIN | Errno::OPNOTSUPP) if haste != Haste::None => return None,
            read => return Some(read.map_err(Into::into)),
        }
    }
}
