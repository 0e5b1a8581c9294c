//! `proxyctl history`: who switched what, when, and how it ended. Newest last, as a log is read.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::args::HistoryArgs;
use crate::cli::client::{Client, percent_encode};
use crate::cli::exit::Outcome;
use crate::cli::output;
use crate::cli::output::commands;
use crate::cli::output::text::{Style, addresses, count, doer, escape, period, short_address};
use crate::model::api::{
    Action, CommonStep, DeployStep, Event, MaintenanceStep, Move, PauseStep, PreviewStep, ReloadStep, SleepStep,
    SwapStep, UpgradeStep, exit,
};
use crate::model::history::{Entry, Record};

/// Journal entries that an operation may have, with those within it: enough for one with every step and some warnings.
const ENTRIES_EACH: u32 = 64;
/// And the least that are asked for: a deployment may have many commands.
const ENTRIES: u32 = 512;

/// One entry, as the daemon wrote it and as we read it.
#[derive(Debug, Clone)]
pub struct Read {
    /// Its place in the journal.
    pub place: usize,
    /// The line.
    pub raw: String,
    /// What it says.
    pub entry: Entry,
}

/// Exit 0, also when nothing ever happened.
///
/// # Errors
/// When the daemon cannot be asked.
pub async fn run(client: &Client, args: &HistoryArgs) -> Outcome {
    let limit = args.limit.saturating_mul(ENTRIES_EACH).max(ENTRIES);
    let mut path = format!("/v1/history?limit={limit}");
    if args.verbose {
        path += "&output=true";
    }
    if let Some(name) = &args.environment {
        path += &format!("&env={}", percent_encode(name));
    }
    let text = client.text(&path).await?;
    let mut rows = group(text.lines().enumerate().filter_map(|(place, raw)| {
        // A journal may have a torn tail, and a newer daemon may write what we do not know.
        let entry = serde_json::from_str(raw).ok()?;
        Some(Read {
            place,
            raw: raw.to_owned(),
            entry,
        })
    }));
    keep_last(&mut rows, args.limit as usize);
    if args.json {
        for read in in_order(rows) {
            output::out(&read.raw);
        }
        return Ok(exit::DONE);
    }
    if rows.is_empty() {
        let whom = args
            .environment
            .as_ref()
            .map_or(String::new(), |name| format!(" to {}", escape(name)));
        output::err(&format!("Nothing has happened{whom} yet."));
        return Ok(exit::DONE);
    }
    let (zone, style) = (TimeZone::system(), output::out_style());
    for row in &rows {
        for line in render(row, &zone, style) {
            output::out(&line);
        }
        if args.verbose {
            details(row, style).iter().for_each(|line| output::out(line));
        }
    }
    Ok(exit::DONE)
}

/// Puts the entries of one operation together, in the order of their beginnings. An operation whose beginning was cut
/// off by the limit is left out.
pub fn group(entries: impl Iterator<Item = Read>) -> Vec<Vec<Read>> {
    let mut rows: Vec<Vec<Read>> = Vec::new();
    for read in entries {
        let operation = read.entry.operation;
        let row = operation.and_then(|_| {
            rows.iter_mut()
                .rev()
                .find(|row| row.first().is_some_and(|first| first.entry.operation == operation))
        });
        match (row, &read.entry.record) {
            // A number may come again where a state file was lost, or one was never saved: nothing begins within a row but its end.
            (Some(_), Record::Asked { kind, .. }) if *kind != Action::Resume => rows.push(vec![read]),
            (Some(row), _) => row.push(read),
            (None, Record::Step { .. }) => {}
            (None, Record::Started { .. } | Record::Stopped { .. } | Record::Asked { .. } | Record::Torn { .. }) => {
                rows.push(vec![read]);
            }
        }
    }
    rows
}

/// Leaves the last rows, and those of what was done within them: a deployment has its swap in a row of its own.
pub fn keep_last(rows: &mut Vec<Vec<Read>>, limit: usize) {
    let numbers: HashSet<_> = rows.iter().filter_map(|row| row.first()?.entry.operation).collect();
    let stands_alone = |row: &[Read]| match row.first().map(|first| &first.entry.record) {
        Some(Record::Asked { within, .. }) => !within.is_some_and(|within| numbers.contains(&within)),
        Some(Record::Started { .. } | Record::Stopped { .. } | Record::Torn { .. } | Record::Step { .. }) | None => {
            true
        }
    };
    let alone: Vec<usize> = (0..rows.len()).filter(|&at| stands_alone(&rows[at])).collect();
    let first = alone.get(alone.len().saturating_sub(limit)).copied();
    rows.drain(..first.filter(|_| limit > 0).unwrap_or(rows.len()));
}

/// Back into the journal's order: operations of two environments may interleave, and a clock may be set back.
#[must_use]
pub fn in_order(rows: Vec<Vec<Read>>) -> Vec<Read> {
    let mut entries: Vec<_> = rows.into_iter().flatten().collect();
    entries.sort_by_key(|read| read.place);
    entries
}

/// One operation, or one start or stop of the daemon.
#[must_use]
pub fn render(row: &[Read], zone: &TimeZone, style: Style) -> Vec<String> {
    let Some(first) = row.first().map(|read| &read.entry) else {
        return Vec::new();
    };
    let time = style.dim(&local(&first.time, zone));
    let operation = |kind: Action| {
        let number = first.operation.map_or(String::new(), |number| format!(" #{number}"));
        match first.environment.as_deref() {
            Some(environment) => format!("{} {kind}{number}", style.bold(&escape(environment))),
            // A reload is of the whole file.
            None => format!("{kind}{number}"),
        }
    };
    match &first.record {
        Record::Started { version, pid } => {
            vec![format!("{time}  proxyd {} started (pid {pid})", escape(version))]
        }
        Record::Stopped { pid } => vec![format!("{time}  proxyd stopped (pid {pid})")],
        Record::Torn { kind, live } => vec![format!("{time}  {}  {}", operation(*kind), torn(live, style))],
        Record::Asked { kind, caller, within } => {
            let moves = row.iter().find_map(|read| match &read.entry.record {
                Record::Step { event } => match event.as_ref() {
                    Event::Swap(SwapStep::Plan { moves, .. }) => Some(what(moves, style)),
                    Event::Deploy(DeployStep::Deploying { version, plan, .. }) => Some(format!(
                        "{}{} → {}",
                        version
                            .as_ref()
                            .map_or(String::new(), |version| format!("{}  ", escape(version))),
                        style.slot(plan.live),
                        style.slot(plan.idle)
                    )),
                    _ => None,
                },
                Record::Started { .. } | Record::Stopped { .. } | Record::Asked { .. } | Record::Torn { .. } => None,
            });
            let mut lines = vec![format!("{time}  {} by {}", operation(*kind), escape(&caller.user))];
            if let Some(within) = within {
                lines[0] += &style.dim(&format!("  of #{within}"));
            }
            if let Some(moves) = moves {
                lines[0] += &format!("  {moves}");
            }
            let ending = row.iter().rev().find_map(|read| ending(read, &first.time, style));
            let ending = ending.unwrap_or_else(|| style.yellow("… has no end yet"));
            lines.push(format!("                  {ending}"));
            lines
        }
        Record::Step { .. } => Vec::new(),
    }
}

/// How an operation ended, if this entry says so.
fn ending(read: &Read, asked: &str, style: Style) -> Option<String> {
    let entry = &read.entry;
    let took = || between(asked, &entry.time).map_or(String::new(), |time| format!(" after {time}"));
    match &entry.record {
        Record::Torn { live, .. } => Some(torn(live, style)),
        Record::Step { event } => match event.as_ref() {
            Event::Swap(SwapStep::Done { live, generation, .. }) => Some(format!(
                "{} {} live{}, generation {generation}",
                style.green("✓"),
                style.slot(*live),
                took()
            )),
            Event::Common(CommonStep::Planned) => Some(style.dim("dry run")),
            Event::Common(CommonStep::Refused { reason, .. }) => {
                Some(format!("{} refused{}: {}", style.red("✗"), took(), escape(reason)))
            }
            Event::Swap(SwapStep::RolledBack { reason, by, live, .. }) => Some(format!(
                "{} rolled back to {} by {}{}: {}",
                style.red("✗"),
                style.slot(*live),
                doer(by.as_deref()),
                took(),
                escape(reason)
            )),
            Event::Common(CommonStep::Failed { reason, .. }) | Event::Pause(PauseStep::Lapsed { reason, .. }) => {
                Some(format!("{} failed{}: {}", style.red("✗"), took(), escape(reason)))
            }
            Event::Reload(ReloadStep::Invalid { errors, .. }) => Some(format!(
                "{} refused: the file has {}",
                style.red("✗"),
                count(*errors as u64, "error", "errors")
            )),
            Event::Reload(ReloadStep::Reloaded { changes, .. }) => Some(format!(
                "{} {} published{}",
                style.green("✓"),
                count(*changes as u64, "change", "changes"),
                took()
            )),
            Event::Pause(PauseStep::Resumed { reason, .. }) => Some(format!(
                "{} serves again{}{}",
                style.green("✓"),
                took(),
                reason
                    .as_ref()
                    .map_or(String::new(), |why| format!(": {}", escape(why)))
            )),
            Event::Maintenance(MaintenanceStep::Maintained { on, .. }) => Some(format!(
                "{} {}",
                style.green("✓"),
                if on.is_some() { "on" } else { "off" }
            )),
            Event::Upgrade(UpgradeStep::Upgraded {
                pid, version, before, ..
            }) => Some(format!(
                "{} {} → {}, process {pid}{}",
                style.green("✓"),
                escape(before),
                escape(version),
                took()
            )),
            Event::Preview(PreviewStep::Opened { slot, for_ms, .. }) => Some(format!(
                "{} {} for {}",
                style.green("✓"),
                style.slot(*slot),
                period(*for_ms)
            )),
            Event::Preview(PreviewStep::Over { slot, reason, .. }) => Some(format!(
                "{} {} was shown, and is not any more{}: {reason}",
                style.green("✓"),
                style.slot(*slot),
                took()
            )),
            Event::Preview(PreviewStep::Closed { previews, .. }) => Some(format!(
                "{} {} ended",
                style.green("✓"),
                count(*previews, "preview", "previews")
            )),
            Event::Sleep(SleepStep::Asleep { already, .. }) => Some(match already {
                true => format!("{} was asleep before", style.green("✓")),
                false => format!("{} asleep{}", style.green("✓"), took()),
            }),
            Event::Sleep(SleepStep::Awake { already, .. }) => Some(match already {
                true => format!("{} was awake before", style.green("✓")),
                false => format!("{} answers{}", style.green("✓"), took()),
            }),
            Event::Swap(SwapStep::Passed) => Some(format!("{} the gate is open{}", style.green("✓"), took())),
            Event::Deploy(DeployStep::Released { outcome, reason }) => Some(format!(
                "{}{}{}",
                commands::outcome(*outcome, style),
                took(),
                reason
                    .as_ref()
                    .map_or(String::new(), |why| format!(": {}", escape(why)))
            )),
            Event::Deploy(DeployStep::Abandoned { step, live }) => Some(format!(
                "{} abandoned{}: `proxyctl` was gone ({}){}",
                style.yellow("!"),
                took(),
                escape(step),
                live.map_or(String::new(), |live| format!("; {} is live", style.slot(live)))
            )),
            Event::Progress(_)
            | Event::Common(_)
            | Event::Swap(_)
            | Event::Reload(_)
            | Event::Pause(_)
            | Event::Upgrade(_)
            | Event::Deploy(_)
            | Event::Preview(_)
            | Event::Sleep(_) => None,
        },
        Record::Started { .. } | Record::Stopped { .. } | Record::Asked { .. } => None,
    }
}

/// What the commands of a deployment did, in their order.
pub fn details(row: &[Read], style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = None;
    for read in row {
        let Record::Step { event } = &read.entry.record else {
            continue;
        };
        match &**event {
            Event::Deploy(DeployStep::CommandBegun(begun)) => open = Some(begun),
            Event::Deploy(DeployStep::CommandEnded(ended)) => {
                open = None;
                lines.extend(commands::ended(ended, style));
            }
            _ => {}
        }
    }
    lines.extend(open.map(|begun| commands::unfinished(begun, style)));
    lines.iter().map(|line| format!("                  {line}")).collect()
}

fn torn(live: &str, style: Style) -> String {
    format!(
        "{} torn: the daemon ended before it did; {} is live",
        style.yellow("!"),
        escape(live)
    )
}

/// `web blue → green :3010`.
fn what(moves: &[Move], style: Style) -> String {
    let one = |one: &Move| {
        format!(
            "{} {} → {} {}",
            escape(&one.service),
            style.slot(one.from.slot),
            style.slot(one.to.slot),
            addresses(&one.to.addresses, short_address)
        )
    };
    moves.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `2026-11-21 10:04`, where the reader is.
fn local(time: &str, zone: &TimeZone) -> String {
    match time.parse::<Timestamp>() {
        Ok(time) => time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => escape(time).into_owned(),
    }
}

fn between(from: &str, to: &str) -> Option<String> {
    let (from, to) = (from.parse::<Timestamp>().ok()?, to.parse::<Timestamp>().ok()?);
    Some(period(
        u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0),
    ))
}
