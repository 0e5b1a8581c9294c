//! `journal.jsonl`: who did what, when, and the evidence, as JSON lines. History only: nothing decides from it, so a journal that
//! cannot be written is logged and stops no operation.
//!
//! A crash may tear the last line; the next process begins a new one, and reading skips what is no entry. At 10 MiB the file is
//! rotated; five are kept.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::control::clock::now;
use crate::control::ports::Journal;
use crate::model::api::Action;
use crate::model::history::{Entry, Record};

/// Bytes at which a file is rotated.
const SIZE: u64 = 10 * 1024 * 1024;
/// Files that are kept, the current one included.
const FILES: usize = 5;
/// Files that are searched for operations without an end. An operation that old has been reported by an earlier start.
const SEARCHED: usize = 2;

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

    /// The newest entries, of one environment or of all, newest last. Reads files: not for a thread that has to be quick.
    #[must_use]
    pub fn newest(&self, environment: Option<&str>, limit: usize) -> Vec<Entry> {
        // Opened under the lock, so that no rotation comes between; read without it, so that entries can be written meanwhile.
        let files = self.book().files(FILES);
        let mut found = Vec::new();
        for text in files.iter().rev().map(read) {
            let entries = text.rsplit(|&byte| byte == b'\n').filter_map(entry);
            let wanted = |entry: &Entry| environment.is_none() || entry.environment.as_deref() == environment;
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
        let length = file.metadata()?.len();
        if length > 0 && length + line.len() as u64 > self.size {
            self.rotate()?;
            file = open(&self.path(0))?;
        }
        file.write_all(line)?;
        self.file = Some(file);
        Ok(())
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
mod tests {
    use super::*;
    use crate::model::api::{CommonStep, Event};
    use crate::model::history::Caller;

    fn entry_of(environment: &str, operation: u64, record: Record) -> Entry {
        Entry {
            time: now(),
            environment: Some(environment.into()),
            operation: Some(operation),
            record,
        }
    }

    fn asked(environment: &str, operation: u64) -> Entry {
        let caller = Caller {
            uid: 0,
            user: "root".into(),
        };
        entry_of(
            environment,
            operation,
            Record::Asked {
                kind: Action::Swap,
                caller,
            },
        )
    }

    fn step(environment: &str, operation: u64, event: Event) -> Entry {
        entry_of(environment, operation, Record::Step { event: Box::new(event) })
    }

    fn warning(message: &str) -> Event {
        Event::Common(CommonStep::Warning {
            message: message.into(),
        })
    }

    fn operations(journal: &JournalFile) -> Vec<u64> {
        journal
            .newest(None, 1_000_000)
            .iter()
            .filter_map(|entry| entry.operation)
            .collect()
    }

    #[test]
    fn the_time_is_rfc_3339_with_milliseconds() {
        let now = now();
        assert_eq!(now.len(), "2026-01-01T00:00:00.000Z".len(), "{now}");
        assert!(now.ends_with('Z') && now.parse::<jiff::Timestamp>().is_ok(), "{now}");
    }

    #[test]
    fn the_newest_come_last_and_can_be_of_one_environment() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = JournalFile::open(folder.path());
        for operation in 1..=10 {
            journal.record(asked(if operation % 2 == 0 { "prod" } else { "dev" }, operation));
        }
        journal.note(Record::Stopped { pid: 1 });
        let prod: Vec<_> = journal
            .newest(Some("prod"), 3)
            .iter()
            .map(|entry| entry.operation.unwrap())
            .collect();
        assert_eq!(prod, [6, 8, 10]);
        assert_eq!(
            journal.newest(None, 2).last().unwrap().record,
            Record::Stopped { pid: 1 }
        );
        assert!(journal.newest(Some("nowhere"), 3).is_empty());
        assert!(journal.newest(None, 0).is_empty());
    }

    #[test]
    fn a_torn_tail_costs_that_line_alone() {
        let folder = tempfile::tempdir().unwrap();
        JournalFile::open(folder.path()).record(asked("prod", 1));
        let path = folder.path().join("journal.jsonl");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(br#"{"time":"2026-01-01T00:00:00Z","environment":"pr"#)
            .unwrap();
        let mut journal = JournalFile::open(folder.path());
        assert_eq!(operations(&journal), [1]);
        journal.record(asked("prod", 2));
        assert_eq!(operations(&journal), [1, 2]);
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn five_files_are_kept_and_read_as_one() {
        let folder = tempfile::tempdir().unwrap();
        let line = serde_json::to_vec(&asked("prod", 1000)).unwrap().len() as u64 + 1;
        let mut journal = JournalFile::with_size(folder.path(), line * 4);
        for operation in 1001..=1100 {
            journal.record(asked("prod", operation));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), FILES);
        for file in fs::read_dir(folder.path()).unwrap() {
            assert!(file.unwrap().metadata().unwrap().len() <= line * 4);
        }
        let kept = operations(&journal);
        assert_eq!(kept, (1081..=1100).collect::<Vec<_>>());
        let newest = journal.newest(None, 6);
        assert_eq!(
            newest.iter().map(|entry| entry.operation.unwrap()).collect::<Vec<_>>(),
            (1095..=1100).collect::<Vec<_>>()
        );
        // A process that starts over goes on in the current file.
        JournalFile::with_size(folder.path(), line * 4).record(asked("prod", 1101));
        assert_eq!(operations(&journal).last(), Some(&1101));
    }

    #[test]
    fn operations_without_an_end_are_closed_once_with_what_is_live() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = JournalFile::open(folder.path());
        journal.record(asked("prod", 1));
        journal.record(step("prod", 1, Event::Common(CommonStep::Planned)));
        journal.record(asked("prod", 2));
        journal.record(step("prod", 2, warning("certificates")));
        journal.record(asked("dev", 3));
        let warnings = journal.close_torn(&[], |environment| format!("green of {environment}"));
        assert_eq!(
            warnings,
            [
                "swap 2 of `prod` did not finish before the last stop; green of prod is live",
                "swap 3 of `dev` did not finish before the last stop; green of dev is live",
            ]
        );
        let last = journal.newest(Some("dev"), 1).remove(0);
        assert_eq!(
            (last.operation, last.record),
            (
                Some(3),
                Record::Torn {
                    kind: Action::Swap,
                    live: "green of dev".into()
                }
            )
        );
        let again = JournalFile::open(folder.path());
        assert!(again.close_torn(&[], |_| String::new()).is_empty());
    }

    #[test]
    fn an_operation_is_found_unfinished_across_a_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = JournalFile::with_size(folder.path(), 400);
        journal.record(asked("prod", 1));
        journal.record(asked("dev", 2));
        journal.record(step("dev", 2, warning("x")));
        journal.record(step("dev", 2, Event::Common(CommonStep::Planned)));
        assert!(folder.path().join("journal.1.jsonl").exists());
        assert_eq!(journal.close_torn(&[], |_| "blue".into()).len(), 1);
    }

    #[test]
    fn a_journal_that_cannot_be_written_stops_nothing_and_goes_on_when_it_can() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("journal.jsonl")).unwrap();
        let mut journal = JournalFile::open(folder.path());
        journal.record(asked("prod", 1));
        assert!(journal.trouble().unwrap().contains("cannot be written"));
        fs::remove_dir(folder.path().join("journal.jsonl")).unwrap();
        journal.record(asked("prod", 2));
        assert_eq!(operations(&journal), [2]);
        assert_eq!(journal.trouble(), None);
    }
}
