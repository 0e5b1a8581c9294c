//! One period in which a slot is live: its gate, its instances and its counters. A rollback is a new activation, even of the
//! same slot. The connections to its instances are kept per core, in `pool`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

use super::gate::Gate;
use crate::model::slot::{Address, Generation, Slot};
use crate::proxy::files::folder::Folder;
use crate::telemetry::{CoreCounters, Counters, PerCore, Totals, Whose};

/// How patient an activation still is with the exchanges it holds. Only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Patience {
    /// Exchanges take the time they need.
    Open = 0,
    /// What can end without harm ends at once: WebSockets are closed politely, event streams at the next event. Requests and
    /// other bodies take the time they need (N13).
    Polite = 1,
    /// Requests that still wait for their response head are given up.
    NoRequests = 2,
    /// Streams are ended politely, spread over a few seconds (N20).
    EndStreams = 3,
    /// Whatever is left is cut.
    Cut = 4,
}

/// One live period of one service's slot.
#[derive(Debug)]
pub struct Activation {
    /// Unique in this process; pools are kept under it.
    pub id: u64,
    /// The environment's name.
    pub environment: Arc<str>,
    /// The service's name.
    pub service: Arc<str>,
    /// The slot.
    pub slot: Slot,
    /// The environment's generation in which this became live.
    pub generation: Generation,
    /// Where it runs.
    pub addresses: Vec<Address>,
    gate: Gate,
    counters: PerCore,
    patience: AtomicU8,
    /// What the app calls its version, once it was asked.
    version: ArcSwapOption<String>,
    emptied: Notify,
    /// The folder that is served, where it is one.
    folder: OnceLock<Arc<Folder>>,
    /// The folder that is looked into before the app, by its path, which a reload may change.
    public: Mutex<Option<(PathBuf, Arc<Folder>)>>,
}

impl Activation {
    /// A new live period with an open gate, which counts for its slot in `totals`.
    #[must_use]
    pub fn new(
        environment: Arc<str>,
        service: Arc<str>,
        slot: Slot,
        generation: Generation,
        addresses: Vec<Address>,
        totals: &Totals,
    ) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let counters = totals.open(Whose {
            environment: environment.clone(),
            service: service.clone(),
            slot,
        });
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            environment,
            service,
            slot,
            generation,
            addresses,
            gate: Gate::new(counters.len()),
            counters,
            patience: AtomicU8::new(Patience::Open as u8),
            version: ArcSwapOption::empty(),
            emptied: Notify::new(),
            folder: OnceLock::new(),
            public: Mutex::default(),
        })
    }

    /// Admits nobody any more. The newer snapshot has to be published before.
    pub fn close(&self) {
        self.gate.close();
        self.emptied.notify_waiters();
    }

    /// Requests that wait for their response head, and streams (everything after it).
    #[must_use]
    pub fn in_flight(&self) -> (u64, u64) {
        let streams = self.counters().streams;
        ((self.gate.claims() as u64).saturating_sub(streams), streams)
    }

    /// Whether the gate is closed and no claim is left.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.gate.is_drained()
    }

    /// Waits until the gate is closed and no claim is left.
    pub async fn drained(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Registered before the look, so that a claim which leaves in between is not missed.
            emptied.as_mut().enable();
            if self.gate.is_drained() {
                return;
            }
            emptied.await;
        }
    }

    /// Becomes less patient; the data plane has to be poked after it (`DataPlane::poke`).
    pub fn lose_patience(&self, patience: Patience) {
        self.patience.fetch_max(patience as u8, Ordering::AcqRel);
    }

    /// The folder that is served in place of an app, if it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Arc<Folder>> {
        let path = self.addresses.first()?.folder()?;
        Some(self.folder.get_or_init(|| Folder::new(path)))
    }

    /// The folder at this path, which is looked into before the app: opened once in this period.
    pub(crate) fn public_at(&self, path: &Path) -> Arc<Folder> {
        let mut public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, folder)) = &*public
            && known == path
        {
            return folder.clone();
        }
        let folder = Folder::new(path);
        folder.open_soon();
        *public = Some((path.to_owned(), folder.clone()));
        folder
    }

    /// The folder that is looked into before the app, if one is.
    pub(crate) fn public(&self) -> Option<Arc<Folder>> {
        let public = self.public.lock().unwrap_or_else(PoisonError::into_inner);
        public.as_ref().map(|(_, folder)| folder.clone())
    }

    /// Serves a folder as it was opened before: by the gate that it has passed, or for the period before this one. To be told before
    /// anybody asks for the folder.
    pub fn takes_over(&self, folder: &Arc<Folder>) {
        self.folder.get_or_init(|| folder.clone());
    }

    /// An instance has been asked, and calls its version so.
    pub fn is_called(&self, version: Option<&str>) {
        let known = self.version.load();
        if known.as_ref().map(|known| known.as_str()) != version {
            self.version.store(version.map(|version| Arc::new(version.to_owned())));
        }
    }

    /// What the app calls its version, as its instances were asked last.
    #[must_use]
    pub fn version(&self) -> Option<Arc<String>> {
        self.version.load_full()
    }

    /// How patient it still is.
    #[must_use]
    pub fn patience(&self) -> Patience {
        match self.patience.load(Ordering::Acquire) {
            0 => Patience::Open,
            1 => Patience::Polite,
            2 => Patience::NoRequests,
            3 => Patience::EndStreams,
            _ => Patience::Cut,
        }
    }

    /// What it has done so far, of all cores.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::sum(self.counters.iter().map(|padded| &**padded))
    }

    /// The gate.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The counters of one core; only that core writes them.
    pub(crate) fn core(&self, core: usize) -> &CoreCounters {
        &self.counters[core]
    }

    /// Leaves the gate, and wakes the tasks that wait for the last claim to leave.
    pub(crate) fn release(&self, core: usize) {
        if self.gate.release(core) {
            self.emptied.notify_waiters();
        }
    }
}
