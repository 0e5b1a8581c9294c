//! The files of users, as the control plane has read them last. Nothing here opens a file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;

use crate::model::access::Users;

/// Every file that a guard asks, by its path.
#[derive(Debug, Default)]
pub struct UserFiles {
    files: Mutex<HashMap<PathBuf, Arc<UserFile>>>,
    /// The last number that was given to a file or to its users.
    last: AtomicU64,
}

/// One file, and who stood in it when it was read last.
#[derive(Debug)]
pub(crate) struct UserFile {
    pub(crate) id: u64,
    /// That of `current`, where a request reads it without touching what others count on; 0 is none.
    version: AtomicU64,
    current: ArcSwapOption<Version>,
}

/// The users of a file from one reading to the next.
#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) users: Users,
}

impl UserFiles {
    /// From now on a file has these users. Who was let in before is asked again.
    pub fn set(&self, path: &Path, users: Users) {
        let file = self.of(path);
        let number = self.next();
        file.current.store(Some(Arc::new(Version { number, users })));
        file.version.store(number, Ordering::Release);
    }

    /// Forgets all files but these.
    pub fn keep(&self, paths: &[&Path]) {
        self.lock().retain(|path, _| paths.contains(&path.as_path()));
    }

    /// A file. Nobody is let in by one that was never read.
    pub(crate) fn of(&self, path: &Path) -> Arc<UserFile> {
        let mut files = self.lock();
        if let Some(known) = files.get(path) {
            return known.clone();
        }
        let file = Arc::new(UserFile {
            id: self.next(),
            version: AtomicU64::new(0),
            current: ArcSwapOption::empty(),
        });
        files.insert(path.to_owned(), file.clone());
        file
    }

    fn next(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Arc<UserFile>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UserFile {
    /// The number of its users; 0 when it was never read.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Its users, if it was ever read.
    pub(crate) fn current(&self) -> Option<Arc<Version>> {
        self.current.load_full()
    }
}
