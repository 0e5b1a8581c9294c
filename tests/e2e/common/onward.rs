//! Clients of an environment whose versions only ever grow. Whatever anybody has seen before a request is sent, its answer may not be
//! older (N3).

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use greengate::model::api::{Event, SwapStep};
use tokio::task::JoinHandle;

use super::door::Door;
use super::{eventually, holds, secs};

/// Clients that run until they are stopped.
#[derive(Debug, Default)]
pub struct Onward {
    seen: Arc<Seen>,
    clients: Vec<JoinHandle<()>>,
}

/// What all of them together have seen.
#[derive(Debug, Default)]
pub struct Seen {
    newest: AtomicU64,
    asked: AtomicU64,
    stopped: AtomicBool,
}

impl Seen {
    /// Whether there is more to ask.
    pub fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::SeqCst)
    }

    /// Before a request is sent: no answer may be older than this.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::SeqCst)
    }

    /// What has answered, and by which version, to a request that was sent after `bound` was seen.
    #[track_caller]
    pub fn see(&self, what: &str, version: &str, bound: u64) {
        let version: u64 = version.parse().expect("a version");
        assert!(
            version >= bound,
            "{what} is of version {version}, after {bound} was seen"
        );
        self.newest.fetch_max(version, Ordering::SeqCst);
        self.asked.fetch_add(1, Ordering::SeqCst);
    }
}

impl Onward {
    /// One more client.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, client: impl FnOnce(Arc<Seen>) -> F) {
        self.clients.push(tokio::spawn(client(Arc::clone(&self.seen))));
    }

    /// Swaps `prod`, all of these services in one, and waits for so many more answers.
    pub async fn swap(&self, door: &Door, services: &[&str], more: u64) {
        let finished = door.swap("prod", &[]).await;
        finished.assert_done();
        let together = finished.find(|event| match event {
            Event::Swap(SwapStep::Switched { services, .. }) => Some(services.clone()),
            _ => None,
        });
        assert_eq!(together.expect("it has switched"), services);
        let mark = self.seen.asked.load(Ordering::SeqCst);
        eventually(secs(20), || async {
            let broken = self.clients.iter().any(JoinHandle::is_finished);
            let asked = self.seen.asked.load(Ordering::SeqCst);
            holds(broken || asked > mark + more, || "clients do not get on".to_owned())
        })
        .await;
    }

    /// Stops them. The last version has been seen.
    pub async fn end(self, last: u64) {
        self.seen.stopped.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.expect("no client saw a mixture");
        }
        assert_eq!(self.seen.newest.load(Ordering::SeqCst), last, "every version was seen");
    }
}
