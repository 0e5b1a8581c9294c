//! Files of versions that are gone (N23): which ones clients ask for now, and which of them are kept. The control plane reads the one and
//! writes the other; nothing here opens a file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::model::kept_assets::{Asked, KeptFile};

/// Paths that are known without a lock.
const MARKS: usize = 4096;

/// Files that are kept, by path.
type Kept = HashMap<Box<str>, Arc<KeptFile>>;

/// Environment and service.
type Name = (Arc<str>, Arc<str>);

/// Bytes of kept files that may be in memory at a time, read or being read.
const LENT: u64 = 64 << 20;
/// Counted for a small one.
const LEAST: u64 = 64 << 10;

/// The files of every service.
#[derive(Debug, Default)]
pub struct Assets {
    folder: PathBuf,
    services: Mutex<HashMap<Name, Arc<ServiceAssets>>>,
    /// Bytes of memory that are out.
    lent: Arc<AtomicU64>,
}

impl Assets {
    /// Those that are kept below this folder: in a folder for each environment.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            ..Self::default()
        }
    }

    /// Where they lie, in a folder for each environment.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.folder
    }

    /// Where those of an environment lie.
    #[must_use]
    pub fn folder(&self, environment: &str) -> PathBuf {
        self.folder.join(environment)
    }

    /// Those of a service, which has none at first.
    pub fn of(&self, environment: &Arc<str>, service: &Arc<str>) -> Arc<ServiceAssets> {
        let name = (environment.clone(), service.clone());
        lock(&self.services).entry(name).or_default().clone()
    }

    /// From now on these are kept of an environment, and no others.
    pub fn keep(&self, environment: &Arc<str>, files: impl Iterator<Item = KeptFile>) {
        let mut by_service: HashMap<Arc<str>, Kept> = HashMap::new();
        for file in files {
            let of_service = by_service.entry(file.service.as_str().into()).or_default();
            of_service.insert(file.path.clone().into_boxed_str(), Arc::new(file));
        }
        let mut services = lock(&self.services);
        for service in by_service.keys() {
            services.entry((environment.clone(), service.clone())).or_default();
        }
        for ((_, service), assets) in services.iter().filter(|((of, _), _)| of == environment) {
            assets
                .kept
                .store(Arc::new(by_service.remove(service).unwrap_or_default()));
        }
    }

    /// Memory for a file; `None` where too much is out.
    pub(crate) fn lend(&self, bytes: u64) -> Option<Loan> {
        let bytes = bytes.max(LEAST);
        let loan = Loan {
            bytes,
            lent: self.lent.clone(),
        };
        let lent = self.lent.fetch_add(bytes, Ordering::Relaxed);
        (lent + bytes <= LENT).then_some(loan)
    }
}

/// Memory for one file. Given back by `Drop`.
#[derive(Debug)]
pub(crate) struct Loan {
    bytes: u64,
    lent: Arc<AtomicU64>,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.lent.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The files of one service.
#[derive(Debug)]
pub struct ServiceAssets {
    began: Instant,
    /// Which paths were noted, and in which hour: each where its hash says. A path that falls into another's place is noted again.
    marks: Box<[AtomicU64]>,
    asked: Mutex<Asked>,
    kept: ArcSwap<Kept>,
}

impl Default for ServiceAssets {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            marks: (0..MARKS).map(|_| AtomicU64::new(0)).collect(),
            asked: Mutex::default(),
            kept: ArcSwap::default(),
        }
    }
}

impl ServiceAssets {
    /// A client has got the file of this path. Most were noted within this hour: that is one look at an atomic.
    pub(crate) fn note(&self, path: &[u8], now: Instant) {
        let hour = self.hour(now);
        // FNV-1a: who makes two paths collide has each of them noted more often.
        let hash = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mark = (hash << 16) | u64::from(hour & 0x7fff) | 0x8000;
        let place = &self.marks[usize::try_from(hash >> 52).unwrap_or_default() % MARKS];
        if place.load(Ordering::Relaxed) == mark {
            return;
        }
        place.store(mark, Ordering::Relaxed);
        if let Ok(path) = str::from_utf8(path) {
            lock(&self.asked).note(path, hour);
        }
    }

    /// The paths that clients have got files of in the last day.
    #[must_use]
    pub fn asked(&self, now: Instant) -> Vec<String> {
        lock(&self.asked).of_the_day(self.hour(now))
    }

    /// What is kept for a path.
    pub(crate) fn kept(&self, path: &[u8]) -> Option<Arc<KeptFile>> {
        self.kept.load().get(str::from_utf8(path).ok()?).cloned()
    }

    fn hour(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.began).as_secs() / 3600).unwrap_or(u32::MAX)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_memory_is_lent_than_there_is_and_what_comes_back_is_lent_again() {
        let assets = Assets::default();
        let all: Vec<Loan> = (0..LENT / LEAST).filter_map(|_| assets.lend(1)).collect();
        assert_eq!(all.len() as u64, LENT / LEAST);
        assert!(assets.lend(1).is_none());
        drop(all);
        assert!(assets.lend(LENT).is_some());
        assert!(assets.lend(LENT + 1).is_none());
    }

    #[tokio::test]
    async fn a_path_is_noted_once_an_hour_and_known_for_a_day() {
        let assets = ServiceAssets::default();
        let at = |hours: u64| assets.began + Duration::from_secs(hours * 3600);
        for _ in 0..3 {
            assets.note(b"/a.js", at(0));
        }
        assets.note(b"/b.js", at(2));
        assets.note(b"/\xff", at(2));
        assert_eq!(assets.asked(at(3)), ["/b.js", "/a.js"]);
        assert_eq!(assets.asked(at(24)), ["/b.js"]);
        assets.note(b"/a.js", at(25));
        assert_eq!(assets.asked(at(25)), ["/a.js", "/b.js"]);
    }
}
