//! What viewers were told so far: what comes later is told as what is different from it, and who comes later begins with it.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::message::{event, json, list, object, points};
use crate::control::happenings::Happening;
use crate::model::api::{EnvironmentStatus, Event, Series, Status};
use crate::model::history::{Entry, Record};

/// Lines of the journal that a viewer begins with.
pub(super) const ENTRIES: usize = 300;
/// So many lines may be written while the journal is read.
const AGAIN: usize = 64;
/// Steps that are told at once, after a pause of the process.
const STEPS: usize = 60;

/// Everything that a page shows, as JSON.
#[derive(Debug)]
pub(super) struct Known {
    /// The status without its environments.
    head: String,
    /// By name, in the order of the file.
    environments: Vec<(String, String)>,
    certificates: String,
    requests: String,
    entries: VecDeque<String>,
    /// How far operations are that are under way.
    progress: BTreeMap<u64, String>,
    /// How many steps the series have had.
    at: u64,
}

/// What there is to be seen now.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) status: Status,
    /// As JSON; `None` where it was not looked at.
    pub(super) certificates: Option<String>,
    pub(super) requests: Option<String>,
    /// How many steps the series have had.
    pub(super) at: u64,
}

impl Known {
    /// From the first sight on, and the newest lines of the journal.
    pub(super) fn new(sight: Sight, entries: &[Entry]) -> Self {
        let (head, environments) = parts(sight.status);
        Self {
            head,
            environments,
            certificates: sight.certificates.unwrap_or_else(|| "[]".into()),
            requests: sight.requests.unwrap_or_else(|| "{}".into()),
            entries: entries.iter().map(json).collect(),
            progress: BTreeMap::new(),
            at: sight.at,
        }
    }

    /// All of it, for who knows nothing; `at` is how many steps the series have had.
    pub(super) fn whole(&self, time: &str, edition: &str, at: u64, minute: &Series) -> Bytes {
        let environments = list(self.environments.iter().map(|(_, text)| text.as_str()));
        let entries = list(self.entries.iter().map(String::as_str));
        let progress = list(self.progress.values().map(String::as_str));
        let text = object(&[
            ("time", Some(&json(&time))),
            ("page", Some(&json(&edition))),
            ("at", Some(&at.to_string())),
            ("head", Some(&self.head)),
            ("environments", Some(&environments)),
            ("certificates", Some(&self.certificates)),
            ("requests", Some(&self.requests)),
            ("entries", Some(&entries)),
            ("progress", Some(&progress)),
            ("minute", Some(&json(minute))),
        ]);
        event("whole", &text)
    }

    /// What is different from what was told before.
    pub(super) fn second(&mut self, time: &str, sight: Sight, minute: &Series) -> Bytes {
        let (head, environments) = parts(sight.status);
        let is_news = |one: &&(String, String)| !self.environments.contains(one);
        let changed = list(environments.iter().filter(is_news).map(|(_, text)| text.as_str()));
        let names: Vec<&str> = environments.iter().map(|(name, _)| name.as_str()).collect();
        let steps = usize::try_from(sight.at - self.at).unwrap_or(STEPS).min(STEPS);
        let points = points(minute, steps);
        let fresh = |known: &mut String, now: Option<String>| {
            let now = now.filter(|now| now != known)?;
            known.clone_from(&now);
            Some(now)
        };
        let certificates = fresh(&mut self.certificates, sight.certificates);
        let requests = fresh(&mut self.requests, sight.requests);
        let head = (head != self.head).then_some(head);
        let text = object(&[
            ("time", Some(&json(&time))),
            ("at", Some(&sight.at.to_string())),
            ("end", Some(&minute.end.to_string())),
            ("head", head.as_deref()),
            ("names", Some(&json(&names))),
            ("environments", Some(&changed)),
            ("certificates", certificates.as_deref()),
            ("requests", requests.as_deref()),
            ("steps", Some(&list(points.iter().map(String::as_str)))),
        ]);
        self.head = head.unwrap_or_else(|| std::mem::take(&mut self.head));
        self.environments = environments;
        self.at = sight.at;
        event("second", &text)
    }

    /// Something that happened; `None` where that is known.
    pub(super) fn happened(&mut self, time: &str, happening: &Happening) -> Option<Bytes> {
        let time = json(&time);
        let text = match happening {
            Happening::Entry(entry) => {
                let text = json(entry);
                // It was written down while the journal was read.
                if self.entries.iter().rev().take(AGAIN).any(|known| *known == text) {
                    return None;
                }
                if let (Some(operation), true) = (entry.operation, is_last(entry)) {
                    self.progress.remove(&operation);
                }
                if self.entries.len() >= ENTRIES {
                    self.entries.pop_front();
                }
                self.entries.push_back(text.clone());
                object(&[("time", Some(&time)), ("entry", Some(&text))])
            }
            Happening::Progress {
                environment,
                operation,
                progress,
            } => {
                let text = object(&[
                    ("operation", Some(&operation.to_string())),
                    ("environment", Some(&json(environment))),
                    ("progress", Some(&json(progress))),
                ]);
                self.progress.insert(*operation, text.clone());
                object(&[("time", Some(&time)), ("progress", Some(&text))])
            }
        };
        Some(event("happening", &text))
    }
}

/// Whether an operation has ended with this.
fn is_last(entry: &Entry) -> bool {
    match &entry.record {
        Record::Step { event } => Event::exit_code(event).is_some(),
        Record::Torn { .. } => true,
        Record::Started { .. } | Record::Stopped { .. } | Record::Asked { .. } => false,
    }
}

/// The status without its environments, and each of these.
fn parts(mut status: Status) -> (String, Vec<(String, String)>) {
    let environments = std::mem::take(&mut status.environments);
    let of = |environment: &EnvironmentStatus| (environment.name.clone(), json(environment));
    (json(&status), environments.iter().map(of).collect())
}
