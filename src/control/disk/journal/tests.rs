//! What the journal keeps, and for how long.

use super::*;
use crate::model::api::{CommandEnded, CommonStep, Stage};
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
            within: None,
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
        .newest(None, 1_000_000, true)
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
        .newest(Some("prod"), 3, true)
        .iter()
        .map(|entry| entry.operation.unwrap())
        .collect();
    assert_eq!(prod, [6, 8, 10]);
    assert_eq!(
        journal.newest(None, 2, true).last().unwrap().record,
        Record::Stopped { pid: 1 }
    );
    assert!(journal.newest(Some("nowhere"), 3, true).is_empty());
    assert!(journal.newest(None, 0, true).is_empty());
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
    let newest = journal.newest(None, 6, true);
    assert_eq!(
        newest.iter().map(|entry| entry.operation.unwrap()).collect::<Vec<_>>(),
        (1095..=1100).collect::<Vec<_>>()
    );
    // A process that starts over goes on in the current file.
    JournalFile::with_size(folder.path(), line * 4).record(asked("prod", 1101));
    assert_eq!(operations(&journal).last(), Some(&1101));
}

#[test]
fn two_processes_that_write_rotate_once() {
    let folder = tempfile::tempdir().unwrap();
    let line = serde_json::to_vec(&asked("prod", 1000)).unwrap().len() as u64 + 1;
    let (mut new, mut old) = (
        JournalFile::with_size(folder.path(), line * 4),
        JournalFile::with_size(folder.path(), line * 4),
    );
    for operation in (1001..=1011).step_by(2) {
        new.record(asked("prod", operation));
        old.record(asked("prod", operation + 1));
    }
    assert_eq!(operations(&new), (1001..=1012).collect::<Vec<_>>());
    assert!(folder.path().join("journal.2.jsonl").exists());
    assert!(
        !folder.path().join("journal.3.jsonl").exists(),
        "12 lines are 3 files of 4"
    );
}

#[test]
fn the_highest_number_is_found_across_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = JournalFile::with_size(folder.path(), 400);
    assert_eq!(journal.highest_operation(), None);
    journal.note(Record::Stopped { pid: 1 });
    assert_eq!(journal.highest_operation(), None);
    // A process that drains may write down the end of an earlier one.
    journal.record(asked("prod", 12));
    journal.record(asked("prod", 11));
    assert_eq!(journal.highest_operation(), Some(12));
    while !folder.path().join("journal.2.jsonl").exists() {
        journal.note(Record::Stopped { pid: 1 });
    }
    assert_eq!(journal.highest_operation(), Some(12));
}

#[test]
fn n34_a_journal_full_of_output_rotates_and_keeps_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let size = 1024 * 1024;
    let mut journal = JournalFile::with_size(folder.path(), size);
    for operation in 1..=100 {
        // Control characters take six bytes each.
        let ended = CommandEnded {
            step: Stage::Before,
            service: None,
            slot: None,
            command: vec!["./migrate".into()],
            exit: Some(0),
            signal: None,
            error: None,
            output: "\u{1}".repeat(CommandEnded::OUTPUT),
            elapsed_ms: 1,
        };
        journal.record(step("prod", operation, DeployStep::CommandEnded(ended).into()));
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), FILES);
    for file in fs::read_dir(folder.path()).unwrap() {
        assert!(file.unwrap().metadata().unwrap().len() <= size);
    }
    let kept = operations(&journal);
    assert_eq!(kept, (91..=100).collect::<Vec<_>>());
    let newest = &journal.newest(None, 1, false)[0];
    assert!(
        serde_json::to_string(newest).unwrap().len() < 300,
        "without what was written"
    );
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
    let last = journal.newest(Some("dev"), 1, true).remove(0);
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
