//! A deployment as lines: what moves, the commands and what they say, and how it ended. Pure.

use jiff::Timestamp;

use super::age::age;
use super::line::{INDENT, Line, Mark, Stream, err, step};
use super::operation;
use super::text::{Style, count, escape, fit, period};
use crate::model::api::{CommandEnded, DeployPlan, Kind, Move, Problem, Stage};
use crate::model::course::{Ending, Fate, Script, Task};
use crate::model::slot::Slot;

/// Width up to which a command is shown beside what became of it.
const COMMAND: usize = 60;

/// What a deployment is of.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The environment.
    pub environment: &'a str,
    /// To a new version, or back.
    pub kind: Kind,
    /// The side that was live before.
    pub live: Slot,
    /// The candidate's side.
    pub idle: Slot,
}

/// What moves where, and for a rollback what it goes back to.
#[must_use]
pub fn deploy_plan(
    environment: &str,
    kind: Kind,
    version: Option<&str>,
    plan: &DeployPlan,
    now: Timestamp,
    style: Style,
) -> Vec<String> {
    let moves: Vec<_> = plan
        .services
        .iter()
        .map(|service| Move {
            service: service.name.clone(),
            from: service.live.clone(),
            to: service.idle.clone(),
        })
        .collect();
    let label = match (kind, version) {
        (Kind::Rollback, _) => "rollback".to_owned(),
        (Kind::Swap, None) => "deploy".to_owned(),
        (Kind::Swap, Some(version)) => format!("deploy {version}"),
    };
    let mut lines = operation::plan(&label, environment, &moves, false, style);
    if kind == Kind::Rollback {
        lines.extend(way_back(plan, now, style));
    }
    lines
}

/// Which version the previous side is, and since when it does not serve.
fn way_back(plan: &DeployPlan, now: Timestamp, style: Style) -> Option<String> {
    let version = plan.deployed_idle.as_ref().map(|deployed| {
        let since = age(&deployed.since, now).map_or(String::new(), |age| format!(", first served {age} ago"));
        format!("version {}{since}", escape(&deployed.version))
    });
    let idle = plan.idle_since.as_ref().and_then(|since| age(since, now));
    let idle = idle.map(|age| format!("idle for {age}"));
    let told: Vec<_> = version.into_iter().chain(idle).collect();
    (!told.is_empty()).then(|| format!("{INDENT}{}: {}", style.slot(plan.idle), told.join(", ")))
}

/// Every command of a deployment, in its order, with the daemon's steps between them.
#[must_use]
pub fn deploy_script(script: &Script, kind: Kind) -> Vec<String> {
    let named = |stage: Stage, text: &str| format!("  {:<8}{text}", stage.to_string());
    let command = |task: &Task| {
        let cwd = task.command.cwd.as_ref();
        let cwd = cwd.map_or(String::new(), |cwd| {
            format!("  (in {})", escape(&cwd.to_string_lossy()))
        });
        named(task.stage, &format!("{}{cwd}", escape(&task.command.to_string())))
    };
    let daemon = |name: &str, text: &str| format!("  {name:<8}{text}");
    let mut lines: Vec<_> = script
        .start
        .iter()
        .flat_map(|part| part.start.iter().map(command))
        .collect();
    if !script.before.is_empty() {
        lines.push(daemon("gate", "the health checks of the new side"));
        lines.extend(script.before.iter().map(command));
    }
    lines.push(daemon(
        match kind {
            Kind::Swap => "swap",
            Kind::Rollback => "rollback",
        },
        "health checks, switch, drain",
    ));
    let (stop, after) = (script.stop.iter().map(command), script.after.iter().map(command));
    if script.keep.is_zero() || script.stop.is_empty() {
        lines.extend(stop.chain(after));
    } else {
        lines.extend(after);
        let keep = u64::try_from(script.keep.as_millis()).unwrap_or(u64::MAX);
        lines.push(daemon("keep", &format!("the old side runs on for {}", period(keep))));
        lines.extend(stop);
    }
    lines
}

/// A line that a command has written, with its step in front.
#[must_use]
pub fn command_said(stage: Stage, text: &str, style: Style) -> Line {
    err(format!(
        "  {} {}",
        style.dim(&format!("{:<7}", stage.to_string())),
        escape(text)
    ))
}

/// How a command ended.
#[must_use]
pub fn command_ended(ended: &CommandEnded, shown: &str, style: Style) -> Line {
    let took = period(ended.elapsed_ms);
    let how = match (ended.exit, ended.signal, &ended.error) {
        (_, _, Some(error)) => escape(error).into_owned(),
        (Some(0), _, None) => format!("in {took}"),
        (Some(code), _, None) => format!("exited with {code} after {took}"),
        (None, Some(signal), None) => format!("was killed by signal {signal} after {took}"),
        (None, None, None) => format!("ended after {took}"),
    };
    let mark = match (ended.exit, ended.step) {
        (Some(0), _) => Mark::Done,
        // What is left of a side that serves no more, and what is told to others, fails nothing.
        (_, Stage::Stop | Stage::After | Stage::Gate) => Mark::Look,
        (_, Stage::Start | Stage::Before) => Mark::Bad,
    };
    let command = fit(shown, COMMAND);
    let text = match place(ended.service.as_deref(), ended.slot) {
        Some(place) => format!("{place} {how}  {}", style.dim(&format!("({})", escape(&command)))),
        None => format!("{} {how}", escape(&command)),
    };
    step(style, mark, &ended.step.to_string(), &text)
}

/// Which command is under way.
#[must_use]
pub fn command_running(task: &Task, elapsed_ms: u64) -> String {
    let what = match place(task.service.as_deref(), task.slot) {
        Some(place) => place,
        None => escape(&fit(&task.command.to_string(), COMMAND)).into_owned(),
    };
    format!("… {:<8}{what}  {}", task.stage.to_string(), period(elapsed_ms))
}

/// `web@green`, or `green` where it is all of the side.
pub(crate) fn place(service: Option<&str>, slot: Option<Slot>) -> Option<String> {
    let slot = slot?;
    Some(match service {
        Some(service) => format!("{}@{slot}", escape(service)),
        None => slot.to_string(),
    })
}

/// The last words. `done` is what the swap has said when it was done: where nothing was there to be stopped, it names what may be. Of
/// one that was refused, it is which side serves on.
#[must_use]
pub fn deploy_ended(ending: &Ending, of: Subject<'_>, done: Option<&Line>, out: Style, style: Style) -> Vec<Line> {
    let (old, new) = (style.slot(of.live), style.slot(of.idle));
    let name = escape(of.environment);
    let stays = match (ending.fate, done) {
        (Fate::Refused(_), Some(refused)) => refused.text.clone(),
        _ => format!("Nothing was switched; {old} stays live."),
    };
    let look = format!("proxyctl status {name}");
    let mut lines = Vec::new();
    let mut say = |text: String| lines.push(err(text));
    let left = match ending.fate {
        Fate::Served => Some(old),
        Fate::Overtaken => {
            say(format!(
                "`{name}` was switched or changed meanwhile, or another holds it: {old} is left as it is."
            ));
            Some(old)
        }
        Fate::Unstopped => {
            say(format!("{new} is live, but {old} was not stopped."));
            Some(old)
        }
        Fate::Unkept => {
            say(format!("Stopped waiting: {new} is live, and {old} runs on."));
            Some(old)
        }
        Fate::NotAwaited => {
            say(format!("{new} serves; {old} drains by itself: {look}"));
            Some(old)
        }
        Fate::GoesOn => {
            say(format!(
                "Stopped watching: the {} goes on in the daemon, and neither side is stopped: {look}",
                of.kind
            ));
            Some(old)
        }
        Fate::Failed => {
            say(format!("This needs a person: {look}"));
            None
        }
        Fate::RolledBack => Some(new),
        Fate::Refused(_) | Fate::Interrupted | Fate::Lost => {
            if ending.fate == Fate::Lost {
                say("The daemon went away, and is back.".into());
            }
            say(stays);
            Some(new)
        }
        Fate::Unreachable => {
            say(format!(
                "The daemon went away and does not answer. Nothing was switched; {new} is left as it is."
            ));
            Some(new)
        }
    };
    if let (Some(left), false) = (left, ending.standing.is_empty()) {
        let commands: Vec<_> = ending.standing.iter().map(|task| task.command.to_string()).collect();
        let said = count(
            u64::try_from(commands.len()).unwrap_or(u64::MAX),
            "command stops",
            "commands stop",
        );
        let said = said.trim_start_matches("1 ");
        lines.push(err(format!("{left} may still run; this {said} it:")));
        lines.extend(commands.iter().map(|command| err(format!("  {}", escape(command)))));
    }
    if ending.fate == Fate::Served {
        lines.push(done.cloned().unwrap_or_else(|| Line {
            stream: Stream::Out,
            text: format!(
                "{} is live.   {}",
                out.slot(of.idle),
                out.dim(&format!("Undo: proxyctl rollback {name}"))
            ),
        }));
    }
    lines
}

/// The daemon did not let a command begin.
#[must_use]
pub fn step_denied(task: &Task, problem: &Problem, style: Style) -> Vec<Line> {
    let what = place(task.service.as_deref(), task.slot).map_or(String::new(), |place| format!("{place} "));
    let text = format!("{what}refused: {}", escape(&problem.reason));
    let mut lines = vec![step(style, Mark::Bad, &task.stage.to_string(), &text)];
    if let Some(hint) = &problem.hint {
        lines.push(err(format!("{INDENT}{} {}", style.dim("hint:"), escape(hint))));
    }
    lines
}

/// A step that went well.
#[must_use]
pub(crate) fn good(name: &str, text: &str, style: Style) -> Line {
    step(style, Mark::Done, name, text)
}

/// A step that somebody should look at, and that fails nothing.
#[must_use]
pub(crate) fn look(name: &str, text: &str, style: Style) -> Line {
    step(style, Mark::Look, name, text)
}

/// Something that somebody should know of a command, and that fails nothing.
#[must_use]
pub fn step_waits(task: &Task, text: &str, style: Style) -> Line {
    let what = place(task.service.as_deref(), task.slot).map_or(String::new(), |place| format!("{place}: "));
    step(
        style,
        Mark::Look,
        &task.stage.to_string(),
        &format!("{what}{}", escape(text)),
    )
}

/// A line of what a process has written that a command left behind.
#[must_use]
pub fn step_tail(text: &str, style: Style) -> Line {
    command_said(Stage::Gate, text, style)
}
