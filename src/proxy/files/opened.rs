//! One open file. It is closed where that may wait: by its folder's threads, unless it surely does not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::disk::{self, Haste, Medium};
use super::errands::Errands;
use crate::model::files::Version;

/// To let go of a larger file that was removed meanwhile takes a disk some time.
const CLOSED_BY_CORE: u64 = 1024 * 1024;

/// One open file, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// `None` only while it is dropped.
    file: Option<OwnedFd>,
    pub(crate) version: Version,
    medium: Medium,
    errands: Arc<Errands>,
}

impl Opened {
    pub(super) fn new(file: OwnedFd, version: Version, medium: Medium, errands: &Arc<Errands>) -> Self {
        Self {
            file: Some(file),
            version,
            medium,
            errands: errands.clone(),
        }
    }

    /// Reads on a core's own thread; `None` when that would have to wait.
    pub(super) fn read_now(&self, at: u64, room: &mut [u8]) -> Option<io::Result<usize>> {
        disk::read(self.descriptor()?, at, room, Haste::OnCore(self.medium))
    }

    /// Reads, however long that takes.
    pub(super) fn read(&self, at: u64, room: &mut [u8]) -> io::Result<usize> {
        let read = self
            .descriptor()
            .and_then(|file| disk::read(file, at, room, Haste::None));
        read.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// The threads that it is read by where it has to be waited for.
    pub(super) fn errands(&self) -> &Arc<Errands> {
        &self.errands
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.medium == Medium::Unknown || self.version.size > CLOSED_BY_CORE {
            let file = self.file.take();
            self.errands.go_on(move || drop(file));
        }
    }
}
