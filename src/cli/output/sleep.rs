//! What is told of an environment that sleeps: the events of falling asleep and waking, and how it stands.

use jiff::Timestamp;

use super::age::{age, lasting};
use super::line::{Line, Mark, step};
use super::text::{Style, count, escape, period};
use crate::model::api::{SleepState, SleepStatus, SleepStep};

/// What a step adds to the screen for good.
pub(super) fn render(event: &SleepStep, style: Style) -> Vec<Line> {
    let (mark, label, text) = match event {
        SleepStep::FallingAsleep { environment, .. } => (
            Mark::Done,
            "hold",
            format!(
                "new requests to {} are held, and what was begun ends",
                escape(environment)
            ),
        ),
        SleepStep::Asleep {
            environment,
            already: true,
            ..
        } => (
            Mark::Done,
            "asleep",
            format!("{} was asleep before", escape(environment)),
        ),
        SleepStep::Asleep {
            environment,
            elapsed_ms,
            ..
        } => (
            Mark::Done,
            "asleep",
            format!(
                "{} is stopped after {}; the next request starts it",
                escape(environment),
                period(*elapsed_ms)
            ),
        ),
        SleepStep::Waking { environment, .. } => (Mark::Done, "start", format!("{} is started", escape(environment))),
        SleepStep::Awake {
            environment,
            already: true,
            ..
        } => (Mark::Done, "awake", format!("{} was awake before", escape(environment))),
        SleepStep::Awake {
            environment,
            elapsed_ms,
            ..
        } => (
            Mark::Done,
            "awake",
            format!("{} answers after {}", escape(environment), period(*elapsed_ms)),
        ),
    };
    vec![step(style, mark, label, &text)]
}

/// How far an environment is that is not awake, in a word, and what that means for requests; `age` tells how long ago a time is.
pub(super) fn standing(sleep: &SleepStatus, age: impl Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    let since = lasting(sleep.since.as_deref().and_then(age));
    match sleep.state {
        SleepState::Awake => None,
        SleepState::FallingAsleep => Some(("falls asleep", ": new requests wait".into())),
        SleepState::Asleep => Some(("asleep", format!("{since}: the next request starts it"))),
        SleepState::Waking => Some(("wakes", ": requests wait until it answers".into())),
    }
}

/// How an environment sleeps, for the overview.
pub(crate) fn status(environment: &str, sleep: &SleepStatus, now: Timestamp, style: Style) -> Vec<String> {
    let name = escape(environment);
    let state = match standing(sleep, |since| age(since, now)) {
        None => {
            let idle = sleep.idle_ms.unwrap_or(0) / 1_000 * 1_000;
            let after = sleep
                .after_ms
                .map_or(String::new(), |after| format!(" of {}", period(after)));
            format!("{}, idle for {}{after}", style.dim("awake"), whole(idle))
        }
        Some((word, rest)) => format!("{}{rest}", style.yellow(word)),
    };
    let took = sleep
        .waking_ms
        .map_or(String::new(), |took| format!(", the last time in {}", period(took)));
    let woke = match sleep.woke {
        0 => String::new(),
        woke => format!("; woke {}{took}", count(woke, "time", "times")),
    };
    let hint = match sleep.state {
        SleepState::Asleep => format!("  {}", style.dim(&format!("proxyctl wake {name}"))),
        SleepState::Awake | SleepState::FallingAsleep | SleepState::Waking => String::new(),
    };
    let mut lines = vec![format!("  {state}{woke}{hint}")];
    if let Some(trouble) = &sleep.trouble {
        lines.push(format!("    {} {}", style.red("✗"), escape(trouble)));
    }
    lines
}

/// Whole seconds, also none.
fn whole(millis: u64) -> String {
    match millis {
        0 => "0 s".to_owned(),
        millis => period(millis),
    }
}
