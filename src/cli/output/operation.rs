//! The events of a swap or rollback as lines. Pure: an event and what was said before in, lines out.

use super::evidence::{complaint, gate_reports, refusal, served};
use super::line::{INDENT, Line, Mark, Stream, err, step};
use super::parity::table;
use super::text::{
    Style, address, addresses, bytes, change, count, doer, escape, latency, period, short_address, thousands,
};
use crate::model::api::{Check, CommonStep, Event, HealthStatus, Kind, Move, SafeToStop, Side, SwapStep, Traffic};
use crate::model::slot::{Address, Slot};

/// Width up to which a plan stays on one line.
const PLAN_WIDTH: usize = 100;

/// What was said before, as far as later lines need it.
#[derive(Debug, Clone)]
pub struct Transcript {
    out: Style,
    err: Style,
    dry_run: bool,
    kind: Kind,
    environment: String,
    /// Whether the new side was asked for no health.
    forced: bool,
    /// The step whose failure would end the operation.
    step: &'static str,
    /// An old side may be empty before the new one is verified; it is told in the order of the steps.
    drained: Vec<Line>,
}

impl Transcript {
    /// Before the first event. The styles are those of stdout and stderr.
    #[must_use]
    pub fn new(environment: &str, kind: Kind, dry_run: bool, out: Style, err: Style) -> Self {
        Self {
            out,
            err,
            dry_run,
            kind,
            environment: environment.to_owned(),
            forced: false,
            step: "refused",
            drained: Vec::new(),
        }
    }
}

/// What an event adds to the screen for good.
#[must_use]
pub fn render(event: &Event, told: &mut Transcript) -> Vec<Line> {
    let mut lines = lines(event, told);
    // Behind the verification, but before the last words.
    let is_last = event.exit_code().is_some();
    if is_last || told.step != "verify" {
        let place = if is_last { 0 } else { lines.len() };
        lines.splice(place..place, told.drained.drain(..));
    }
    lines
}

fn lines(event: &Event, told: &mut Transcript) -> Vec<Line> {
    let style = told.err;
    match event {
        Event::Swap(SwapStep::Plan {
            operation: _,
            kind,
            environment,
            moves,
            forced,
        }) => {
            told.kind = *kind;
            told.environment.clone_from(environment);
            told.forced = *forced;
            told.step = "gate";
            // A dry run was asked for its plan: that is its data.
            let (stream, style) = if told.dry_run {
                (Stream::Out, told.out)
            } else {
                (Stream::Err, told.err)
            };
            let label = match kind {
                Kind::Swap => "",
                Kind::Rollback => "rollback",
            };
            plan(label, environment, moves, *forced, style)
                .into_iter()
                .map(|text| Line { stream, text })
                .collect()
        }
        Event::Common(CommonStep::Planned) => vec![err("Nothing was switched: this was a dry run.".into())],
        Event::Common(CommonStep::Warning { message }) => vec![step(style, Mark::Look, "warning", &escape(message))],
        Event::Common(CommonStep::Gated { instances, version, .. }) => {
            let mut text = gate_reports(instances, false);
            if let Some(version) = version {
                text += &format!("  version {}", escape(version));
            }
            if told.forced {
                text += "  (not asked for its health: --force)";
            }
            vec![step(
                style,
                if told.forced { Mark::Look } else { Mark::Done },
                "gate",
                &text,
            )]
        }
        Event::Swap(SwapStep::Required { healthy, parity, .. }) => {
            let text = required(healthy.as_deref(), parity.as_deref());
            vec![step(style, Mark::Done, "require", &text)]
        }
        Event::Swap(SwapStep::Differs {
            environment,
            other,
            differences,
        }) => {
            let names = (&*escape(environment), &*escape(other));
            table(names, differences, style).into_iter().map(err).collect()
        }
        Event::Swap(SwapStep::Warmed {
            requests,
            failed,
            elapsed_ms,
        }) => {
            let asked = count(u64::from(*requests), "request", "requests");
            let (mark, failed) = match failed {
                0 => (Mark::Done, String::new()),
                failed => (Mark::Look, format!(", {failed} failed")),
            };
            vec![step(
                style,
                mark,
                "warm-up",
                &format!("{asked}{failed} in {}", period(*elapsed_ms)),
            )]
        }
        Event::Swap(SwapStep::Switched {
            generation,
            services,
            durability_uncertain,
        }) => {
            told.step = "verify";
            let which = match services.as_slice() {
                [] => String::new(),
                [one] => format!(", {}", escape(one)),
                [_, _] => ", both services".into(),
                many => format!(", all {} services", many.len()),
            };
            let mut lines = vec![step(
                style,
                Mark::Done,
                "switch",
                &format!("generation {generation}{which}"),
            )];
            if *durability_uncertain {
                let text =
                    "durability uncertain: the state's folder could not be synced, a power cut may undo the switch";
                lines.push(step(style, Mark::Look, "warning", text));
            }
            lines
        }
        Event::Swap(SwapStep::Verified { checks }) => {
            told.step = "bake";
            verified(checks, style)
        }
        // No swap and no rollback has steps of the others: see `upkeep`.
        Event::Progress(_)
        | Event::Reload(_)
        | Event::Pause(_)
        | Event::Maintenance(_)
        | Event::Upgrade(_)
        | Event::Deploy(_)
        | Event::Preview(_)
        | Event::Sleep(_) => Vec::new(),
        Event::Swap(SwapStep::Passed) => vec![err("Nothing was switched: only the gate was asked for.".into())],
        Event::Swap(SwapStep::Baked {
            traffic,
            before,
            elapsed_ms,
        }) => {
            let mut text = format!("{}: {}", period(*elapsed_ms), served(traffic));
            text += &match (before.p95_us, traffic.p95_us) {
                (Some(before), Some(after)) => format!(", p95 {}", change(&latency(before), &latency(after))),
                (None, Some(after)) => format!(", p95 {}", latency(after)),
                (_, None) => String::new(),
            };
            vec![step(style, well(traffic), "bake", &text)]
        }
        Event::Swap(SwapStep::Kept { files, bytes: size }) => {
            let files = count(*files, "file", "files");
            let text = format!("{files} of the old side, {}", bytes(*size));
            vec![step(style, Mark::Done, "keep", &text)]
        }
        Event::Swap(SwapStep::Drained {
            finished,
            ended,
            cut,
            elapsed_ms,
        }) => {
            told.drained.push(drained(*finished, *ended, *cut, *elapsed_ms, style));
            Vec::new()
        }
        Event::Swap(SwapStep::Done {
            environment,
            live,
            generation: _,
            safe_to_stop,
            traffic,
        }) => done(environment, *live, safe_to_stop, traffic, told),
        Event::Common(CommonStep::Refused {
            code: _,
            reason,
            evidence,
            hint,
            live,
            health,
        }) => {
            let mut lines = refusal("refused", reason, evidence, hint.as_deref(), style);
            lines.push(err(stays(*live, health, &told.environment, style)));
            lines
        }
        Event::Swap(SwapStep::RolledBack {
            reason,
            by,
            live,
            generation,
        }) => vec![
            step(style, Mark::Bad, told.step, &escape(reason)),
            err(format!(
                "{} is live again (generation {generation}): it was switched, and rolled back by {}.",
                style.slot(*live),
                doer(by.as_deref())
            )),
        ],
        Event::Common(CommonStep::Failed { reason, live }) => {
            let mut lines = vec![step(style, Mark::Bad, "failed", &escape(reason))];
            let live = live.map_or(String::new(), |live| format!("{} is live; ", style.slot(live)));
            lines.push(err(format!(
                "{live}this needs a person: proxyctl status {}",
                escape(&told.environment)
            )));
            lines
        }
    }
}

/// `dev is healthy, and nothing differs`.
fn required(healthy: Option<&str>, parity: Option<&str>) -> String {
    let healthy = healthy.map(|name| format!("{} is healthy", escape(name)));
    let parity = parity.map(|name| format!("nothing differs from {}", escape(name)));
    let all: Vec<String> = healthy.into_iter().chain(parity).collect();
    all.join(", ")
}

/// The plan: on one line where that can be read, else a line each. The label says what is done, where that is no swap.
pub(super) fn plan(label: &str, environment: &str, moves: &[Move], forced: bool, style: Style) -> Vec<String> {
    let name = escape(environment).to_uppercase();
    let kind = match label {
        "" => String::new(),
        label => format!(" {} ", escape(label)),
    };
    let forced = if forced { "   forced" } else { "" };
    let texts = |style: Style| -> Vec<String> {
        let side = |side: &Side, first: bool| {
            let shown: fn(&Address) -> String = if first { address } else { short_address };
            format!("{} {}", style.slot(side.slot), addresses(&side.addresses, shown))
        };
        moves
            .iter()
            .enumerate()
            .map(|(index, one)| {
                let (from, to) = (side(&one.from, index == 0), side(&one.to, index == 0));
                format!("{}  {from} → {to}", escape(&one.service))
            })
            .collect()
    };
    let length = texts(Style::default()).join("   ").chars().count() + name.len() + kind.len() + forced.len() + 3;
    let head = format!("{}{}", style.badge(&name), style.bold(&kind));
    let forced = style.yellow(forced);
    if length <= PLAN_WIDTH {
        return vec![format!("{head} {}{forced}", texts(style).join("   "))];
    }
    std::iter::once(format!("{head}{forced}"))
        .chain(texts(style).into_iter().map(|text| format!("  {text}")))
        .collect()
}

fn well(traffic: &Traffic) -> Mark {
    if traffic.proxy_errors == 0 {
        Mark::Done
    } else {
        Mark::Look
    }
}

fn verified(checks: &[Check], style: Style) -> Vec<Line> {
    let one = |check: &Check| {
        let status = check.status.map_or("no answer".into(), |status| status.to_string());
        let version = check
            .version
            .as_ref()
            .map_or(String::new(), |version| format!(", version {}", escape(version)));
        format!("{} {status}{version}", escape(&check.target))
    };
    checks
        .iter()
        .enumerate()
        .map(|(index, check)| match index {
            0 => step(style, Mark::Done, "verify", &one(check)),
            _ => err(format!("{INDENT}{}", one(check))),
        })
        .collect()
}

fn drained(finished: u64, ended: u64, cut: u64, elapsed_ms: u64, style: Style) -> Line {
    let mut parts = Vec::new();
    if finished > 0 {
        parts.push(format!("{} finished", count(finished, "request", "requests")));
    }
    if ended > 0 {
        parts.push(format!("{} ended", count(ended, "stream", "streams")));
    }
    if cut > 0 {
        parts.push(format!("{} cut", thousands(cut)));
    }
    let what = if parts.is_empty() {
        "nothing was under way".into()
    } else {
        parts.join(", ")
    };
    let mark = if cut > 0 { Mark::Look } else { Mark::Done };
    step(style, mark, "drain", &format!("{what} after {}", period(elapsed_ms)))
}

fn done(environment: &str, live: Slot, safe: &[SafeToStop], traffic: &Traffic, told: &Transcript) -> Vec<Line> {
    let mut lines = Vec::new();
    if traffic.requests > 0 || traffic.proxy_errors > 0 {
        let latencies = match (traffic.p50_us, traffic.p95_us) {
            (Some(p50), Some(p95)) => format!(", p50 {}, p95 {}", latency(p50), latency(p95)),
            _ => String::new(),
        };
        let text = format!("{} since the switch{latencies}", served(traffic));
        lines.push(step(told.err, well(traffic), "served", &text));
    }
    let style = told.out;
    let safe = format!("{}{}", safe_to("stop", safe, false), safe_to("change", safe, true));
    let back = match told.kind {
        Kind::Swap => Kind::Rollback,
        Kind::Rollback => Kind::Swap,
    };
    lines.push(Line {
        stream: Stream::Out,
        text: format!(
            "{} is live.{safe}   {}",
            style.slot(live),
            style.dim(&format!("Undo: proxyctl {back} {}", escape(environment)))
        ),
    });
    lines
}

/// ` Safe to stop: api :8001.`: apps are stopped, folders are changed.
fn safe_to(what: &str, safe: &[SafeToStop], folders: bool) -> String {
    let is_meant = |one: &&SafeToStop| one.addresses.iter().any(|address| address.folder().is_some()) == folders;
    let named = safe.iter().filter(is_meant);
    let named = named.map(|one| format!("{} {}", escape(&one.service), addresses(&one.addresses, short_address)));
    let named: Vec<_> = named.collect();
    if named.is_empty() {
        return String::new();
    }
    format!(" Safe to {what}: {}.", named.join(", "))
}

/// Which side serves on, and whether it is well.
fn stays(live: Option<Slot>, health: &[HealthStatus], environment: &str, style: Style) -> String {
    let Some(live) = live else {
        return "Nothing was switched.".into();
    };
    let well = if health.is_empty() || health.iter().any(|one| one.healthy.is_none()) {
        String::new()
    } else if let Some(bad) = health.iter().find(|one| one.healthy == Some(false)) {
        let why = bad.last.as_ref().and_then(complaint);
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        let look = format!("proxyctl status {}", escape(environment));
        format!(", and {}{why}: {look}", style.red("is not healthy"))
    } else {
        ", and is healthy".into()
    };
    format!("Nothing was switched; {} stays live{well}.", style.slot(live))
}
