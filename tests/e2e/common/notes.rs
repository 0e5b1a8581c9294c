//! Readers and writers of the notes that `tests/apps/fastapi_app.py` keeps in SQLite. They forgive nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::task::JoinHandle;

use super::load::Target;

/// They run until they are stopped.
#[derive(Debug)]
pub struct Notes {
    target: Target,
    shared: Arc<Shared>,
    readers: Vec<JoinHandle<()>>,
    writers: Vec<JoinHandle<u64>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    reads: AtomicU64,
}

impl Notes {
    /// Starts so many readers and writers.
    pub fn start(target: &Target, readers: usize, writers: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let of = || (target.clone(), Arc::clone(&shared));
        Self {
            readers: (0..readers).map(|_| tokio::spawn(read(of()))).collect(),
            writers: (0..writers).map(|number| tokio::spawn(write(of(), number))).collect(),
            target: target.clone(),
            shared,
        }
    }

    /// How often they were read so far.
    pub fn reads(&self) -> u64 {
        self.shared.reads.load(Ordering::Relaxed)
    }

    /// Lets all of them finish. Whatever was written is there, once.
    pub async fn stop(self) -> u64 {
        self.shared.stopped.store(true, Ordering::Relaxed);
        let mut written = 0;
        for writer in self.writers {
            written += writer.await.expect("a writer is content");
        }
        for reader in self.readers {
            reader.await.expect("a reader is content");
        }
        let mut client = self.target.client().await.expect("the door accepts");
        let answer = client.get(&self.target.host, "/notes").await.expect("an answer");
        assert_eq!(answer.text(), written.to_string(), "each note is there once");
        written
    }
}

async fn read((target, shared): (Target, Arc<Shared>)) {
    let mut client = target.client().await.expect("the door accepts");
    while !shared.stopped.load(Ordering::Relaxed) {
        let answer = client.get(&target.host, "/notes").await.expect("no read is lost");
        assert_eq!(answer.status, 200, "{}", answer.text());
        shared.reads.fetch_add(1, Ordering::Relaxed);
    }
}

async fn write((target, shared): (Target, Arc<Shared>), number: usize) -> u64 {
    let mut client = target.client().await.expect("the door accepts");
    let mut written = 0;
    while !shared.stopped.load(Ordering::Relaxed) {
        let path = format!("/notes/{number}-{written}");
        let answer = client.post(&target.host, &path, b"").await.expect("no write is lost");
        assert_eq!(answer.status, 200, "a write was refused: {}", answer.text());
        written += 1;
    }
    written
}
