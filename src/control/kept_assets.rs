//! Keeps files of sides that are gone, below `assets` in the state folder: fetches what clients asked for from a side that leaves, before
//! it is told safe to stop, and throws away what was kept long enough. Each environment has a folder with
//! `index.json`, which says what is kept, and a file for each of it; what the index does not name is nothing.
//!
//! The data plane gets to know what is kept; it never waits for this.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest;
use tokio::sync::Notify;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use super::clock;
use super::evidence::prober;
use super::ports::Keeping;
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
/// Between two looks at what was kept long enough.
const SWEEP: Duration = Duration::from_secs(60);

/// What is kept of all environments.
#[derive(Debug)]
pub(super) struct KeptAssets {
    folder: PathBuf,
    /// How long a side that leaves may be held up.
    patience: Duration,
    assets: Arc<Assets>,
    /// By environment.
    known: Mutex<BTreeMap<String, KeptFiles>>,
    /// Held while something is written: what is known is never locked for as long as a disk takes.
    changing: Mutex<()>,
    /// More is kept than before.
    more: Notify,
}

impl KeptAssets {
    /// Reads what was kept before. Blocks.
    pub(super) fn open(folder: &Path, patience: Duration, assets: Arc<Assets>) -> Arc<Self> {
        let kept = Self {
            folder: folder.to_owned(),
            patience,
            assets,
            known: Mutex::default(),
            changing: Mutex::default(),
            more: Notify::new(),
        };
        for entry in fs::read_dir(&kept.folder).into_iter().flatten().flatten() {
            if let Ok(environment) = entry.file_name().into_string() {
                kept.read(&environment);
            }
        }
        Arc::new(kept)
    }

    /// Throws away what was kept long enough, for ever.
    pub(super) async fn keep_fresh(self: Arc<Self>) {
        loop {
            let now = unix_now();
            let due = self.lock().values().filter_map(KeptFiles::next_expiry).min();
            let left = due.map_or(SWEEP, |due| Duration::from_secs(due.saturating_sub(now)));
            tokio::select! {
                () = sleep(left.clamp(Duration::from_secs(1), SWEEP)) => {}
                // What is new may go before what is due.
                () = self.more.notified() => continue,
            }
            let kept = self.clone();
            // A sweep that fails is one that the next one does.
            let _ = spawn_blocking(move || kept.sweep(unix_now())).await;
        }
    }

    /// How much is kept of an environment; `None` when nothing is.
    pub(super) fn status(&self, environment: &str) -> Option<KeptStatus> {
        let (files, bytes) = self.lock().get(environment)?.sum();
        (files > 0).then_some(KeptStatus {
            files: files as u64,
            bytes,
        })
    }

    fn read(&self, environment: &str) {
        let folder = self.folder.join(environment);
        let text = fs::read(folder.join(INDEX)).unwrap_or_default();
        let mut files: KeptFiles = serde_json::from_slice(&text).unwrap_or_default();
        files.retain(|file| {
            let is_plain = !file.file.contains('/') && !file.file.starts_with('.');
            is_plain
                && fs::symlink_metadata(folder.join(&file.file)).is_ok_and(|it| it.is_file() && it.len() == file.size)
        });
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_known = name == *INDEX || files.files().any(|file| *file.file == *name);
            if !is_known {
                let _ = fs::remove_file(entry.path());
            }
        }
        self.know(environment, files);
    }

    fn sweep(&self, now: u64) {
        let environments: Vec<String> = self.lock().keys().cloned().collect();
        for environment in environments {
            let gone = self.change(&environment, |files| files.expire(now));
            if let Ok(gone) = gone {
                self.remove(&environment, &gone);
            }
        }
    }

    /// Changes what is kept of an environment, on disk first where that differs. What the change returns names files that are not needed any more.
    fn change(&self, environment: &str, change: impl FnOnce(&mut KeptFiles) -> Vec<String>) -> io::Result<Vec<String>> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.lock().get(environment).cloned().unwrap_or_default();
        let mut next = known.clone();
        let gone = change(&mut next);
        if next != known {
            let index = serde_json::to_vec(&next).map_err(io::Error::other)?;
            durable::replace(&self.folder.join(environment), INDEX, &index)?;
            self.know(environment, next);
        }
        Ok(gone)
    }

    /// This is kept of an environment; tells the data plane.
    fn know(&self, environment: &str, files: KeptFiles) {
        self.assets.keep(&environment.into(), files.files().cloned());
        self.lock().insert(environment.to_owned(), files);
    }

    fn remove(&self, environment: &str, names: &[String]) {
        for name in names {
            let _ = fs::remove_file(self.folder.join(environment).join(name));
        }
    }

    /// Writes one file, which the index does not name yet. Blocks.
    fn write(&self, service: &Service, path: &str, body: &[u8], said: Said) -> io::Result<KeptFile> {
        let folder = self.folder.join(&*service.environment);
        durable::private_folder(&folder)?;
        let mut digest = digest::Context::new(&digest::SHA256);
        for part in [service.name.as_bytes(), path.as_bytes(), body] {
            digest.update(&(part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        // Another content is another file: who reads the one of before goes on reading that.
        let file: String = digest
            .finish()
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
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

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, KeptFiles>> {
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
            let gone = kept.change(&environment, |known| {
                files.into_iter().flat_map(|file| known.put(file)).collect()
            })?;
            kept.remove(&environment, &gone);
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
