//! The thread between the cores and the writer of the access log. It keeps the newest lines and notes those of requests that failed or
//! took long, and only then hands a block on: a target that nobody reads stops the writer, and not what is kept.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::log_writer::{Block, Message, Shared};
use super::recent::Recent;
use crate::model::api::{Logged, LogsStatus, NotedRequest, Requests};
use crate::model::worst::Worst;

/// What is kept, for those who ask. A clone is another handle of the same.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    recent: Recent,
    worst: Arc<Mutex<Worst>>,
}

impl Memory {
    /// The newest lines.
    #[must_use]
    pub fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Requests of the last hour that failed or took long, of one environment or of all, at most `limit` of each kind.
    #[must_use]
    pub fn requests(&self, environment: Option<&str>, limit: usize) -> Requests {
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        worst.shown(minute(), environment, limit)
    }

    /// What all of it takes.
    #[must_use]
    pub fn status(&self) -> LogsStatus {
        let (lines, bytes, followers) = self.recent.size();
        let (failed, slowest, requests_bytes) = self.worst.lock().unwrap_or_else(PoisonError::into_inner).kept();
        LogsStatus {
            lines,
            bytes: bytes as u64,
            followers: followers as u64,
            failed: failed as u64,
            slowest: slowest as u64,
            requests_bytes: requests_bytes as u64,
        }
    }

    fn keep(&self, block: &Block) {
        let lines = block.json.as_deref().unwrap_or(&block.bytes);
        self.recent.keep(lines, block.lines);
        if block.marks.places.is_empty() {
            return;
        }
        let requests: Vec<_> = block
            .marks
            .places
            .iter()
            .filter_map(|place| noted(lines.get(place.clone())?))
            .collect();
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        worst.leave_out(block.marks.left_out);
        let now = minute();
        requests.into_iter().for_each(|request| worst.note(request, now));
    }
}

/// What is remembered of a line.
fn noted(line: &[u8]) -> Option<NotedRequest> {
    let line: Logged<'_> = serde_json::from_slice(line).ok()?;
    Some(NotedRequest {
        fault: line.blame(),
        path: line.bare_path().to_owned(),
        time: line.time.into_owned(),
        environment: line.environment.into_owned(),
        service: line.service.into_owned(),
        slot: line.slot.into_owned(),
        method: line.method.into_owned(),
        host: line.host.into_owned(),
        status: line.status,
        duration_us: line.duration_us,
        first_byte_us: line.first_byte_us,
        held_ms: line.held_ms,
        termination: line.termination.into_owned(),
        reason: line.reason.into_owned(),
        request_id: line.request_id.into_owned(),
    })
}

/// Minutes since 1970.
fn minute() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / 60)
}

/// What the keeper's thread owns.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) memory: Memory,
    pub(super) messages: Receiver<Message>,
    pub(super) writer: SyncSender<Message>,
    pub(super) shared: Arc<Shared>,
}

impl Keeper {
    /// Runs until the log is closed, or nobody is left who could write to it. The writer ends when it has written what is there.
    pub(super) fn run(self) {
        while let Some(message) = self.next() {
            if let Message::Block(block) = &message {
                self.memory.keep(block);
            }
            self.hand_on(message);
        }
        self.memory.recent.end();
    }

    fn next(&self) -> Option<Message> {
        match self.messages.try_recv() {
            Ok(message) => Some(message),
            Err(_) if self.shared.closing.load(Ordering::Acquire) => None,
            Err(_) => self.messages.recv().ok(),
        }
    }

    fn hand_on(&self, message: Message) {
        if self.shared.closing.load(Ordering::Acquire) {
            // Nothing comes any more that could pile up, and whoever closes the log has a patience of its own.
            let _ = self.writer.send(message);
        } else if let Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) =
            self.writer.try_send(message)
        {
            refused.give_up(&self.shared);
        }
    }
}
