//! `journal.jsonl`: whatever tore it, its whole lines are read, and what is appended is read behind them.

use std::fs;

use greengate::control::JournalFile;
use greengate::model::history::{Entry, Record};

use crate::fuzz;

const WORDS: &[&[u8]] = &[
    b"\n",
    b"\n\n",
    b"\0\0\0\0",
    b"{\"time\":\"2026-01-01T00:00:00.000Z\",\"record\":\"stopped\",\"pid\":1}\n",
    b"{\"time\":\"2026-01-01T00:00:00.000Z\",\"environment\":\"prod\",\"operation\":7,\"record\":\"asked\",\"kind\":\"swap\",\"caller\":{\"uid\":0,\"user\":\"root\"}}\n",
    b"\"operation\":18446744073709551615,",
    b"\"environment\":\"dev\",",
    b"\"record\":\"torn\",\"kind\":\"rollback\",\"live\":\"green\"",
    b"\"pid\":-1",
    b"\\ud800",
    b"\r",
    b"{",
    b"}",
];

#[test]
#[expect(clippy::disallowed_methods, reason = "a file of a test need not survive a crash")]
fn whole_lines_of_a_torn_journal_are_read_and_what_is_appended_behind_them() {
    fuzz("journal", WORDS, |bytes| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("journal.jsonl"), bytes).unwrap();
        let journal = JournalFile::open(folder.path());
        let lines: Vec<Entry> = bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect();
        assert_eq!(journal.newest(None, usize::MAX, true), lines);
        for entry in &lines {
            let written = serde_json::to_vec(entry).unwrap();
            assert!(!written.contains(&b'\n'));
            assert_eq!(serde_json::from_slice::<Entry>(&written).as_ref().ok(), Some(entry));
        }

        // Torn ends are closed once, and every entry that was there is still there.
        let torn = journal.close_torn(&[], |_| "blue".into()).len();
        let closed = journal.newest(None, usize::MAX, true);
        assert_eq!(closed.len(), lines.len() + torn);
        assert_eq!(closed[..lines.len()], lines);
        assert!(journal.close_torn(&[], |_| "blue".into()).is_empty());
        let stopped = Entry {
            time: "2026-01-01T00:00:00.000Z".into(),
            environment: None,
            operation: None,
            record: Record::Stopped { pid: 1 },
        };
        // Another process appends, and the file is rotated as soon as it holds anything.
        let journal = JournalFile::with_size(folder.path(), 1);
        for _ in 0..2 {
            journal.append(&stopped);
        }
        let newest = journal.newest(None, lines.len() + torn + 2, true);
        assert_eq!(newest[newest.len() - 2..], [stopped.clone(), stopped]);
        assert_eq!(newest[..newest.len() - 2], closed);
        assert_eq!(journal.trouble(), None);
    });
}
