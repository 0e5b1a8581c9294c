//! Counts what was asked for, by the lines of the journal as they are written: how it ended, and how long it took. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::api::{Action, CommonStep, Event, SwapStep, exit};
use crate::model::history::{Entry, Record};

/// Operations under way that are known at once; of more, the oldest are forgotten and counted without their time.
const KNOWN: usize = 256;
/// Environments times kinds times results; what a file's environments cannot reach is not counted.
const COUNTED: usize = 4096;

/// Upper ends of the buckets of durations, in microseconds: a swap takes a moment, or as long as its gate and its drain.
pub(super) const BOUNDS: [u64; 11] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
];

/// Whose operations are counted together: those of an environment, or of none, of one kind.
type Group = (String, &'static str);

/// What was counted.
#[derive(Debug, Default, Clone)]
pub(super) struct Operations {
    /// By number: what it is, and when it was asked for.
    open: BTreeMap<u64, (&'static str, Duration)>,
    /// By group and result.
    ended: BTreeMap<(Group, &'static str), u64>,
    took: BTreeMap<Group, Took>,
}

/// How long the operations of a group took.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Took {
    /// Those within each of [`BOUNDS`] and no smaller one, and behind them those beyond the last.
    pub(super) buckets: [u64; BOUNDS.len() + 1],
    /// All of them together, in microseconds.
    pub(super) micros: u64,
}

impl Operations {
    /// Takes a line of the journal, at a time since any beginning.
    pub(super) fn hear(&mut self, entry: &Entry, now: Duration) {
        let Some(number) = entry.operation else { return };
        let environment = entry.environment.as_deref().unwrap_or_default();
        match &entry.record {
            Record::Asked { kind, .. } => {
                if self.open.len() >= KNOWN {
                    self.open.pop_first();
                }
                self.open.insert(number, (word(*kind), now));
            }
            Record::Torn { kind, .. } => self.end((environment.to_owned(), word(*kind)), "torn"),
            Record::Started { .. } | Record::Stopped { .. } => {}
            Record::Step { event } => self.step(number, environment, event, now),
        }
    }

    fn step(&mut self, number: u64, environment: &str, event: &Event, now: Duration) {
        if let (Event::Swap(SwapStep::Plan { kind, .. }), Some((known, _))) = (event, self.open.get_mut(&number)) {
            *known = word((*kind).into());
        }
        let Some(code) = event.exit_code() else { return };
        let Some((kind, asked)) = self.open.remove(&number) else {
            return;
        };
        // A plan alone changes nothing.
        if matches!(event, Event::Common(CommonStep::Planned)) {
            return;
        }
        let group = (environment.to_owned(), kind);
        if self.took.len() < COUNTED || self.took.contains_key(&group) {
            let took = self.took.entry(group.clone()).or_default();
            let micros = u64::try_from(now.saturating_sub(asked).as_micros()).unwrap_or(u64::MAX);
            let bucket = BOUNDS.iter().position(|bound| micros <= *bound);
            took.buckets[bucket.unwrap_or(BOUNDS.len())] += 1;
            took.micros += micros;
        }
        self.end(group, result(code));
    }

    fn end(&mut self, group: Group, result: &'static str) {
        let key = (group, result);
        if self.ended.len() < COUNTED || self.ended.contains_key(&key) {
            *self.ended.entry(key).or_default() += 1;
        }
    }

    /// By environment, kind and result, how many have ended.
    pub(super) fn ended(&self) -> impl Iterator<Item = (&str, &'static str, &'static str, u64)> {
        let ended = self.ended.iter();
        ended.map(|(((environment, kind), result), count)| (environment.as_str(), *kind, *result, *count))
    }

    /// By environment and kind, how long they took.
    pub(super) fn took(&self) -> impl Iterator<Item = (&str, &'static str, &Took)> {
        let took = self.took.iter();
        took.map(|((environment, kind), took)| (environment.as_str(), *kind, took))
    }
}

fn word(kind: Action) -> &'static str {
    match kind {
        Action::Swap => "swap",
        Action::Rollback => "rollback",
        Action::Reload => "reload",
        Action::Pause => "pause",
        Action::PauseWrites => "pause-writes",
        Action::Resume => "resume",
        Action::Maintenance => "maintenance",
        Action::Upgrade => "upgrade",
        Action::Deploy => "deploy",
        Action::Preview => "preview",
        Action::Sleep => "sleep",
        Action::Wake => "wake",
    }
}

fn result(code: u8) -> &'static str {
    match code {
        exit::DONE => "done",
        exit::FAILED => "failed",
        exit::BUSY => "busy",
        exit::ROLLED_BACK => "rolled-back",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api::{Kind, Traffic};
    use crate::model::history::Caller;
    use crate::model::slot::{Generation, Slot};

    fn entry(environment: Option<&str>, operation: u64, record: Record) -> Entry {
        Entry {
            time: "2026-01-01T00:00:00.000Z".into(),
            environment: environment.map(str::to_owned),
            operation: Some(operation),
            record,
        }
    }

    fn asked(kind: Action) -> Record {
        let caller = Caller {
            uid: 0,
            user: "root".into(),
        };
        Record::Asked {
            kind,
            caller,
            within: None,
        }
    }

    fn step(event: impl Into<Event>) -> Record {
        Record::Step {
            event: Box::new(event.into()),
        }
    }

    fn done() -> Event {
        Event::Swap(SwapStep::Done {
            environment: "prod".into(),
            live: Slot::Green,
            generation: Generation(2),
            safe_to_stop: Vec::new(),
            traffic: Traffic::default(),
        })
    }

    fn refused() -> Event {
        Event::Common(CommonStep::Refused {
            code: exit::REFUSED,
            reason: "unhealthy".into(),
            hint: None,
            evidence: Vec::new(),
            live: None,
            health: Vec::new(),
        })
    }

    fn heard(entries: &[(u64, Entry)]) -> Operations {
        let mut operations = Operations::default();
        for (second, entry) in entries {
            operations.hear(entry, Duration::from_secs(*second));
        }
        operations
    }

    #[test]
    fn an_operation_is_counted_when_it_ends_with_how_and_with_its_time() {
        let plan = Event::Swap(SwapStep::Plan {
            operation: 2,
            kind: Kind::Rollback,
            environment: "prod".into(),
            moves: Vec::new(),
            forced: false,
        });
        let operations = heard(&[
            (0, entry(Some("prod"), 1, asked(Action::Swap))),
            (4, entry(Some("prod"), 1, step(done()))),
            (10, entry(Some("prod"), 2, asked(Action::Swap))),
            (10, entry(Some("prod"), 2, step(plan))),
            (10, entry(Some("prod"), 2, step(refused()))),
            (20, entry(None, 3, asked(Action::Reload))),
            (20, entry(Some("dev"), 4, asked(Action::Swap))),
            (20, entry(Some("dev"), 4, step(CommonStep::Planned))),
        ]);
        let ended: Vec<_> = operations.ended().collect();
        assert_eq!(ended, [("prod", "rollback", "refused", 1), ("prod", "swap", "done", 1)]);
        let took: Vec<_> = operations
            .took()
            .map(|(_, kind, took)| (kind, took.micros, took.buckets[5], took.buckets[0]))
            .collect();
        assert_eq!(took, [("rollback", 0, 0, 1), ("swap", 4_000_000, 1, 0)]);
    }

    #[test]
    fn what_the_last_process_has_left_is_torn() {
        let torn = Record::Torn {
            kind: Action::Swap,
            live: "blue".into(),
        };
        let operations = heard(&[(0, entry(Some("prod"), 1, torn))]);
        let ended: Vec<_> = operations.ended().collect();
        assert_eq!(ended, [("prod", "swap", "torn", 1)]);
    }

    #[test]
    fn no_more_are_remembered_than_may() {
        let mut operations = Operations::default();
        for number in 0..10_000 {
            let name = format!("env-{number}");
            operations.hear(&entry(Some(&name), number, asked(Action::Swap)), Duration::ZERO);
            if number % 2 == 0 {
                operations.hear(&entry(Some(&name), number, step(done())), Duration::ZERO);
            }
        }
        assert_eq!(operations.open.len(), KNOWN);
        assert_eq!((operations.ended.len(), operations.took.len()), (COUNTED, COUNTED));
    }
}
