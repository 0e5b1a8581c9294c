//! `sleep`: when an environment falls asleep, and by which commands its app is stopped and started.

use std::ops::Range;
use std::time::Duration;

use super::command::of_daemon;
use super::plain::{self, Problems};
use crate::config::text::raw::{At, Entry, Kind, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::sleep::Rules;

/// What `start` and `stop` may look like.
const EXAMPLES: (&str, &str) = ("systemctl start web-dev", "/srv/web/start");

const KEYS: [&str; 4] = ["after", "start", "stop", "deadline"];

/// Shorter than that is one page and its pictures.
const LEAST: Duration = Duration::from_secs(1);
/// Longer than that nobody means.
const MOST: Duration = Duration::from_secs(31 * 24 * 3600);
/// How long `start` and `stop` may take.
const DEADLINE: Duration = Duration::from_secs(60);
/// Clients have given up long before.
const LONGEST_DEADLINE: Duration = Duration::from_secs(3600);

/// What the table says.
#[derive(Debug, Clone)]
pub(crate) struct RawSleep {
    /// Where the word `sleep` stands.
    pub(crate) span: Range<usize>,
    /// `None` when something in it could not be read.
    pub(crate) rules: Option<Rules>,
    /// Where the value of each key stands.
    pub(crate) values: Vec<(&'static str, Range<usize>)>,
}

impl RawSleep {
    /// Where the value of a key stands, or else the table itself.
    pub(crate) fn place(&self, key: &str) -> &Range<usize> {
        let found = self.values.iter().find(|(known, _)| *known == key);
        found.map_or(&self.span, |(_, span)| span)
    }
}

/// Reads the table behind `own`.
pub(crate) fn sleep(own: &Entry, problems: &mut Problems) -> Option<RawSleep> {
    let Kind::Table(table) = &own.value.kind else {
        let expected =
            "a table, as `{ after = \"20m\", start = \"systemctl start web-dev\", stop = \"systemctl stop web-dev\" }`";
        problems.push(plain::mismatch("sleep", &own.value, "a table", expected));
        return None;
    };
    let (mut after, mut start, mut stop, mut deadline) = (None, None, None, Some(DEADLINE));
    let mut values = Vec::new();
    let faultless = problems.len();
    for Entry { key, value } in &table.entries {
        match key.value.as_str() {
            "after" => after = time("sleep.after", value, LEAST..=MOST, problems),
            "start" => start = of_daemon("sleep.start", value, EXAMPLES, problems),
            "stop" => stop = of_daemon("sleep.stop", value, EXAMPLES, problems),
            "deadline" => deadline = time("sleep.deadline", value, LEAST..=LONGEST_DEADLINE, problems),
            _ => problems.push(unknown(key)),
        }
        if let Some(known) = KEYS.into_iter().find(|known| *known == key.value) {
            values.push((known, value.span.clone()));
        }
    }
    for key in ["after", "start", "stop"] {
        if !values.iter().any(|(known, _)| *known == key) {
            problems.push(
                Diagnostic::error(&own.key.span, format!("`sleep` has no `{key}`"))
                    .expected("expected `after`, `start` and `stop` in here"),
            );
        }
    }
    let rules = match (after, start, stop, deadline) {
        (Some(after), Some(start), Some(stop), Some(deadline)) if problems.len() == faultless => Some(Rules {
            after,
            start,
            stop,
            deadline,
        }),
        _ => None,
    };
    Some(RawSleep {
        span: own.key.span.clone(),
        rules,
        values,
    })
}

fn unknown(key: &At<String>) -> Diagnostic {
    let refusal = Diagnostic::error(&key.span, format!("unknown key `sleep.{}`", key.value));
    match words::nearest(&key.value, KEYS) {
        Some(near) => refusal.expected("unknown key").hint(format!("did you mean `{near}`?")),
        None => refusal.expected(format!("expected {}", words::one_of(&KEYS))),
    }
}

fn time(
    key: &str,
    value: &Value,
    bounds: std::ops::RangeInclusive<Duration>,
    problems: &mut Problems,
) -> Option<Duration> {
    let time = plain::positive_duration(key, value, problems)?;
    if bounds.contains(&time) {
        return Some(time);
    }
    let most = match bounds.end().as_secs() {
        3600 => "an hour",
        _ => "31 days",
    };
    problems.push(
        Diagnostic::error(&value.span, format!("`{key}` is no time that helps anybody"))
            .expected(format!("expected one between a second and {most}, as `\"20m\"`")),
    );
    None
}
