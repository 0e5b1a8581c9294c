//! `journal.jsonl`: who did what, when, and the evidence, as JSON lines. History only: nothing decides from it but that no number
//! is given twice, so a journal that cannot be written is logged and stops no operation.
//!
//! A crash may tear the last line; the next process begins a new one, and reading skips what is no entry. At 10 MiB the file is
//! rotated; five are kept.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::control::clock::now;
use crate::control::ports::Journal;
use crate::model::api::{Action, DeployStep, Event};
use crate::model::history::{Entry, Record};

/// Bytes at which a file is rotated.
const SIZE: u64 = 10 * 1024 * 1024;
/// Files that are kept, the current one included.
const FILES: usize = 5;
/// Files that are searched for operations without an end. An operation that old has been reported by an earlier start.
const SEARCHED: usize = 2;
/// What every reader of JSON takes exactly. A number above it was never given: something has happened to the file.
const HIGHEST: u64 = (1 << 53) - 1;

/// The journal of a state folder. A clone is another handle of the same journal.
#[derive(Debug, Clone)]
pub struct JournalFile {
    book: Arc<Mutex<Book>>,
}

impl JournalFile {
    /// Opens or begins the journal of a folder.
    #[must_use]
    pub fn open(folder: &Path) -> Self {
        Self::with_size(folder, SIZE)
    }

    /// As [`JournalFile::open`], rotated at so many bytes.
    #[must_use]
    pub fn with_size(folder: &Path, size: u64) -> Self {
        let folder = folder.into();
        let book = Book {
            folder,
            size,
            file: None,
            trouble: None,
        };
        Self {
            book: Arc::new(Mutex::new(book)),
        }
    }

    /// Appends something that belongs to no operation, with the current time.
    pub(in crate::control) fn note(&self, record: Record) {
        let (environment, operation) = (None, None);
        self.append(&Entry {
            time: now(),
            environment,
            operation,
            record,
        });
    }

    /// Ends every operation that the last process did not finish with a [`Record::Torn`]; `live` names what is live in an
    /// environment, as the state says. Another process still ends those that are `begun`. Returns a warning for each.
    pub fn close_torn(&self, begun: &[u64], live: impl Fn(&str) -> String) -> Vec<String> {
        // Bound by a `let`, so that the book is free again when entries are appended.
        let files = self.book().files(SEARCHED);
        let mut warnings = Vec::new();
        let mut unfinished = unfinished(&files);
        unfinished.retain(|operation, _| !begun.contains(operation));
        for (operation, (environment, kind)) in unfinished {
            let live = live(&environment);
            warnings.push(format!(
                "{kind} {operation} of `{environment}` did not finish before the last stop; {live} is live"
            ));
            self.append(&Entry {
                time: now(),
                environment: Some(environment),
                operation: Some(operation),
                record: Record::Torn { kind, live },
            });
        }
        warnings
    }

    /// The highest number of an operation in the newest file that has any.
    #[must_use]
    pub fn highest_operation(&self) -> Option<u64> {
        // Bound by a `let`, as above.
        let files = self.book().files(FILES);
        let highest = |file: &File| {
            let text = read(file);
            let entries = text.split(|&byte| byte == b'\n').filter_map(entry);
            let numbers = entries.filter_map(|entry| entry.operation);
            numbers.filter(|number| *number <= HIGHEST).max()
        };
        files.iter().rev().find_map(highest)
    }

    /// The newest entries, of one environment or of all, newest last; with or without what commands wrote. Reads files: not for a
    /// thread that has to be quick.
    #[must_use]
    pub fn newest(&self, environment: Option<&str>, limit: usize, output: bool) -> Vec<Entry> {
        // Opened under the lock, so that no rotation comes between; read without it, so that entries can be written meanwhile.
        let files = self.book().files(FILES);
        let mut found = Vec::new();
        for text in files.iter().rev().map(read) {
            let entries = text.rsplit(|&byte| byte == b'\n').filter_map(entry);
            let wanted = |entry: &Entry| environment.is_none() || entry.environment.as_deref() == environment;
            let entries = entries.map(|entry| if output { entry } else { without_output(entry) });
            found.extend(entries.filter(wanted).take(limit - found.len()));
            if found.len() == limit {
                break;
            }
        }
        found.reverse();
        found
    }

    /// Appends an entry. Failures are logged, and told by `status` until an entry can be written again.
    pub fn append(&self, entry: &Entry) {
        let written = serde_json::to_vec(entry).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.book().append(&line)
        });
        let mut book = self.book();
        match written {
            Ok(()) => book.trouble = None,
            Err(error) => {
                tracing::error!(%error, ?entry, "the journal cannot be written");
                book.trouble = Some(format!(
                    "the journal `{}` cannot be written: {error} (at {}); the history has a gap",
                    book.path(0).display(),
                    entry.time
                ));
            }
        }
    }

    /// What an operator should know: the last entry could not be written.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.book().trouble.clone()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for JournalFile {
    fn record(&mut self, entry: Entry) {
        self.append(&entry);
    }
}

#[derive(Debug)]
struct Book {
    folder: PathBuf,
    size: u64,
    /// `None` before the first entry and after a failure, when its last line may be torn.
    file: Option<File>,
    /// Why the last entry could not be written.
    trouble: Option<String>,
}

impl Book {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path(0))?,
        };
        if self.is_full(&file, line)? && !self.is_current(&file)? {
            // Another process writes here too while it drains, and has rotated.
            file = open(&self.path(0))?;
        }
        if self.is_full(&file, line)? {
            self.rotate()?;
            file = open(&self.path(0))?;
        }
        file.write_all(line)?;
        self.file = Some(file);
        Ok(())
    }

    fn is_full(&self, file: &File, line: &[u8]) -> io::Result<bool> {
        let length = file.metadata()?.len();
        Ok(length > 0 && length + line.len() as u64 > self.size)
    }

    /// Whether this is the file that the current one's name leads to.
    fn is_current(&self, file: &File) -> io::Result<bool> {
        let ours = file.metadata()?;
        match fs::metadata(self.path(0)) {
            Ok(named) => Ok((named.dev(), named.ino()) == (ours.dev(), ours.ino())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (1..FILES).rev() {
            match fs::rename(self.path(number - 1), self.path(number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// 0 is the current one; the higher the number, the older.
    fn path(&self, number: usize) -> PathBuf {
        self.folder.join(match number {
            0 => "journal.jsonl".to_owned(),
            _ => format!("journal.{number}.jsonl"),
        })
    }

    /// Those that are there, oldest first.
    fn files(&self, count: usize) -> Vec<File> {
        (0..count)
            .rev()
            .filter_map(|number| File::open(self.path(number)).ok())
            .collect()
    }
}

/// Opens for appending, behind a whole line.
fn open(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.len() > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

fn read(mut file: &File) -> Vec<u8> {
    let mut text = Vec::new();
    // What cannot be read is not shown; what was read before is.
    if let Err(error) = file.read_to_end(&mut text) {
        tracing::warn!(%error, "the journal cannot be read");
    }
    text
}

/// A torn line is no entry, nor is one that a newer version wrote in its own words.
fn entry(line: &[u8]) -> Option<Entry> {
    serde_json::from_slice(line).ok()
}

/// An entry that takes little room whatever its command wrote.
fn without_output(mut entry: Entry) -> Entry {
    if let Record::Step { event } = &mut entry.record
        && let Event::Deploy(DeployStep::CommandEnded(ended)) = &mut **event
    {
        ended.output = String::new();
    }
    entry
}

/// Operations that were asked for and have no end.
fn unfinished(files: &[File]) -> BTreeMap<u64, (String, Action)> {
    let mut open = BTreeMap::new();
    for text in files.iter().map(read) {
        for entry in text.split(|&byte| byte == b'\n').filter_map(entry) {
            let (Some(operation), Some(environment)) = (entry.operation, entry.environment) else {
                continue;
            };
            match entry.record {
                Record::Asked { kind, .. } => drop(open.insert(operation, (environment, kind))),
                Record::Step { event } if event.exit_code().is_some() => drop(open.remove(&operation)),
                Record::Torn { .. } => drop(open.remove(&operation)),
                Record::Step { .. } | Record::Started { .. } | Record::Stopped { .. } => {}
            }
        }
    }
    open
}

#[cfg(test)]
mod tests;
