//! The thread that writes the access log. It alone knows the file: opens it again when asked or when it was moved, and goes on
//! when the disk is full. What could not be written is counted and reported, at most once a minute.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::marks::Marks;
use crate::config::AccessLogTarget;

/// Between two looks at whether the file was moved.
const LOOK: Duration = Duration::from_secs(1);
/// Between two reports of lost lines.
const REPORT: Duration = Duration::from_secs(60);

/// Lines on their way to the writer.
#[derive(Debug)]
pub(super) struct Block {
    /// Whole lines.
    pub(super) bytes: Vec<u8>,
    /// How many.
    pub(super) lines: u64,
    /// The same lines as JSON, where they are written otherwise.
    pub(super) json: Option<Vec<u8>>,
    /// Those of them that are to be noted, in their form as JSON.
    pub(super) marks: Marks,
    /// Where the buffer goes back to.
    pub(super) home: SyncSender<Vec<u8>>,
}

impl Block {
    /// Sends the buffer back to its core. A core that has enough of them, or that is gone, lets it go.
    fn recycle(mut self) {
        self.bytes.clear();
        let _ = self.home.try_send(self.bytes);
    }
}

/// What the writer is sent.
#[derive(Debug)]
pub(super) enum Message {
    /// Write this.
    Block(Block),
    /// Look at the flags.
    Wake,
}

impl Message {
    /// Counts the lines of a message that found no room as lost, and sends the buffer back.
    pub(super) fn give_up(self, shared: &Shared) {
        match self {
            Self::Block(block) => {
                shared.dropped.fetch_add(block.lines, Ordering::Relaxed);
                block.recycle();
            }
            Self::Wake => {}
        }
    }
}

/// What both sides see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Lines that were lost, for whatever reason.
    pub(super) dropped: AtomicU64,
    /// Open the file again.
    pub(super) reopen: AtomicBool,
    /// Write what is there, then end.
    pub(super) closing: AtomicBool,
    /// Why the last block could not be written; nobody but the writer and `status` looks at it.
    pub(super) trouble: Mutex<Option<String>>,
}

impl Shared {
    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}

/// Where lines go.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// `None` for standard output.
    path: Option<PathBuf>,
}

impl Output {
    /// Opens the target.
    ///
    /// # Errors
    /// When the file cannot be opened; the path is in the text.
    pub(super) fn open(target: &AccessLogTarget) -> io::Result<Self> {
        match target {
            // Not `io::stdout`: its lock and its buffer have nothing to add to whole blocks.
            AccessLogTarget::Stdout => Ok(Self {
                file: File::from(rustix::io::dup(rustix::stdio::stdout())?),
                path: None,
            }),
            AccessLogTarget::File(path) => Ok(Self {
                file: open(path)?,
                path: Some(path.clone()),
            }),
        }
    }

    /// Whether the path leads to another file by now, or to none.
    fn was_moved(&self) -> bool {
        let Some(path) = &self.path else { return false };
        match (self.file.metadata(), std::fs::metadata(path)) {
            (Ok(open), Ok(there)) => (open.dev(), open.ino()) != (there.dev(), there.ino()),
            (Ok(_), Err(error)) => error.kind() == io::ErrorKind::NotFound,
            (Err(_), _) => false,
        }
    }

    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match open(path) {
            Ok(file) => self.file = file,
            Err(error) => tracing::warn!(%error, "the access log cannot be opened again; the old file is kept"),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o640);
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("`{}` cannot be opened: {error}", path.display()));
    options.open(path).map_err(named)
}

/// What the writer's thread owns.
#[derive(Debug)]
pub(super) struct Writer {
    output: Output,
    messages: Receiver<Message>,
    shared: Arc<Shared>,
    looked: Instant,
    /// The last write ended within a line.
    torn: bool,
    reported: u64,
    report_after: Option<Instant>,
    last_error: Option<io::Error>,
    /// The last block could not be written.
    failing: bool,
}

impl Writer {
    pub(super) fn new(output: Output, messages: Receiver<Message>, shared: Arc<Shared>) -> Self {
        Self {
            output,
            messages,
            shared,
            looked: Instant::now(),
            torn: false,
            reported: 0,
            report_after: None,
            last_error: None,
            failing: false,
        }
    }

    /// Runs until nobody is left who hands anything on.
    pub(super) fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            if self.shared.reopen.swap(false, Ordering::AcqRel) {
                self.output.reopen();
            }
            if let Message::Block(block) = message {
                self.write(&block);
                block.recycle();
            }
            self.report();
        }
    }

    fn write(&mut self, block: &Block) {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            if self.output.was_moved() {
                self.output.reopen();
                self.torn = false;
            }
        }
        if std::mem::take(&mut self.torn) {
            // A reader then sees one broken line instead of two.
            let _ = self.output.file.write_all(b"\n");
        }
        let mut rest = block.bytes.as_slice();
        while !rest.is_empty() {
            match self.output.file.write(rest) {
                Ok(0) => return self.lost(block, rest, io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.lost(block, rest, error),
            }
        }
        if std::mem::take(&mut self.failing) {
            self.shared.set_trouble(None);
            tracing::info!("the access log can be written again");
        }
    }

    fn lost(&mut self, block: &Block, rest: &[u8], error: io::Error) {
        let lines = rest.iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
        let written = &block.bytes[..block.bytes.len() - rest.len()];
        self.torn = written.last().is_some_and(|&byte| byte != b'\n');
        if !std::mem::replace(&mut self.failing, true) {
            self.shared.set_trouble(Some(format!(
                "the access log cannot be written: {error}; traffic goes on without it"
            )));
        }
        self.last_error = Some(error);
    }

    fn report(&mut self) {
        let dropped = self.shared.dropped.load(Ordering::Relaxed);
        let now = Instant::now();
        if dropped == self.reported || self.report_after.is_some_and(|after| now < after) {
            return;
        }
        let lines = dropped - std::mem::replace(&mut self.reported, dropped);
        self.report_after = Some(now + REPORT);
        match self.last_error.take() {
            Some(error) => tracing::warn!(lines, %error, "access-log lines could not be written"),
            None => tracing::warn!(
                lines,
                "access-log lines were dropped: the reader of the log is too slow"
            ),
        }
    }
}
