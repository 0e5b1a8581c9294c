//! A folder that is served. It is opened once, by a thread of its own: what its name leads to later changes nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::disk::{self, Haste, Medium};
use super::errands::{Busy, Errands};
use super::find::{Doubt, Found, Place, Wanted};
use crate::model::compress::Encoding;
use crate::model::files::{FilePath, Missing, Moment};
use crate::model::slot::Address;

/// A folder that could not be opened is tried again after this time.
const AGAIN: Duration = Duration::from_secs(1);

/// A folder that is served: opened at its first use, and the same from then on, wherever its name leads. One that is removed from the
/// file system is looked for anew under its name, as an app that is started again in its place would be found there.
#[derive(Debug)]
pub struct Folder {
    room: Arc<Room>,
}

/// What the cores and the folder's threads share.
#[derive(Debug)]
struct Room {
    path: PathBuf,
    /// As the log writes it.
    name: Arc<str>,
    root: ArcSwapOption<Root>,
    /// When it could not be opened last, and why.
    failed: Mutex<Option<(Instant, io::Error)>>,
    errands: Arc<Errands>,
    /// The log was told that it cannot be served.
    is_away: AtomicBool,
    /// Something was waited for in vain, and is not done yet.
    stalls: AtomicBool,
}

#[derive(Debug)]
struct Root {
    root: std::os::fd::OwnedFd,
    medium: Medium,
    since: Moment,
}

/// What comes of a look into the folder.
pub(crate) type Looked = io::Result<Found>;

impl Folder {
    /// The folder of this path, which is not touched before it is needed.
    #[must_use]
    pub fn new(path: &Path) -> Arc<Self> {
        Arc::new(Self {
            room: Arc::new(Room {
                path: path.to_owned(),
                name: Address::Folder(path.to_owned()).to_string().into(),
                root: ArcSwapOption::empty(),
                failed: Mutex::new(None),
                errands: Arc::default(),
                is_away: AtomicBool::new(false),
                stalls: AtomicBool::new(false),
            }),
        })
    }

    /// Opens it, if that has not been done.
    ///
    /// # Errors
    /// The system's own; also when as many requests wait for the folder as may.
    pub async fn open(&self) -> io::Result<()> {
        let room = self.room.clone();
        let (answer, opened) = oneshot::channel();
        let look = self.room.errands.look(move || {
            let _ = answer.send(room.open().map(drop));
        });
        look.map_err(|Busy| io::Error::from(io::ErrorKind::ResourceBusy))?;
        opened.await.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
    }

    /// As the log writes it.
    pub(crate) fn name(&self) -> Arc<str> {
        self.room.name.clone()
    }

    /// Begins to open it, and waits for nothing.
    pub(crate) fn open_soon(&self) {
        let room = self.room.clone();
        // One that is asked for so much is being opened already.
        let _ = self.room.errands.look(move || drop(room.open()));
    }

    /// When it was opened, if it was.
    pub(crate) fn since(&self) -> Option<Moment> {
        self.room.root.load().as_ref().map(|root| root.since)
    }

    /// Looks on a core's own thread; `None` when that would have to wait.
    pub(crate) fn find_now(&self, wanted: &Wanted<'_>) -> Option<Looked> {
        let root = self.room.root.load();
        let root = root.as_ref()?;
        let place = Place {
            root: &root.root,
            medium: root.medium,
            haste: Haste::OnCore(root.medium),
            errands: &self.room.errands,
        };
        match place.find(wanted) {
            Ok(found) => Some(Ok(found)),
            Err(Doubt::Waits | Doubt::Removed) => None,
            Err(Doubt::Failed(error)) => Some(Err(error)),
        }
    }

    /// Has one of its threads look.
    ///
    /// # Errors
    /// As many requests wait for that as may.
    pub(crate) fn find(&self, wanted: &Wanted<'_>) -> Result<oneshot::Receiver<Looked>, Busy> {
        let room = self.room.clone();
        let (path, missing) = (wanted.path.cloned(), wanted.missing.clone());
        let encodings = wanted.encodings.to_vec();
        let (answer, found) = oneshot::channel();
        self.room.errands.look(move || {
            // Who has left need not be waited for.
            if !answer.is_closed() {
                let _ = answer.send(room.find(path.as_ref(), &encodings, &missing));
            }
        })?;
        Ok(found)
    }

    /// To look for this takes too long. One of its threads looks for the same, and says when there is an answer, as nobody else may look
    /// until then: that the disk knows of something else would be no news.
    pub(crate) fn stalls(&self, wanted: &Wanted<'_>) {
        if self.room.stalls.swap(true, Ordering::Relaxed) {
            // One is on its way already.
            return;
        }
        let room = self.room.clone();
        let (path, missing) = (wanted.path.cloned(), wanted.missing.clone());
        let encodings = wanted.encodings.to_vec();
        self.room.errands.go_on(move || {
            // Also an error is an answer.
            let _ = room.find(path.as_ref(), &encodings, &missing);
            room.stalls.store(false, Ordering::Relaxed);
        });
    }

    /// Whether what one of its threads does takes too long.
    pub(crate) fn is_stalled(&self) -> bool {
        let stalls = self.room.stalls.load(Ordering::Relaxed);
        if stalls {
            // Nobody else comes here meanwhile who could have a thread started that could not be started before.
            self.room.errands.start_at_last();
        }
        stalls
    }

    /// It cannot be served, or can. Whether that is news for the log.
    pub(crate) fn is_news(&self, is_away: bool) -> bool {
        let told = &self.room.is_away;
        told.load(Ordering::Relaxed) != is_away && told.swap(is_away, Ordering::Relaxed) != is_away
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.room.errands.stop();
    }
}

impl Room {
    /// Looks, however long that takes.
    fn find(&self, path: Option<&FilePath>, encodings: &[Encoding], missing: &Missing) -> Looked {
        let wanted = Wanted {
            path,
            encodings,
            missing,
        };
        let root = self.open()?;
        match self.find_below(&root, &wanted) {
            Err(Doubt::Removed) => {
                self.root.store(None);
                let root = self.open()?;
                self.find_below(&root, &wanted)
            }
            found => found,
        }
        .map_err(|doubt| match doubt {
            Doubt::Failed(error) => error,
            Doubt::Removed => io::ErrorKind::NotFound.into(),
            Doubt::Waits => io::ErrorKind::WouldBlock.into(),
        })
    }

    fn find_below(&self, root: &Root, wanted: &Wanted<'_>) -> Result<Found, Doubt> {
        let place = Place {
            root: &root.root,
            medium: root.medium,
            haste: Haste::None,
            errands: &self.errands,
        };
        place.find(wanted)
    }

    /// The folder, which is opened if it was not. One that is not there is not asked for more often than once in a while.
    fn open(&self) -> io::Result<Arc<Root>> {
        if let Some(root) = self.root.load_full() {
            return Ok(root);
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        // Meanwhile another thread may have opened it.
        if let Some(root) = self.root.load_full() {
            return Ok(root);
        }
        if let Some((at, error)) = &*failed
            && at.elapsed() < AGAIN
        {
            return Err(same(error));
        }
        match disk::open_root(&self.path) {
            Ok((root, medium)) => {
                let since = disk::clock();
                let root = Arc::new(Root { root, medium, since });
                self.root.store(Some(root.clone()));
                *failed = None;
                Ok(root)
            }
            Err(error) => {
                *failed = Some((Instant::now(), same(&error)));
                Err(error)
            }
        }
    }
}

/// The same error once more.
fn same(error: &io::Error) -> io::Error {
    error
        .raw_os_error()
        .map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::errands::THREADS;
    use super::*;

    fn stalls(folder: &Folder) {
        folder.stalls(&Wanted {
            path: FilePath::of(b"/a.txt").as_ref(),
            encodings: &[],
            missing: &Missing::Nothing,
        });
    }

    fn is_over(folder: &Folder) {
        let began = Instant::now();
        while folder.is_stalled() {
            assert!(began.elapsed() < Duration::from_secs(60), "it stalls for ever");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_folder_stalls_until_its_disk_answers_and_no_longer_though_nobody_asks_for_a_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path());
        let (begun, began) = mpsc::channel();
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        for _ in 0..THREADS {
            let (gate, begun) = (gate.clone(), begun.clone());
            let hang = move || {
                let _ = begun.send(());
                drop(gate.lock());
            };
            folder.room.errands.look(hang).unwrap();
            began.recv().unwrap();
        }
        for _ in 0..3 {
            stalls(&folder);
        }
        assert!(folder.is_stalled(), "the disk hangs");
        drop(closed);
        is_over(&folder);
        stalls(&folder);
        is_over(&folder);
    }

    #[test]
    fn a_folder_that_is_not_there_does_not_stall() {
        let folder = Folder::new(Path::new("/nonexistent/of/greengate"));
        stalls(&folder);
        is_over(&folder);
    }
}
