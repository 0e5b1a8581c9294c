//! What waits for whom, what was told already, and how destinations do. All tasks of this floor meet here.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use aws_lc_rs::digest;
use tokio::sync::{Mutex, Notify, watch};

use super::kept::{self, Kept, Place};
use crate::config::{Destination, Way};
use crate::control::clock;
use crate::control::served::Current;
use crate::model::notify::{Draft, Letter, Message, Operations, Schedule};
use crate::tasks::Group;

/// Between two times that the outbox is written: a burst is written once.
const WRITE_PAUSE: Duration = Duration::from_millis(50);
/// Letters of a message's number.
const ID: usize = 24;

#[derive(Debug)]
pub(super) struct Desk {
    pub(super) current: Current,
    pub(super) folder: PathBuf,
    pub(super) machine: String,
    pub(super) schedule: Schedule,
    pub(super) deadline: Duration,
    /// Between two looks at how services stand.
    pub(super) look: Duration,
    pub(super) operations: RefCell<Operations>,
    pub(super) kept: RefCell<Kept>,
    /// While this process is the one that sends.
    pub(super) place: RefCell<Option<Place>>,
    /// Another process sends from now on.
    pub(super) gone: Cell<bool>,
    /// Attempts under way.
    pub(super) busy: watch::Sender<usize>,
    /// How often `kept` has changed, and up to which of these it is on disk.
    pub(super) version: Cell<u64>,
    pub(super) saved: watch::Sender<u64>,
    pub(super) changed: Notify,
    pub(super) writing: Mutex<()>,
    /// By what names a destination.
    pub(super) posts: RefCell<BTreeMap<String, Post>>,
    pub(super) tasks: Group,
    /// Hears what happens, to its end.
    pub(super) listening: Group,
    /// Messages that are being left to another process.
    pub(super) late: Group,
    pub(super) trouble: RefCell<Option<String>>,
    /// Happenings that were missed.
    pub(super) missed: Cell<u64>,
}

/// A destination of the file.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) destination: Destination,
    pub(super) bell: Rc<Notify>,
    pub(super) failing: Option<(String, String)>,
    pub(super) delivered: Option<String>,
    pub(super) _tasks: Group,
}

/// An attempt under way.
pub(super) struct Busy<'a>(&'a Desk);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.send_modify(|busy| *busy -= 1);
    }
}

impl Desk {
    /// The destinations of the file, and what names each.
    pub(super) fn destinations(&self) -> Vec<(String, Destination)> {
        let config = self.current.load().config.clone();
        keyed(&config.notify).map(|(key, it)| (key, it.clone())).collect()
    }

    /// Tells those who want to hear of it.
    pub(super) fn tell(self: &Rc<Self>, draft: Draft) {
        let wants = |(_, it): &(String, Destination)| it.wants(draft.topic, &draft.environments);
        let to: Vec<String> = self
            .destinations()
            .into_iter()
            .filter(wants)
            .map(|(key, _)| key)
            .collect();
        self.tell_these(draft, to);
    }

    /// Tells these.
    pub(super) fn tell_these(self: &Rc<Self>, draft: Draft, to: Vec<String>) {
        if !to.is_empty() {
            let message = self.message(draft);
            self.put(&message, to);
        }
    }

    fn put(self: &Rc<Self>, message: &Message, to: Vec<String>) {
        if self.gone.get() {
            self.leave(message, to);
            return;
        }
        self.kept.borrow_mut().outbox.put(message, to.iter().cloned());
        self.changed();
        let posts = self.posts.borrow();
        to.iter()
            .filter_map(|key| posts.get(key))
            .for_each(|post| post.bell.notify_one());
    }

    /// Leaves it to the process that sends now.
    fn leave(self: &Rc<Self>, message: &Message, to: Vec<String>) {
        let (folder, id) = (self.folder.clone(), message.id.clone());
        // Texts and numbers alone cannot fail.
        let bytes = serde_json::to_vec(&(message, to)).unwrap_or_default();
        self.late.spawn_local("late message", async move {
            let left = tokio::task::spawn_blocking(move || kept::leave(&folder, &id, &bytes)).await;
            if let Ok(Err(error)) = left {
                tracing::warn!(%error, "a message cannot be left to the process that has taken over");
            }
        });
    }

    /// Takes what a replaced process has left.
    pub(super) async fn take_late(self: &Rc<Self>) {
        let folder = self.folder.clone();
        let found = tokio::task::spawn_blocking(move || kept::found(&folder))
            .await
            .unwrap_or_default();
        for bytes in found {
            if let Ok((message, to)) = serde_json::from_slice::<(Message, Vec<String>)>(&bytes) {
                self.put(&message, to);
            }
        }
    }

    pub(super) fn message(&self, draft: Draft) -> Message {
        let id: String = std::iter::repeat_with(fastrand::alphanumeric).take(ID).collect();
        draft.message(format!("msg_{id}"), clock::now(), &self.machine)
    }

    /// Something in `kept` is different.
    pub(super) fn changed(&self) {
        self.version.set(self.version.get() + 1);
        self.changed.notify_one();
    }

    pub(super) fn missed(&self, events: u64) {
        self.missed.set(self.missed.get() + events);
    }

    /// Takes the place of the sender, if no other process has it, and reads what was kept.
    pub(super) async fn take_place(self: &Rc<Self>) -> bool {
        let folder = self.folder.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let place = Place::take(&folder)?;
            Ok::<_, std::io::Error>(place.map(|place| (place.load(), place)))
        });
        let (loaded, place) = match taken.await {
            Ok(Ok(Some(taken))) => taken,
            Ok(Ok(None)) => return false,
            Ok(Err(error)) => {
                self.in_trouble(&error.to_string());
                return false;
            }
            Err(_) => return false,
        };
        match loaded {
            Ok(before) => {
                let mut kept = self.kept.borrow_mut();
                let Kept {
                    outbox,
                    absences,
                    endings,
                } = before;
                kept.outbox.follow(outbox);
                kept.absences = absences;
                kept.endings = endings;
            }
            Err(error) => tracing::warn!(
                error,
                "messages that waited cannot be read, and are kept as notify.broken.json"
            ),
        }
        self.place.replace(Some(place));
        let writer = self.clone();
        self.tasks.spawn_local("outbox", async move {
            loop {
                writer.changed.notified().await;
                writer.write().await;
                tokio::time::sleep(WRITE_PAUSE).await;
            }
        });
        self.changed();
        true
    }

    /// Writes what is kept, if that is different from what is on disk.
    pub(super) async fn write(&self) {
        // One after the other: a write that was begun earlier must not end later.
        let _turn = self.writing.lock().await;
        let version = self.version.get();
        let Some(folder) = self.place.borrow().as_ref().map(|place| place.folder().to_owned()) else {
            return;
        };
        if *self.saved.borrow() == version {
            return;
        }
        // Texts and numbers alone cannot fail.
        let bytes = serde_json::to_vec(&*self.kept.borrow()).unwrap_or_default();
        match tokio::task::spawn_blocking(move || kept::save(&folder, &bytes)).await {
            Ok(Ok(())) => drop(self.trouble.take()),
            Ok(Err(error)) => self.in_trouble(&error.to_string()),
            Err(error) => self.in_trouble(&error.to_string()),
        }
        // A disk that takes nothing keeps nobody from being told.
        self.saved.send_replace(version);
    }

    pub(super) fn in_trouble(&self, why: &str) {
        let told = format!("messages that wait cannot be kept over a restart: {why}");
        if self.trouble.replace(Some(told)).is_none() {
            tracing::warn!(why, "messages that wait cannot be kept over a restart");
        }
    }

    /// The message that is due for a destination, if this process sends.
    pub(super) fn next(&self, key: &str) -> Option<Letter> {
        let sends = self.place.borrow().is_some() && !self.gone.get();
        sends.then(|| self.kept.borrow().outbox.first(key)).flatten()
    }

    /// Waits for the next message.
    pub(super) async fn something_new(&self, key: &str) -> Letter {
        loop {
            let bell = self.posts.borrow().get(key).map(|post| post.bell.clone());
            match bell {
                Some(bell) => bell.notified().await,
                // The destination is being taken in.
                None => tokio::task::yield_now().await,
            }
            if let Some(letter) = self.next(key) {
                return letter;
            }
        }
    }

    /// Waits until all that is known now is on disk, so that a message that is sent again has the same number.
    pub(super) async fn kept(&self) {
        let version = self.version.get();
        let mut saved = self.saved.subscribe();
        // It lives as long as this.
        let _ = saved.wait_for(|saved| *saved >= version).await;
    }

    /// An attempt begins; `None` when another process sends from now on.
    pub(super) fn begin(&self) -> Option<Busy<'_>> {
        if self.gone.get() {
            return None;
        }
        self.busy.send_modify(|busy| *busy += 1);
        Some(Busy(self))
    }

    /// Whether a message still waits.
    pub(super) fn waits(&self, key: &str, number: u64) -> bool {
        self.kept.borrow().outbox.waits(key, number)
    }

    pub(super) fn delivered(&self, key: &str, number: u64) {
        self.kept.borrow_mut().outbox.delivered(key, number);
        self.changed();
        if let Some(post) = self.posts.borrow_mut().get_mut(key) {
            post.delivered = Some(clock::now());
            if post.failing.take().is_some() {
                tracing::info!(to = post.destination.name(), "messages arrive again");
            }
        }
    }

    pub(super) fn give_up(&self, key: &str, number: u64, why: &str) {
        self.kept.borrow_mut().outbox.give_up(key, number);
        self.changed();
        self.failed(key, why);
    }

    pub(super) fn failed(&self, key: &str, why: &str) {
        if let Some(post) = self.posts.borrow_mut().get_mut(key) {
            match &mut post.failing {
                Some((_, reason)) => why.clone_into(reason),
                None => {
                    tracing::warn!(to = post.destination.name(), "messages do not arrive: {why}");
                    post.failing = Some((clock::now(), why.to_owned()));
                }
            }
        }
    }
}

/// What names each destination: a digest of the way to it, so that what waits for it stays its own when the file is sorted anew, and no
/// URL is on disk once more.
pub(super) fn keyed(destinations: &[Destination]) -> impl Iterator<Item = (String, &Destination)> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    destinations.iter().map(move |destination| {
        let way = match &destination.way {
            Way::Url(url) => format!("url {}", url.reveal()),
            Way::UrlFile(path) => format!("file {}", path.display()),
            Way::Command(argv) => format!("command {argv:?}"),
        };
        let digest = digest::digest(&digest::SHA256, way.as_bytes());
        let short: String = digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let times = seen.entry(short.clone()).or_default();
        *times += 1;
        (if *times > 1 { format!("{short}-{times}") } else { short }, destination)
    })
}
