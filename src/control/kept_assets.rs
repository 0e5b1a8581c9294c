//! Keeps files of sides that are gone, below `assets` in the state folder: fetches what clients asked for from a side that leaves, before
//! it is told safe to stop, and throws away what was kept long enough. Each environment has a folder with
//! `index.json`, which says what is kept, and a file for each of it; what the index does not name is nothing. A name is never given twice,
//! so that who throws a file away cannot mean another one. In an upgrade two processes do all this side by side: they take turns, and each goes by
//! what the other has written.
//!
//! The data plane gets to know what is kept; it never waits for this.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use super::clock;
use super::evidence::prober;
use super::ports::Keeping;
use super::served::Stamp;
use crate::config::Service;
use crate::durable;
use crate::model::api::KeptStatus;
use crate::model::kept_assets::{KeptFile, KeptFiles, LARGEST, MOST_BYTES, Said};
use crate::model::slot::Address;
use crate::model::switch::Kept;
use crate::proxy::Assets;

/// The folder in the state folder.
pub(super) const FOLDER: &str = "assets";
/// What says what is kept.
const INDEX: &str = "index.json";
/// Files that are fetched at a time: each may be [`LARGEST`].
const LANES: usize = 4;
/// Of the time that a side may be held up, what is left for the index.
const FOR_INDEX: u32 = 5;
/// What no index names was written by a process that is gone, when it is as old as that.
const LEFT: Duration = Duration::from_secs(3600);
/// Between two looks at what was kept long enough.
const SWEEP: Duration = Duration::from_secs(60);
/// Between two looks at what another process keeps, which says a word for every connection that ends.
const LOOK: Duration = Duration::from_secs(1);

/// What is kept of all environments.
#[derive(Debug)]
pub(super) struct KeptAssets {
    /// How long a side that leaves may be held up.
    patience: Duration,
    /// What the data plane knows of it, and where it lies.
    assets: Arc<Assets>,
    /// By environment.
    known: Mutex<BTreeMap<String, Known>>,
    /// Held while something is written: what is known is never locked for as long as a disk takes.
    changing: Mutex<()>,
    /// More is kept than before.
    more: Notify,
}

/// What is kept of an environment.
#[derive(Debug, Clone, Default)]
struct Known {
    files: KeptFiles,
    /// The index that says so; `None` while there is none.
    index: Option<Stamp>,
}

impl KeptAssets {
    /// Reads what was kept before. Blocks.
    pub(super) fn open(assets: Arc<Assets>, patience: Duration) -> Arc<Self> {
        let kept = Self {
            patience,
            assets,
            known: Mutex::default(),
            changing: Mutex::default(),
            more: Notify::new(),
        };
        kept.sweep(unix_now());
        Arc::new(kept)
    }

    /// Looks again whenever something is `heard` of another process, which may still fetch what a side has had that leaves it.
    pub(super) async fn follow(self: Arc<Self>, mut heard: watch::Receiver<()>) {
        while heard.changed().await.is_ok() {
            self.more.notify_one();
            sleep(LOOK).await;
        }
    }

    /// Throws away what was kept long enough, for ever, and gets to know what another process keeps.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        loop {
            let now = unix_now();
            let due = self.lock().values().filter_map(|known| known.files.next_expiry()).min();
            let left = due.map_or(SWEEP, |due| Duration::from_secs(due.saturating_sub(now)));
            tokio::select! {
                () = sleep(left.clamp(Duration::from_secs(1), SWEEP)) => {}
                // What is new may go before what is due.
                () = self.more.notified() => {}
            }
            let kept = self.clone();
            // A sweep that fails is one that the next one does.
            let _ = spawn_blocking(move || kept.sweep(unix_now())).await;
        }
    }

    /// How much is kept of an environment; `None` when nothing is.
    pub(super) fn status(&self, environment: &str) -> Option<KeptStatus> {
        let (files, bytes) = self.lock().get(environment)?.files.sum();
        (files > 0).then_some(KeptStatus {
            files: files as u64,
            bytes,
        })
    }

    /// Removes what a process that is gone has left: another one may be about to name what is new.
    fn clean(&self, environment: &str, now: u64) {
        let named: BTreeSet<String> = {
            let known = self.lock();
            let files = known.get(environment).into_iter().flat_map(|known| known.files.files());
            files.map(|file| file.file.clone()).collect()
        };
        let entries = fs::read_dir(self.assets.folder(environment));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name == INDEX || named.contains(name)) {
                continue;
            }
            let written = entry.metadata().map_or(i64::MAX, |it| it.mtime());
            if u64::try_from(written).is_ok_and(|at| at.saturating_add(LEFT.as_secs()) < now) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Environments of which something is, or was, kept.
    fn on_disk(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.assets.root()).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect()
    }

    fn sweep(&self, now: u64) {
        let mut environments = self.on_disk();
        environments.extend(self.lock().keys().cloned());
        for environment in environments {
            // What fails is done by the next sweep.
            if self.change(&environment, |files| files.expire(now)).is_ok() {
                self.clean(&environment, now);
            }
        }
    }

    /// Changes what is kept of an environment, and then throws away the files that the change names as not needed any more. What is new is known
    /// when it is on disk; where the disk does not take it, what was kept before goes on being served.
    fn change(&self, environment: &str, change: impl FnOnce(&mut KeptFiles) -> Vec<String>) -> io::Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.assets.folder(environment);
        // Closed, it lets the other process of an upgrade go on.
        let turn = fs::File::open(&folder)?;
        flock(&turn, FlockOperation::LockExclusive)?;
        let before = self.learn(environment, &folder)?;
        let mut next = before.clone();
        let gone = change(&mut next);
        if next != before {
            let index = serde_json::to_vec(&next).map_err(io::Error::other)?;
            durable::replace(&folder, INDEX, &index)?;
            let index = stamp(&folder)?;
            self.know(environment, Known { files: next, index });
        }
        for name in gone {
            let _ = fs::remove_file(folder.join(name));
        }
        Ok(())
    }

    /// What the index says is kept, which another process may have written.
    fn learn(&self, environment: &str, folder: &Path) -> io::Result<KeptFiles> {
        let known = self.lock().get(environment).cloned().unwrap_or_default();
        let index = stamp(folder)?;
        if index == known.index {
            return Ok(known.files);
        }
        let files = read(folder)?.unwrap_or(known.files);
        self.know(
            environment,
            Known {
                files: files.clone(),
                index,
            },
        );
        Ok(files)
    }

    /// This is kept of an environment; tells the data plane.
    fn know(&self, environment: &str, known: Known) {
        self.assets.keep(&environment.into(), known.files.files().cloned());
        self.lock().insert(environment.to_owned(), known);
    }

    /// Writes one file, which the index does not name yet. Blocks.
    fn write(&self, service: &Service, path: &str, body: &[u8], said: Said) -> io::Result<KeptFile> {
        let folder = self.assets.folder(&service.environment);
        durable::private_folder(&folder)?;
        // Who reads the one of before goes on reading that, also where both are the same.
        let file = format!("{:032x}", fastrand::u128(..));
        // The folder is synced with the index.
        durable::replace_with(&folder, &file, body, |_| Ok(()))?;
        let keep = service.stale_keep.unwrap_or_default();
        Ok(KeptFile {
            service: service.name.to_string(),
            path: path.to_owned(),
            file,
            size: body.len() as u64,
            until: unix_now().saturating_add(keep.as_secs().max(1)),
            said,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was fetched so far.
#[derive(Debug, Default)]
struct Collected {
    /// Paths that are still to be asked for, the most wanted last.
    paths: Vec<String>,
    files: Vec<KeptFile>,
    bytes: u64,
    failed: Option<io::Error>,
}

impl KeptAssets {
    /// Keeps what clients asked for in the last day of what runs at these addresses, within its patience.
    async fn collect(self: Arc<Self>, service: Arc<Service>, addresses: Vec<Address>) -> Kept {
        let assets = self.assets.of(&service.environment, &service.name);
        let mut paths = assets.asked(Instant::now());
        let Some(address) = addresses
            .into_iter()
            .next()
            .filter(|address| address.folder().is_none() && service.stale_keep.is_some() && !paths.is_empty())
        else {
            return Kept::default();
        };
        paths.reverse();
        let collected = Rc::new(RefCell::new(Collected {
            paths,
            ..Collected::default()
        }));
        let mut lanes = JoinSet::new();
        for _ in 0..LANES {
            let lane = Lane {
                kept: self.clone(),
                service: service.clone(),
                address: address.clone(),
                collected: collected.clone(),
            };
            lanes.spawn_local(lane.run());
        }
        let for_index = self.patience / FOR_INDEX;
        // What has come by then is kept.
        let _ = timeout(self.patience.saturating_sub(for_index), async {
            while lanes.join_next().await.is_some() {}
        })
        .await;
        lanes.shutdown().await;
        let Collected {
            files, bytes, failed, ..
        } = std::mem::take(&mut *collected.borrow_mut());
        let count = files.len() as u64;
        let (kept, environment) = (self.clone(), service.environment.to_string());
        let put = spawn_blocking(move || {
            if files.is_empty() {
                return Ok(());
            }
            kept.change(&environment, |known| {
                files.into_iter().flat_map(|file| known.put(file)).collect()
            })?;
            kept.more.notify_one();
            Ok(())
        });
        let put = match timeout(for_index, put).await {
            Ok(Ok(put)) => put,
            Ok(Err(_)) => Ok(()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        let error = failed.or(put.err());
        if let Some(error) = &error {
            tracing::warn!(environment = %service.environment, service = %service.name, %error, "files of a side that leaves cannot be kept");
        }
        Kept {
            files: count,
            bytes,
            failed: error.is_some(),
        }
    }
}

/// One of several that fetch side by side.
struct Lane {
    kept: Arc<KeptAssets>,
    service: Arc<Service>,
    address: Address,
    collected: Rc<RefCell<Collected>>,
}

impl Lane {
    async fn run(self) {
        while let Some(path) = self.next() {
            match self.fetch(path).await {
                Ok(Some(file)) => {
                    let mut collected = self.collected.borrow_mut();
                    collected.bytes += file.size;
                    collected.files.push(file);
                }
                Ok(None) => {}
                Err(error) => self.collected.borrow_mut().failed = Some(error),
            }
        }
    }

    fn next(&self) -> Option<String> {
        let mut collected = self.collected.borrow_mut();
        let is_over = collected.failed.is_some() || collected.bytes >= MOST_BYTES;
        collected.paths.pop().filter(|_| !is_over)
    }

    /// One file as the app has it; `None` where it has none that may be kept.
    async fn fetch(&self, path: String) -> io::Result<Option<KeptFile>> {
        let inner = path.strip_prefix(self.service.stripped()).unwrap_or(&path);
        let Ok((status, fields, body)) = prober::fetch(&self.service, &self.address, inner, LARGEST).await else {
            return Ok(None);
        };
        let said = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let Some(said) = Said::of_public(status, said) else {
            return Ok(None);
        };
        let (kept, service) = (self.kept.clone(), self.service.clone());
        let written = spawn_blocking(move || kept.write(&service, &path, &body, said)).await;
        // The daemon stops.
        written.map_or(Ok(None), |written| written.map(Some))
    }
}

/// Tells the index in a folder from every other; `None` where there is none.
fn stamp(folder: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(folder.join(INDEX)) {
        Ok(metadata) => Ok(Some(Stamp::of(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the index in a folder says is kept, as far as it is there. `None` where there is no index, or none that says anything.
///
/// # Errors
/// From the disk: then nobody knows what it says.
fn read(folder: &Path) -> io::Result<Option<KeptFiles>> {
    let text = match fs::read(folder.join(INDEX)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    let Ok(mut files) = serde_json::from_slice::<KeptFiles>(&text) else {
        return Ok(None);
    };
    files.retain(|file| {
        let is_plain = !file.file.contains('/') && !file.file.starts_with('.');
        is_plain
            && match fs::symlink_metadata(folder.join(&file.file)) {
                Ok(it) => it.is_file() && it.len() == file.size,
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            }
    });
    Ok(Some(files))
}

impl Keeping for Arc<KeptAssets> {
    fn keep(&self, service: Arc<Service>, addresses: Vec<Address>) -> Pin<Box<dyn Future<Output = Kept>>> {
        Box::pin(self.clone().collect(service, addresses))
    }

    fn kept(&self, environment: &str) -> Option<KeptStatus> {
        self.status(environment)
    }
}

fn unix_now() -> u64 {
    u64::try_from(clock::unix_now()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
