//! The table of `status --watch`: one line a service, 80 columns. Pure: readings in, lines out.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio::time::Instant;

use super::age::{lasting, short_age};
use super::certificate::{SOON_DAYS, days_left};
use super::sleep;
use super::text::{Style, addresses, bytes, count, escape, fit, fit_end, latency, short_address};
use crate::model::api::{EnvironmentStatus, ServiceStatus, Status};
use crate::model::slot::{Generation, Slot};

/// Requests a second, from two readings.
#[derive(Debug, Default)]
pub struct Rates {
    services: HashMap<(String, String), Reading>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    at: Instant,
    generation: Generation,
    requests: u64,
    rate: Option<f64>,
}

impl Rates {
    /// Takes a reading in; the moment is when it was taken.
    pub fn read(&mut self, status: &Status, at: Instant) {
        let mut next = HashMap::new();
        for environment in &status.environments {
            for service in &environment.services {
                let key = (environment.name.clone(), service.name.clone());
                let requests = service.traffic.requests;
                let before = self.services.get(&key);
                let rate = before.and_then(|before| before.rate_to(environment.generation, requests, at));
                let reading = Reading {
                    at,
                    generation: environment.generation,
                    requests,
                    rate,
                };
                next.insert(key, reading);
            }
        }
        self.services = next;
    }

    fn of(&self, environment: &str, service: &str) -> Option<f64> {
        self.services.get(&(environment.to_owned(), service.to_owned()))?.rate
    }
}

impl Reading {
    fn rate_to(&self, generation: Generation, requests: u64, at: Instant) -> Option<f64> {
        let seconds = at.checked_duration_since(self.at)?.as_secs_f64();
        // A new live side counts from zero: all that it served, it served since.
        let fresh = generation != self.generation || requests < self.requests;
        let served = if fresh { requests } else { requests - self.requests };
        #[expect(clippy::cast_precision_loss, reason = "a rate with three digits")]
        let served = served as f64;
        (seconds > 0.0).then(|| served / seconds)
    }
}

/// A column: its heading, its width, and whether numbers stand to the right.
struct Column(&'static str, usize, bool);

/// 70 characters and nine gaps: 79, so that a terminal of 80 breaks no line.
const COLUMNS: [Column; 10] = [
    Column("SERVICE", 16, false),
    Column("LIVE", 12, false),
    Column("HEALTH", 6, false),
    Column("REQ/S", 5, true),
    Column("APP", 4, true),
    Column("PRX", 4, true),
    Column("P50/P95", 11, true),
    Column("HELD", 4, true),
    Column("WS", 4, true),
    Column("CERT", 4, true),
];

/// The whole picture.
#[must_use]
pub fn table(status: &Status, rates: &Rates, now: Timestamp, style: Style, width: usize) -> Vec<String> {
    let up = short_age(&status.started, now).unwrap_or_else(|| "?".into());
    let mut lines = vec![
        format!(
            "proxyd {}  up {up}  {}  {}",
            escape(&status.version),
            count(status.connections, "connection", "connections"),
            bytes(status.resident_bytes)
        ),
        String::new(),
        style.dim(&heading()),
    ];
    for environment in &status.environments {
        for service in &environment.services {
            lines.push(row(environment, service, rates, now, style));
        }
        lines.extend(remarks(environment, now, width).map(|text| format!("  {}", style.yellow(&text))));
    }
    let mut warnings: Vec<String> = status.warnings.clone();
    if let Some(configuration) = &status.configuration {
        warnings.extend(configuration.differs.clone());
        if !configuration.restart.is_empty() {
            warnings.push(format!(
                "takes effect at the next restart: {}",
                configuration.restart.join(", ")
            ));
        }
    }
    if !warnings.is_empty() {
        lines.push(String::new());
        let text = |text: &String| fit(&escape(text), width.saturating_sub(2)).into_owned();
        lines.extend(
            warnings
                .iter()
                .map(|one| format!("{} {}", style.yellow("!"), text(one))),
        );
    }
    lines
}

fn heading() -> String {
    let cells = COLUMNS
        .iter()
        .map(|Column(name, width, right)| pad(name, *width, *right));
    cells.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

fn row(
    environment: &EnvironmentStatus,
    service: &ServiceStatus,
    rates: &Rates,
    now: Timestamp,
    style: Style,
) -> String {
    let name = if environment.name == service.name {
        escape(&service.name).into_owned()
    } else {
        format!("{}/{}", escape(&environment.name), escape(&service.name))
    };
    let slot = service.live.slot;
    // `upstream` says nothing that the address does not.
    let slot_name = match slot {
        Slot::Upstream => String::new(),
        Slot::Blue | Slot::Green => format!("{slot} "),
    };
    let addresses = addresses(&service.live.addresses, short_address);
    let is_folder = service.live.addresses.iter().any(|address| address.folder().is_some());
    let addresses = match is_folder {
        true => fit_end(&addresses, COLUMNS[1].1 - slot_name.len()),
        false => addresses.into(),
    };
    let live = format!("{slot_name}{addresses}");
    let (healthy, checked) = match environment.sleeps() {
        // It is not asked.
        true => (None, "asleep".into()),
        false => health(service, now),
    };
    let mark = |text: &str| match healthy {
        Some(true) => style.green(text),
        Some(false) => style.red(text),
        None => style.yellow(text),
    };
    let rate = rates.of(&environment.name, &service.name).map_or("-".into(), rate);
    let errors = |number: u64, column: usize| {
        let text = pad(&short(number), COLUMNS[column].1, true);
        if number > 0 { style.red(&text) } else { text }
    };
    let traffic = &service.traffic;
    let latencies = match (traffic.p50_us, traffic.p95_us) {
        (Some(p50), Some(p95)) => pair(p50, p95),
        _ => "-".into(),
    };
    let held = cell(&short(service.held), 7);
    let held = if service.held > 0 { style.yellow(&held) } else { held };
    let cells = [
        style.bold(&cell(&name, 0)),
        style.of_slot(slot, &cell(&live, 1)),
        mark(&cell(&checked, 2)),
        cell(&rate, 3),
        errors(traffic.app_errors, 4),
        errors(traffic.proxy_errors, 5),
        cell(&latencies, 6),
        held,
        cell(&short(service.web_sockets), 8),
        certificate(service, now, style),
    ];
    cells.join(" ").trim_end().to_owned()
}

/// What cannot be seen from the columns, in words.
fn remarks(environment: &EnvironmentStatus, now: Timestamp, width: usize) -> impl Iterator<Item = String> {
    let mut remarks = Vec::new();
    let name = escape(&environment.name).into_owned();
    if let Some(holder) = &environment.operation {
        let since = lasting(short_age(&holder.since, now));
        remarks.push(format!(
            "{name}: {} by {}{since}, step {}",
            holder.kind,
            escape(&holder.user),
            escape(&holder.step)
        ));
    }
    if !environment.waiting.is_empty() {
        let waiting = count(environment.waiting.len() as u64, "deployment waits", "deployments wait");
        remarks.push(format!("{name}: {waiting} for a turn"));
    }
    let standing = environment
        .sleep
        .as_ref()
        .and_then(|it| sleep::standing(it, |since| short_age(since, now)));
    if let Some((word, rest)) = standing {
        remarks.push(format!("{name}: {word}{rest}"));
    }
    if let Some(maintenance) = &environment.maintenance {
        let since = lasting(short_age(&maintenance.since, now));
        remarks.push(format!(
            "{name}: maintenance by {}{since}: visitors get 503",
            escape(&maintenance.user)
        ));
    }
    for service in &environment.services {
        if let Some(since) = &service.away_since {
            let since = lasting(short_age(since, now));
            remarks.push(format!("{name}: {} cannot be reached{since}", escape(&service.name)));
        }
    }
    for drain in &environment.draining {
        remarks.push(format!(
            "{name}: {} {} {} drains: {}, {}",
            escape(&drain.service),
            drain.slot,
            addresses(&drain.addresses, short_address),
            count(drain.requests, "request", "requests"),
            count(drain.streams, "stream", "streams")
        ));
    }
    remarks
        .into_iter()
        .map(move |text| fit(&text, width.saturating_sub(3)).into_owned())
}

/// The worst instance, and how long ago it was looked at: `✓ 3 s`.
fn health(service: &ServiceStatus, now: Timestamp) -> (Option<bool>, String) {
    let worst = service.health.iter().min_by_key(|health| match health.healthy {
        Some(false) => 0,
        None => 1,
        Some(true) => 2,
    });
    let Some(worst) = worst else {
        return (None, "?".into());
    };
    let mark = match worst.healthy {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "?",
    };
    let age = worst
        .checked
        .as_ref()
        .and_then(|time| short_age(time, now))
        .unwrap_or_default();
    (worst.healthy, format!("{mark} {age}").trim_end().to_owned())
}

/// Days until the first certificate of the service ends.
fn certificate(service: &ServiceStatus, now: Timestamp, style: Style) -> String {
    let days = service
        .certificates
        .iter()
        .filter_map(|one| days_left(&one.not_after, now));
    let first = days.min();
    match first {
        None => cell("-", 9),
        Some(days) if days < 0 => style.red(&cell("over", 9)),
        Some(days) if days < SOON_DAYS => style.yellow(&cell(&format!("{days}d"), 9)),
        Some(days) => cell(&format!("{days}d"), 9),
    }
}

/// `8/39ms` where both have the same unit, else `900ms/1.2s`.
fn pair(p50: u64, p95: u64) -> String {
    let (low, high) = (latency(p50), latency(p95));
    match (low.split_once(' '), high.split_once(' ')) {
        (Some((number, unit)), Some((other, same))) if unit == same => format!("{number}/{other}{unit}"),
        _ => format!("{low}/{high}").replace(' ', ""),
    }
}

fn rate(rate: f64) -> String {
    match rate {
        rate if rate < 9.95 => format!("{rate:.1}"),
        rate if rate < 9_999.5 => format!("{rate:.0}"),
        rate => format!("{:.0}k", rate / 1_000.0),
    }
}

/// Up to four characters: `9999`, `12k`, `3M`.
fn short(number: u64) -> String {
    match number {
        0..=9_999 => number.to_string(),
        10_000..=999_999 => format!("{}k", number / 1_000),
        1_000_000.. => format!("{}M", number / 1_000_000),
    }
}

fn cell(text: &str, column: usize) -> String {
    let Column(_, width, right) = COLUMNS[column];
    pad(text, width, right)
}

fn pad(text: &str, width: usize, right: bool) -> String {
    let text = fit(text, width);
    if right {
        format!("{text:>width$}")
    } else {
        format!("{text:<width$}")
    }
}
