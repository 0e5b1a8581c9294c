//! Journal entries: who did what, when, and the evidence. History only; nothing decides from it.

use serde::{Deserialize, Serialize};

use super::api::{Action, Event};

/// Who asked for an operation, as the kernel says (never as the client says).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// User id of the peer.
    pub uid: u32,
    /// Its name, or the number where it has none.
    pub user: String,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, RFC 3339 with milliseconds, UTC.
    pub time: String,
    /// The environment, for entries of an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Number of the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<u64>,
    /// What happened.
    #[serde(flatten)]
    pub record: Record,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The daemon started.
    Started {
        /// Version of the daemon.
        version: String,
        /// Process id.
        pid: u32,
    },
    /// The daemon stopped as asked.
    Stopped {
        /// Process id.
        pid: u32,
    },
    /// An operation was asked for.
    Asked {
        /// What.
        kind: Action,
        /// Who.
        caller: Caller,
        /// Number of the deployment that it is a part of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<u64>,
    },
    /// A step of an operation; progress is not recorded.
    Step {
        /// The step, under a key of its own: events have an `environment` and an `operation` too, and a line with a key twice
        /// cannot be read back.
        event: Box<Event>,
    },
    /// An operation of the last process that has no final step; what is live is what the state file says.
    Torn {
        /// What.
        kind: Action,
        /// The slot that is live.
        live: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api::{Kind, SwapStep, Traffic};
    use crate::model::slot::{Generation, Slot};

    #[test]
    fn every_record_reads_back_as_it_was_written() {
        let plan = Event::Swap(SwapStep::Plan {
            operation: 7,
            kind: Kind::Swap,
            environment: "prod".into(),
            moves: Vec::new(),
            forced: false,
        });
        let done = Event::Swap(SwapStep::Done {
            environment: "prod".into(),
            live: Slot::Green,
            generation: Generation(118),
            safe_to_stop: Vec::new(),
            traffic: Traffic::default(),
        });
        let (kind, caller) = (
            Action::Rollback,
            Caller {
                uid: 0,
                user: "root".into(),
            },
        );
        let records = [
            Record::Started {
                version: "1.0.0".into(),
                pid: 1,
            },
            Record::Stopped { pid: 1 },
            Record::Asked {
                kind,
                caller,
                within: Some(6),
            },
            Record::Step { event: Box::new(plan) },
            Record::Step { event: Box::new(done) },
            Record::Torn {
                kind,
                live: "green".into(),
            },
        ];
        for record in records {
            let entry = Entry {
                time: "2026-01-01T00:00:00.000Z".into(),
                environment: Some("prod".into()),
                operation: Some(7),
                record,
            };
            let line = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&line).unwrap(), entry, "{line}");
        }
    }
}
