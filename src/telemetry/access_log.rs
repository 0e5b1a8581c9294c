//! The access log: one line for each exchange, through bounded blocks to threads of its own, which keep the newest and write all. The
//! data plane never waits for them: when the writer cannot follow, lines are dropped and counted.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::formatter::Formatter;
use super::line::Line;
use super::log_keeper::{Keeper, Memory};
use super::log_writer::{Block, Message, Output, Shared, Writer};
use super::marks::{Bar, Marks};
use crate::config::{AccessLogFormat, AccessLogTarget};

/// A block is handed over when it holds this many bytes. The kernel takes a large block for half the price of small
/// ones, and the writer has to be woken for each.
const BLOCK: usize = 128 * 1024;
/// Room for the line that makes it full; a longer one makes the buffer grow.
const CAPACITY: usize = BLOCK + 4 * 1024;
/// Blocks that may wait for the writer, of all cores: 2 MiB, some 6,000 lines. More are dropped.
const WAITING: usize = 16;
/// Written blocks that may wait to be filled again, per core.
const EMPTY: usize = 2;

/// The log as the process owns it. A clone is another handle of the same log.
#[derive(Debug, Clone)]
pub struct AccessLog {
    messages: SyncSender<Message>,
    shared: Arc<Shared>,
    format: AccessLogFormat,
    memory: Memory,
    /// Disconnected when the writer is done.
    done: Arc<Mutex<Receiver<()>>>,
}

impl AccessLog {
    /// Opens the target and starts the keeper's and the writer's threads.
    ///
    /// # Errors
    /// When the file cannot be opened (the path is in the text) or a thread cannot be started.
    pub fn open(target: &AccessLogTarget, format: AccessLogFormat) -> io::Result<Self> {
        let (messages, handed_over) = mpsc::sync_channel(WAITING);
        let (writer, blocks) = mpsc::sync_channel(WAITING);
        let (running, done) = mpsc::sync_channel(0);
        let shared = Arc::new(Shared::default());
        let memory = Memory::default();
        let keeper = Keeper {
            memory: memory.clone(),
            messages: handed_over,
            writer,
            shared: shared.clone(),
        };
        let writer = Writer::new(Output::open(target)?, blocks, shared.clone());
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            writer.run();
            drop(running);
        })?;
        std::thread::Builder::new()
            .name("recent-lines".into())
            .spawn(move || keeper.run())?;
        let done = Arc::new(Mutex::new(done));
        Ok(Self {
            messages,
            shared,
            format,
            memory,
            done,
        })
    }

    /// The end for one core.
    #[must_use]
    pub fn lines(&self) -> Lines {
        let (home, empty) = mpsc::sync_channel(EMPTY);
        Lines {
            block: Vec::with_capacity(CAPACITY),
            count: 0,
            formatter: Formatter::new(self.format),
            json: (self.format != AccessLogFormat::Json).then(Json::new),
            marks: Marks::default(),
            bar: Bar::new(),
            messages: self.messages.clone(),
            shared: self.shared.clone(),
            home,
            empty,
        }
    }

    /// What is kept in memory.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Opens the file again, as SIGUSR1 asks for. Returns at once; a failure is logged, and the old file is kept.
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        self.wake();
    }

    /// Lines that were dropped: the writer could not follow, or the disk did not take them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// What an operator should know: the last block could not be written.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.shared
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes what was handed over so far and ends the writer. Whether that was done within `patience`; a reader of standard
    /// output that does not read must not keep the process from ending.
    pub fn close(&self, patience: Duration) -> bool {
        self.shared.closing.store(true, Ordering::Release);
        self.wake();
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(done.recv_timeout(patience), Err(RecvTimeoutError::Disconnected))
    }

    fn wake(&self) {
        // Full means that the writer has work, and looks at the flags between two blocks anyway.
        let _ = self.messages.try_send(Message::Wake);
    }
}

/// One core's end of the log.
#[derive(Debug)]
pub struct Lines {
    block: Vec<u8>,
    count: u64,
    formatter: Formatter,
    /// `None` where the log itself is of JSON.
    json: Option<Json>,
    marks: Marks,
    bar: Bar,
    messages: SyncSender<Message>,
    shared: Arc<Shared>,
    /// Where the writer sends this core's blocks back to, so that nothing is allocated in the long run.
    home: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

impl Lines {
    /// Formats one line into the core's block; hands the block over when it is full.
    pub fn write(&mut self, line: &Line<'_>) {
        let mut begin = self.block.len();
        self.formatter.write(line, &mut self.block);
        if let Some(json) = &mut self.json {
            begin = json.block.len();
            json.formatter.write(line, &mut json.block);
        }
        self.count += 1;
        if line.has_failed() || line.waited_us() > self.bar.micros {
            self.mark(line, begin);
        }
        if self.block.len() >= BLOCK {
            self.flush();
        }
    }

    /// The newest line, which begins there, is to be noted.
    #[cold]
    fn mark(&mut self, line: &Line<'_>, begin: usize) {
        let end = self.json.as_ref().map_or(self.block.len(), |json| json.block.len());
        self.marks.add(begin..end, line.has_failed());
        if line.waited_us() > self.bar.micros {
            self.bar.raise(line.waited_us());
        }
    }

    /// Hands a begun block over; a core calls it every 100 ms. Never waits: what the writer has no room for is dropped.
    pub fn flush(&mut self) {
        self.bar.look_at_the_clock();
        if self.count == 0 {
            return;
        }
        let next = self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(CAPACITY));
        let block = Block {
            bytes: std::mem::replace(&mut self.block, next),
            lines: std::mem::take(&mut self.count),
            json: self.json.as_mut().map(|json| std::mem::take(&mut json.block)),
            marks: std::mem::take(&mut self.marks),
            home: self.home.clone(),
        };
        if let Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) =
            self.messages.try_send(Message::Block(block))
        {
            refused.give_up(&self.shared);
        }
    }
}

/// The lines as JSON, beside those of another format that has less.
#[derive(Debug)]
struct Json {
    formatter: Formatter,
    block: Vec<u8>,
}

impl Json {
    fn new() -> Self {
        Self {
            formatter: Formatter::new(AccessLogFormat::Json),
            block: Vec::new(),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
#[path = "access_log_tests.rs"]
mod tests;
