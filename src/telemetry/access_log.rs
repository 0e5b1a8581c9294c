//! The access log: one line for each exchange, through bounded blocks to a writer thread of its own. The data plane
//! never waits for it: when the writer cannot follow, lines are dropped and counted.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::formatter::Formatter;
use super::line::Line;
use super::log_writer::{Block, Message, Output, Shared, Writer};
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
    /// Disconnected when the writer is done.
    done: Arc<Mutex<Receiver<()>>>,
}

impl AccessLog {
    /// Opens the target and starts the writer's thread.
    ///
    /// # Errors
    /// When the file cannot be opened (the path is in the text) or no thread can be started.
    pub fn open(target: &AccessLogTarget, format: AccessLogFormat) -> io::Result<Self> {
        let (messages, blocks) = mpsc::sync_channel(WAITING);
        let (running, done) = mpsc::sync_channel(0);
        let shared = Arc::new(Shared::default());
        let writer = Writer::new(Output::open(target)?, blocks, shared.clone());
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            writer.run();
            drop(running);
        })?;
        let done = Arc::new(Mutex::new(done));
        Ok(Self {
            messages,
            shared,
            format,
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
            messages: self.messages.clone(),
            shared: self.shared.clone(),
            home,
            empty,
        }
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
    messages: SyncSender<Message>,
    shared: Arc<Shared>,
    /// Where the writer sends this core's blocks back to, so that nothing is allocated in the long run.
    home: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

impl Lines {
    /// Formats one line into the core's block; hands the block over when it is full.
    pub fn write(&mut self, line: &Line<'_>) {
        self.formatter.write(line, &mut self.block);
        self.count += 1;
        if self.block.len() >= BLOCK {
            self.flush();
        }
    }

    /// Hands a begun block over; a core calls it every 100 ms. Never waits: what the writer has no room for is dropped.
    pub fn flush(&mut self) {
        if self.count == 0 {
            return;
        }
        let next = self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(CAPACITY));
        let block = Block {
            bytes: std::mem::replace(&mut self.block, next),
            lines: std::mem::take(&mut self.count),
            home: self.home.clone(),
        };
        if let Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) =
            self.messages.try_send(Message::Block(block))
        {
            refused.give_up(&self.shared);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{BufRead, BufReader};
    use std::net::IpAddr;
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::model::log_query::LogQuery;
    use crate::telemetry::origin::Origin;

    fn line(status: u16) -> Line<'static> {
        Line {
            time: SystemTime::UNIX_EPOCH,
            origin: &Origin::NONE,
            client: IpAddr::from([192, 0, 2, 1]),
            user: "",
            host: b"example.com",
            method: b"GET",
            path: b"/",
            query: &LogQuery::Keep,
            referer: b"",
            user_agent: b"",
            status,
            bytes_in: 0,
            bytes_out: 0,
            duration_us: 0,
            first_byte_us: None,
            upstream: "",
            retries: 0,
            held_ms: 0,
            termination: "done",
            reason: "",
            request_id: "",
            protocol: "HTTP/1.1",
            tls: "",
        }
    }

    fn open(path: &Path) -> AccessLog {
        AccessLog::open(&AccessLogTarget::File(path.into()), AccessLogFormat::Json).unwrap()
    }

    fn statuses(path: &Path) -> Vec<u64> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let status = |line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["status"]
                .as_u64()
                .unwrap()
        };
        text.lines().map(status).collect()
    }

    fn eventually(mut what: impl FnMut() -> bool) {
        for _ in 0..500 {
            if what() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not happen within 10 s");
    }

    #[test]
    fn lines_reach_the_file_in_order_and_close_waits_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = open(&path);
        let mut lines = log.lines();
        for status in 0..1000 {
            lines.write(&line(status));
        }
        drop(lines);
        assert!(log.close(Duration::from_secs(10)));
        assert_eq!(statuses(&path), (0..1000).collect::<Vec<_>>());
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_which_are_counted_and_never_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        // Opened for both, so that neither side's open waits for the other, and the end of file comes when we say so.
        let pipe = File::options().read(true).write(true).open(&path).unwrap();
        let log = open(&path);
        let mut lines = log.lines();
        let written = 40_000;
        for status in 0..written {
            lines.write(&line(u16::try_from(status % 1000).unwrap()));
        }
        drop(lines);
        let dropped = log.dropped();
        assert!(dropped > 0, "more than the ring and the pipe can hold was written");
        assert!(
            !log.close(Duration::ZERO),
            "the writer is stuck, and close does not wait for ever"
        );
        let read = BufReader::new(pipe)
            .lines()
            .take(usize::try_from(written - dropped).unwrap());
        let is_whole =
            |text: &io::Result<String>| serde_json::from_str::<serde_json::Value>(text.as_ref().unwrap()).is_ok();
        let read = read.filter(is_whole).count();
        assert_eq!(read as u64 + log.dropped(), written);
        assert!(log.close(Duration::from_secs(10)));
    }

    #[test]
    fn a_full_disk_loses_lines_and_nothing_else() {
        let log = open(Path::new("/dev/full"));
        let mut lines = log.lines();
        lines.write(&line(200));
        lines.write(&line(200));
        lines.flush();
        eventually(|| log.dropped() == 2);
        lines.write(&line(200));
        lines.flush();
        eventually(|| log.dropped() == 3);
    }

    #[test]
    fn the_file_is_opened_again_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
        let log = open(&path);
        let mut lines = log.lines();
        lines.write(&line(1));
        lines.flush();
        eventually(|| statuses(&path) == [1]);
        std::fs::rename(&path, &old).unwrap();
        log.reopen();
        lines.write(&line(2));
        drop(lines);
        assert!(log.close(Duration::from_secs(10)));
        assert_eq!((statuses(&old), statuses(&path)), (vec![1], vec![2]));
    }

    #[test]
    fn a_file_that_was_moved_away_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, old) = (folder.path().join("access.log"), folder.path().join("access.log.1"));
        let log = open(&path);
        std::fs::rename(&path, &old).unwrap();
        let mut lines = log.lines();
        eventually(|| {
            lines.write(&line(200));
            lines.flush();
            !statuses(&path).is_empty()
        });
        assert_eq!(log.dropped(), 0);
    }

    #[test]
    fn written_blocks_come_back_to_be_filled_again() {
        let folder = tempfile::tempdir().unwrap();
        let log = open(&folder.path().join("access.log"));
        let mut lines = log.lines();
        let first = lines.block.as_ptr();
        lines.write(&line(200));
        lines.flush();
        drop(log);
        let back = lines.empty.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!((back.as_ptr(), back.len(), back.capacity()), (first, 0, CAPACITY));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let target = AccessLogTarget::File("/nowhere/access.log".into());
        let error = AccessLog::open(&target, AccessLogFormat::Json).unwrap_err().to_string();
        assert!(error.contains("`/nowhere/access.log`"), "{error}");
    }
}
