//! From the path of a request to the file that is sent: the file itself or an encoded form beside it, the page of a folder, or what is
//! sent for everything that there is not.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use smallvec::SmallVec;

use super::disk::{self, Entry, Haste, Medium};
use super::errands::Errands;
use super::opened::Opened;
use crate::model::compress::Encoding;
use crate::model::files::{FilePath, Kind, Missing, Version, is_hashed};

/// What a request looks for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'w> {
    /// `None` for a path that no file can have.
    pub(crate) path: Option<&'w FilePath>,
    /// Encoded forms that the client would rather have, the best first.
    pub(crate) encodings: &'w [Encoding],
    /// What is sent for what there is not.
    pub(crate) missing: &'w Missing,
}

/// What was found.
#[derive(Debug)]
pub(crate) enum Found {
    File(File),
    /// A folder with a page in it; its name has a slash at its end, and the one that was asked for has none.
    Folder,
    Nothing,
}

/// A file that is sent.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) opened: Opened,
    /// How its bytes are encoded.
    pub(crate) encoding: Option<Encoding>,
    pub(crate) kind: Kind,
    pub(crate) role: Role,
    /// Its name stands for its content.
    pub(crate) is_hashed: bool,
}

/// What a file is sent as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// What was asked for.
    Asked,
    /// The page of the folder that was asked for.
    Page,
    /// The page of an app, in place of what there is not.
    Fallback,
    /// The page that says that there is no such thing.
    NotFound,
}

/// Where is looked, and how.
pub(super) struct Place<'p> {
    pub(super) root: &'p OwnedFd,
    pub(super) medium: Medium,
    pub(super) haste: Haste,
    pub(super) errands: &'p Arc<Errands>,
}

/// Why nothing can be said of what was looked for.
pub(super) enum Doubt {
    /// It has to be waited for.
    Waits,
    /// The folder is not in the file system any more.
    Removed,
    Failed(io::Error),
}

impl From<io::Error> for Doubt {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Place<'_> {
    /// Looks for what a request wants.
    pub(super) fn find(&self, wanted: &Wanted<'_>) -> Result<Found, Doubt> {
        if let Some(path) = wanted.path {
            let name = path.file();
            match self.look(&name)? {
                Entry::File(file, version) => {
                    let role = if path.names_folder() { Role::Page } else { Role::Asked };
                    return self.file(wanted, &name, (file, version), role);
                }
                Entry::Folder if !path.names_folder() => {
                    if let Entry::File(..) = self.look(&path.page_within())? {
                        return Ok(Found::Folder);
                    }
                }
                Entry::Folder | Entry::Nothing | Entry::Unknown => {}
            }
            if disk::is_removed(self.root()) {
                return Err(Doubt::Removed);
            }
        }
        let (instead, role) = match wanted.missing {
            Missing::Fallback(page) if wanted.path.is_some_and(may_be_page) => (page, Role::Fallback),
            Missing::Nothing | Missing::Fallback(_) => return Ok(Found::Nothing),
            Missing::Page(page) => (page, Role::NotFound),
        };
        let name = instead.trim_start_matches('/').as_bytes();
        match self.look(name)? {
            Entry::File(file, version) => self.file(wanted, name, (file, version), role),
            Entry::Folder | Entry::Nothing | Entry::Unknown => Ok(Found::Nothing),
        }
    }

    /// A file that is there, or the form of it that the client likes best.
    fn file(
        &self,
        wanted: &Wanted<'_>,
        name: &[u8],
        (file, version): (OwnedFd, Version),
        role: Role,
    ) -> Result<Found, Doubt> {
        let kind = Kind::of(name);
        let found = |file, version, encoding| {
            Found::File(File {
                opened: Opened::new(file, version, self.medium, self.errands),
                encoding,
                kind,
                role,
                is_hashed: is_hashed(name),
            })
        };
        if kind.shrinks {
            for &encoding in wanted.encodings {
                let mut beside = SmallVec::<[u8; 128]>::from_slice(name);
                beside.extend_from_slice(ending(encoding));
                if let Entry::File(encoded, its) = self.look(&beside)?
                    // One that was made of an earlier file says what that said.
                    && its.modified >= version.modified
                {
                    return Ok(found(encoded, its, Some(encoding)));
                }
            }
        }
        Ok(found(file, version, None))
    }

    fn look(&self, name: &[u8]) -> Result<Entry, Doubt> {
        match disk::look(self.root(), name, self.haste)? {
            Entry::Unknown => Err(Doubt::Waits),
            entry => Ok(entry),
        }
    }

    fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

/// Whether a page may be sent in place of what there is not: where a script or a picture was asked for, it would only hide that.
fn may_be_page(path: &FilePath) -> bool {
    Kind::known(&path.file()).is_none_or(Kind::is_page)
}

/// How the names of encoded forms end.
fn ending(encoding: Encoding) -> &'static [u8] {
    match encoding {
        Encoding::Brotli => b".br",
        Encoding::Zstd => b".zst",
        Encoding::Gzip => b".gz",
    }
}
