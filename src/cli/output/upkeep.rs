//! The events of a reload, a pause and of maintenance as lines. Pure: an event in, lines out.

use super::evidence::{gate_reports, refusal};
use super::line::{Line, Mark, Stream, err, step};
use super::text::{Style, count, escape, period};
use super::{preview, sleep};
use crate::model::api::{
    Change, ChangeKind, CommonStep, Event, MaintenanceStep, PauseStep, ReloadStep, UpgradeStep, ValueChange,
};
use crate::model::handoff::Phase;

/// How the reader's streams want it, and what a refusal leaves as it was.
#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// Stdout.
    pub out: Style,
    /// Stderr.
    pub err: Style,
    /// `Nothing was reloaded.`
    pub nothing: &'static str,
}

/// What an event adds to the screen for good.
#[must_use]
pub fn render(event: &Event, words: Words) -> Vec<Line> {
    let style = words.err;
    match event {
        Event::Reload(ReloadStep::Reloading { changes, restart, .. }) => {
            let mut lines: Vec<Line> = changes.iter().flat_map(|change| diff(change, words.out)).collect();
            if !restart.is_empty() {
                let text = format!("takes effect at the next restart: {}", restart.join(", "));
                lines.push(step(style, Mark::Look, "restart", &text));
            }
            lines
        }
        Event::Common(CommonStep::Planned) => vec![err("Nothing was published: this was a dry run.".into())],
        Event::Reload(ReloadStep::Invalid { report, errors }) => {
            let mut lines: Vec<Line> = report.lines().map(|line| err(escape(line).into_owned())).collect();
            let text = format!("the file has {}", count(*errors as u64, "error", "errors"));
            lines.push(step(style, Mark::Bad, "refused", &text));
            lines.push(err(
                "Nothing changed; the configuration that was served is served on.".into()
            ));
            lines
        }
        Event::Reload(ReloadStep::Reloaded {
            changes,
            durability_uncertain: _,
        }) => {
            let text = match changes {
                0 => "the file says what is served already".into(),
                changes => format!("{} published", count(*changes as u64, "change", "changes")),
            };
            vec![step(style, Mark::Done, "reload", &text)]
        }
        Event::Common(CommonStep::Warning { message }) => vec![step(style, Mark::Look, "warning", &escape(message))],
        Event::Common(CommonStep::Gated {
            instances, elapsed_ms, ..
        }) => {
            let text = format!("{} after {}", gate_reports(instances, false), period(*elapsed_ms));
            vec![step(style, Mark::Done, "gate", &text)]
        }
        Event::Pause(PauseStep::Pausing {
            environment,
            limit_ms,
            writes,
            ..
        }) => {
            let text = format!(
                "new {} to {} are held, for at most {}",
                if *writes { "writes" } else { "requests" },
                escape(environment),
                period(*limit_ms)
            );
            vec![step(style, Mark::Done, "hold", &text)]
        }
        Event::Pause(PauseStep::Paused { elapsed_ms, writes, .. }) => {
            let what = if *writes { "write" } else { "request" };
            let text = format!("the app holds no {what} any more, after {}", period(*elapsed_ms));
            vec![step(style, Mark::Done, "drain", &text)]
        }
        Event::Pause(PauseStep::Resumed {
            environment,
            elapsed_ms,
            reason,
        }) => {
            let why = reason
                .as_ref()
                .map_or(String::new(), |why| format!(" ({})", escape(why)));
            let text = format!(
                "{} serves again; requests were held for {}{why}",
                escape(environment),
                period(*elapsed_ms)
            );
            vec![step(style, Mark::Done, "resume", &text)]
        }
        Event::Pause(PauseStep::Lapsed { reason, evidence }) => refusal("failed", reason, evidence, None, style),
        Event::Maintenance(MaintenanceStep::Maintained { environment, on }) => {
            let text = match on {
                None => format!("{} serves its visitors again", escape(environment)),
                Some(on) if on.allow.is_empty() => format!("{} answers 503 to everybody", escape(environment)),
                Some(on) => format!(
                    "{} answers 503 to everybody but {}",
                    escape(environment),
                    escape(&on.allow.join(", "))
                ),
            };
            vec![step(style, Mark::Done, "done", &text)]
        }
        Event::Common(CommonStep::Refused {
            reason, evidence, hint, ..
        }) => {
            let mut lines = refusal("refused", reason, evidence, hint.as_deref(), style);
            lines.push(err(words.nothing.into()));
            lines
        }
        Event::Common(CommonStep::Failed { reason, .. }) => vec![step(style, Mark::Bad, "failed", &escape(reason))],
        Event::Upgrade(UpgradeStep::Upgrading { .. }) => Vec::new(),
        Event::Upgrade(UpgradeStep::Entered { phase }) => {
            vec![step(style, Mark::Done, &phase.to_string(), entered(*phase))]
        }
        Event::Upgrade(UpgradeStep::Upgraded {
            pid,
            version,
            before,
            elapsed_ms,
        }) => {
            let text = format!(
                "{} → {}, process {pid}, after {}; the old process ends what it has begun (`proxyctl status`)",
                escape(before),
                escape(version),
                period(*elapsed_ms)
            );
            vec![step(style, Mark::Done, "upgrade", &text)]
        }
        Event::Preview(step) => preview::render(step, style),
        Event::Sleep(step) => sleep::render(step, style),
        Event::Progress(_) | Event::Swap(_) | Event::Deploy(_) => Vec::new(),
    }
}

/// What the new process does in a phase.
fn entered(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "a process is started",
        Phase::Configuration => "it reads the file",
        Phase::State => "it reads what is live",
        Phase::Certificates => "it loads certificates and the keys of session tickets",
        Phase::Workers => "it has the sockets, and does not accept yet",
        Phase::Gating => "it asks the apps for their health",
        Phase::Ready => "it has all that it needs",
        Phase::Accepting => "it accepts",
    }
}

/// One difference: data, so that it can be piped.
fn diff(change: &Change, style: Style) -> Vec<Line> {
    let name = match &change.name {
        Some(name) => format!("{}/{}", escape(&change.section), escape(name)),
        None => escape(&change.section).into_owned(),
    };
    let out = |text: String| Line {
        stream: Stream::Out,
        text,
    };
    let (mark, what) = match change.kind {
        ChangeKind::Added => (style.green("+"), ""),
        ChangeKind::Removed => (style.red("-"), "  drains and goes"),
        ChangeKind::Changed => (style.yellow("~"), ""),
    };
    let mut lines = vec![out(format!("{mark} {}{what}", style.bold(&name)))];
    lines.extend(
        change
            .values
            .iter()
            .map(|value| out(format!("    {}", shown(value, style)))),
    );
    lines
}

fn shown(value: &ValueChange, style: Style) -> String {
    let key = escape(&value.key);
    match (&value.from, &value.to) {
        (Some(from), Some(to)) => format!("{key}  {} → {}", style.dim(&escape(from)), escape(to)),
        (None, Some(to)) => format!("{key}  {}", escape(to)),
        (Some(from), None) => format!("{key}  {} → none", style.dim(&escape(from))),
        (None, None) => key.into_owned(),
    }
}
