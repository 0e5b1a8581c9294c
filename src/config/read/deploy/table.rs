//! The table: its keys, and which of them go together.

use std::ops::Range;
use std::time::Duration;

use super::presets;
use super::reading::Reading;
use crate::config::read::plain::{self, Problems};
use crate::config::text::raw::{At, Entry, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::deploy::{Placeholder, Plain, Pm2, Preset, Table, Template, Words};

const KEYS: [&str; 11] = [
    "systemd",
    "pm2",
    "docker",
    "compose",
    "start",
    "stop",
    "ecosystem",
    "before",
    "after",
    "keep",
    "cwd",
];

/// Those of them that say how a side is started.
const WAYS: [&str; 5] = ["systemd", "pm2", "docker", "compose", "start"];

/// What one table says.
#[derive(Debug, Clone)]
pub(crate) struct RawDeploy {
    /// Where the word `deploy` stands.
    pub(crate) span: Range<usize>,
    /// `None` when something in it could not be read.
    pub(crate) table: Option<Table>,
    /// The placeholders that stand in it, each with the text around it.
    pub(crate) placeholders: Vec<At<Placeholder>>,
    /// Where the value of each key stands.
    pub(crate) values: Vec<(&'static str, Range<usize>)>,
}

impl RawDeploy {
    /// Where the value of a key stands, or else the table itself.
    pub(crate) fn place(&self, key: &str) -> &Range<usize> {
        let found = self.values.iter().find(|(known, _)| *known == key);
        found.map_or(&self.span, |(_, span)| span)
    }
}

/// Reads the table behind `own`.
pub(crate) fn deploy(own: &Entry, problems: &mut Problems) -> Option<RawDeploy> {
    let Kind::Table(table) = &own.value.kind else {
        let expected = "a table, as `{ systemd = \"web@{slot}\" }`";
        problems.push(plain::mismatch("deploy", &own.value, "a table", expected));
        return None;
    };
    let faultless = problems.len();
    let mut reading = Reading {
        problems,
        placeholders: Vec::new(),
    };
    let mut draft = Draft::default();
    let mut values = Vec::new();
    for entry in &table.entries {
        match KEYS.into_iter().find(|key| *key == entry.key.value) {
            Some(key) => {
                values.push((key, entry.value.span.clone()));
                draft.read(key, entry, &mut reading);
            }
            None => reading.problems.push(unknown(&entry.key)),
        }
    }
    let placeholders = std::mem::take(&mut reading.placeholders);
    let table = draft.finish(problems);
    Some(RawDeploy {
        span: own.key.span.clone(),
        table: (problems.len() == faultless).then_some(table),
        placeholders,
        values,
    })
}

fn unknown(key: &At<String>) -> Diagnostic {
    let refusal = Diagnostic::error(&key.span, format!("unknown key `deploy.{}`", key.value));
    match words::nearest(&key.value, KEYS) {
        Some(near) => refusal.expected("unknown key").hint(format!("did you mean `{near}`?")),
        None => refusal.expected(format!("expected {}", words::one_of(&KEYS))),
    }
}

/// The keys that were found so far.
#[derive(Default)]
struct Draft {
    preset: Option<Preset>,
    start: Vec<Words>,
    stop: Vec<Words>,
    ecosystem: Option<Template>,
    before: Vec<Words>,
    after: Vec<Words>,
    keep: Duration,
    cwd: Option<Template>,
    /// Each key, with where it stands.
    seen: Vec<At<&'static str>>,
}

impl Draft {
    fn read(&mut self, key: &'static str, entry: &Entry, reading: &mut Reading<'_>) {
        let value = &entry.value;
        let seen = At {
            value: key,
            span: entry.key.span.clone(),
        };
        self.seen.push(seen);
        match key {
            "systemd" => self.preset = presets::systemd(value, reading).map(Preset::Systemd),
            "pm2" => self.preset = presets::pm2(value, reading).map(Preset::Pm2),
            "docker" => self.preset = presets::docker(value, reading).map(Preset::Docker),
            "compose" => self.preset = presets::compose(value, reading).map(Preset::Compose),
            "start" => self.start = reading.commands("deploy.start", value).unwrap_or_default(),
            "stop" => self.stop = reading.commands("deploy.stop", value).unwrap_or_default(),
            "ecosystem" => self.ecosystem = reading.template("deploy.ecosystem", value),
            "before" => self.before = reading.commands("deploy.before", value).unwrap_or_default(),
            "after" => self.after = reading.commands("deploy.after", value).unwrap_or_default(),
            "keep" => {
                let keep = plain::duration_or_off("deploy.keep", value, reading.problems);
                self.keep = keep.unwrap_or_default();
            }
            _ => self.cwd = cwd(value, reading),
        }
    }

    fn seen(&self, key: &str) -> Option<&Range<usize>> {
        let found = self.seen.iter().find(|seen| seen.value == key);
        found.map(|seen| &seen.span)
    }

    /// The table. What does not go together is said.
    fn finish(self, problems: &mut Problems) -> Table {
        self.refuse_second_way(problems);
        let is_started = WAYS.iter().any(|way| self.seen(way).is_some());
        if let (Some(stop), false) = (self.seen("stop"), is_started) {
            problems.push(
                Diagnostic::error(stop, "`deploy.stop` stands without `deploy.start`")
                    .expected("expected `start` beside this"),
            );
        }
        if let (Some(ecosystem), None) = (self.seen("ecosystem"), self.seen("pm2")) {
            problems.push(
                Diagnostic::error(ecosystem, "`deploy.ecosystem` stands without `deploy.pm2`")
                    .expected("expected `pm2` beside this")
                    .hint("`pm2 = \"web-{slot}\"` names the process that the file describes"),
            );
        }
        let is_plain = self.seen("start").is_some();
        let plain = is_plain.then_some(Preset::Plain(Plain {
            start: self.start,
            stop: self.stop,
        }));
        let preset = match self.preset {
            Some(Preset::Pm2(pm2)) => Some(Preset::Pm2(Pm2 {
                ecosystem: self.ecosystem,
                ..pm2
            })),
            other => other.or(plain),
        };
        Table {
            preset,
            before: self.before,
            after: self.after,
            keep: self.keep,
            cwd: self.cwd,
        }
    }

    fn refuse_second_way(&self, problems: &mut Problems) {
        // `stop` belongs to `start`, and is a way of its own only where that is not written.
        let is_way = |key: &&str| WAYS.contains(key) || (*key == "stop" && self.seen("start").is_none());
        let mut ways = self.seen.iter().filter(|seen| is_way(&seen.value));
        let Some(first) = ways.next() else { return };
        for other in ways {
            problems.push(
                Diagnostic::error(
                    &other.span,
                    format!("`deploy.{}` stands beside `deploy.{}`", other.value, first.value),
                )
                .expected("another way here")
                .related(&first.span, "one way to start and stop a side here")
                .hint("a table has one way; a service with another has a table of its own: `[env.NAME.service.NAME.deploy]`"),
            );
        }
    }
}

/// Reads the folder that commands are run in. The version is not known before: it is asked for there.
fn cwd(value: &Value, reading: &mut Reading<'_>) -> Option<Template> {
    let cwd = reading.template("deploy.cwd", value)?;
    let wrong = if cwd.names(Placeholder::Version) {
        "cannot name `{version}`, which is read there"
    } else if !cwd.to_string().starts_with('/') {
        "is not an absolute path"
    } else {
        return Some(cwd);
    };
    let refusal = Diagnostic::error(&value.span, format!("`deploy.cwd` {wrong}"));
    reading
        .problems
        .push(refusal.expected("expected a folder, as `\"/srv/web\"`"));
    None
}
