//! `proxyctl status`: what is live, how it does, and what still drains, in 80 columns.

use jiff::Timestamp;

use super::environment::unknown;
use crate::cli::args::StatusArgs;
use crate::cli::client::Client;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output;
use crate::cli::output::age::{age, lasting};
use crate::cli::output::certificate::{SOON_DAYS, days_left, stands_in};
use crate::cli::output::text::{
    Style, address, addresses, bytes, count, escape, latency, period, short_address, thousands,
};
use crate::model::api::{
    CertificateStatus, EnvironmentStatus, HealthStatus, Kind, MaintenanceStatus, PreviewStatus, ServiceStatus, Status,
    Traffic, exit,
};

/// Exit 0, or with `--exit-code` 1 when an instance is not known to be healthy.
///
/// # Errors
/// When the daemon cannot be asked, or has no such environment.
pub async fn run(client: &Client, args: &StatusArgs) -> Outcome {
    let status: Status = client.get("/v1/status").await?;
    let status = only(status, args.only())?;
    if args.json {
        output::out_pretty_json(&status)?;
    } else {
        for line in render(&status, Timestamp::now(), output::out_style()) {
            output::out(&line);
        }
    }
    Ok(if args.exit_code && !healthy(&status) {
        exit::FAILED
    } else {
        exit::DONE
    })
}

/// The status of one environment, if one is named.
pub(super) fn only(mut status: Status, environment: Option<&str>) -> Result<Status, Stop> {
    if let Some(name) = environment {
        if !status.environments.iter().any(|one| one.name == *name) {
            return Err(unknown(name, status.environments.iter().map(|one| one.name.as_str())));
        }
        status.environments.retain(|one| one.name == *name);
    }
    Ok(status)
}

/// Whether every live instance is known to be healthy, but for those that sleep.
#[must_use]
pub fn healthy(status: &Status) -> bool {
    status
        .environments
        .iter()
        .filter(|environment| !environment.sleeps())
        .flat_map(|environment| &environment.services)
        .flat_map(|service| &service.health)
        .all(|health| health.healthy == Some(true))
}

/// The overview; `now` turns times into ages.
#[must_use]
pub fn render(status: &Status, now: Timestamp, style: Style) -> Vec<String> {
    let mut lines = vec![format!(
        "proxyd {}  pid {}  up {}  {}  {}",
        escape(&status.version),
        status.pid,
        age(&status.started, now).unwrap_or_else(|| "?".into()),
        count(status.connections, "connection", "connections"),
        bytes(status.resident_bytes),
    )];
    lines.extend(status.earlier.iter().map(|earlier| {
        format!(
            "{} process {}, version {}, replaced{}: {}, {} and {} to go",
            style.yellow("drains"),
            earlier.pid,
            escape(&earlier.version),
            lasting(age(&earlier.since, now)),
            count(earlier.connections, "connection", "connections"),
            count(earlier.requests, "request", "requests"),
            count(earlier.streams, "stream", "streams"),
        )
    }));
    let lists = status.configuration.iter().flat_map(|it| &it.trusted_lists);
    lines.extend(lists.map(|list| {
        let networks = count(list.networks as u64, "network", "networks");
        let text = format!("trusts {}, as published on {}: {networks}", list.name, list.published);
        style.dim(&escape(&text))
    }));
    for environment in &status.environments {
        lines.push(String::new());
        lines.extend(render_environment(environment, now, style));
    }
    let mut warnings: Vec<String> = status.warnings.iter().map(|text| escape(text).into_owned()).collect();
    if status.dropped_log_lines > 0 {
        let dropped = count(status.dropped_log_lines, "access-log line was", "access-log lines were");
        warnings.push(format!("{dropped} dropped: the log's target is too slow"));
    }
    if let Some(configuration) = &status.configuration {
        warnings.extend(configuration.differs.iter().map(|text| escape(text).into_owned()));
        if !configuration.restart.is_empty() {
            let keys = configuration.restart.join(", ");
            warnings.push(format!("takes effect at the next restart: {}", escape(&keys)));
        }
    }
    if !warnings.is_empty() {
        lines.push(String::new());
        lines.extend(warnings.into_iter().map(|text| format!("{} {text}", style.yellow("!"))));
    }
    lines
}

fn render_environment(environment: &EnvironmentStatus, now: Timestamp, style: Style) -> Vec<String> {
    let live = environment
        .live
        .map_or(String::new(), |live| format!("{} is live, ", style.slot(live)));
    let since = lasting(age(&environment.since, now));
    let protected = if environment.protected { "  protected" } else { "" };
    let mut lines = vec![format!(
        "{} {live}generation {}{since}{}",
        style.badge(&escape(&environment.name).to_uppercase()),
        environment.generation,
        style.dim(protected)
    )];
    // An app that is not there on purpose is not asked how it does.
    let asleep = environment.sleeps();
    for service in &environment.services {
        lines.extend(render_service(service, asleep, now, style));
    }
    let deployed = environment.deployed.iter().map(|(slot, deployed)| {
        let since = lasting(age(&deployed.since, now));
        format!("{} {}{since}", style.slot(*slot), escape(&deployed.version))
    });
    let deployed: Vec<_> = deployed.collect();
    if !deployed.is_empty() {
        lines.push(format!("  deployed: {}", deployed.join(", ")));
    }
    if let Some(kept) = &environment.kept {
        let files = count(kept.files, "file", "files");
        let text = format!("  keeps {files} of versions that are gone, {}", bytes(kept.bytes));
        lines.push(style.dim(&text));
    }
    for drain in &environment.draining {
        lines.push(format!(
            "  {} {} {} {}: {} and {} to go",
            style.yellow("drains"),
            escape(&drain.service),
            style.slot(drain.slot),
            addresses(&drain.addresses, short_address),
            count(drain.requests, "request", "requests"),
            count(drain.streams, "stream", "streams"),
        ));
    }
    if let Some(holder) = &environment.operation {
        let number = match holder.operation {
            0 => String::new(),
            operation => format!(" (operation {operation})"),
        };
        lines.push(format!(
            "  {} by {}{}, step {}{number}",
            style.yellow(&holder.kind.to_string()),
            escape(&holder.user),
            lasting(age(&holder.since, now)),
            escape(&holder.step),
        ));
    }
    for preview in &environment.previews {
        lines.push(render_preview(&environment.name, preview, now, style));
    }
    lines.extend(environment.waiting.iter().map(|waiting| {
        let what = match waiting.kind {
            Kind::Swap => "deploy",
            Kind::Rollback => "rollback",
        };
        format!(
            "  {} {what}{} by {}{} (operation {})",
            style.yellow("waits"),
            waiting
                .version
                .as_ref()
                .map_or(String::new(), |version| format!(" of {}", escape(version))),
            escape(&waiting.user),
            lasting(age(&waiting.since, now)),
            waiting.operation,
        )
    }));
    if let Some(sleep) = &environment.sleep {
        lines.extend(output::sleep::status(&environment.name, sleep, now, style));
    }
    if let Some(maintenance) = &environment.maintenance {
        lines.extend(render_maintenance(&environment.name, maintenance, now, style));
    }
    if environment.can_roll_back {
        let way_back = format!("way back: proxyctl rollback {}", escape(&environment.name));
        lines.push(format!("  {}", style.dim(&way_back)));
    }
    lines
}

fn render_preview(environment: &str, preview: &PreviewStatus, now: Timestamp, style: Style) -> String {
    let until = preview.until.parse::<Timestamp>().ok();
    let left = until.map(|until| u64::try_from(until.as_millisecond() - now.as_millisecond()).unwrap_or(0));
    format!(
        "  {} {} by {}{}, {} left: {} and {}  {}",
        style.yellow("preview"),
        style.slot(preview.slot),
        escape(&preview.user),
        lasting(age(&preview.since, now)),
        period(left.unwrap_or(0) / 1_000 * 1_000),
        count(preview.requests, "request", "requests"),
        count(preview.streams, "stream", "streams"),
        style.dim(&format!("proxyctl preview {} --end", escape(environment))),
    )
}

fn render_maintenance(environment: &str, maintenance: &MaintenanceStatus, now: Timestamp, style: Style) -> Vec<String> {
    let since = lasting(age(&maintenance.since, now));
    let but = if maintenance.allow.is_empty() {
        String::new()
    } else {
        format!(", but not {}", escape(&maintenance.allow.join(", ")))
    };
    let mut lines = vec![format!(
        "  {} by {}{since}: visitors get 503{but}",
        style.yellow("maintenance"),
        escape(&maintenance.user)
    )];
    if let Some(message) = &maintenance.message {
        lines.push(format!("    “{}”", escape(message)));
    }
    let off = format!("proxyctl maintenance {} off", escape(environment));
    lines.push(format!("    {}", style.dim(&off)));
    lines
}

fn render_service(service: &ServiceStatus, asleep: bool, now: Timestamp, style: Style) -> Vec<String> {
    let name = escape(&service.name);
    let routes: Vec<_> = service.routes.iter().map(|route| escape(route)).collect();
    let mut lines = vec![format!(
        "  {}  {} {}  {}",
        style.bold(&name),
        style.slot(service.live.slot),
        addresses(&service.live.addresses, address),
        style.dim(&routes.join(" "))
    )];
    let instances = service.health.len();
    lines.extend(
        service
            .health
            .iter()
            .filter(|_| !asleep)
            .map(|health| render_health(health, instances, now, style)),
    );
    lines.push(format!("    {}", traffic(&service.traffic, style)));
    lines.push(format!(
        "    in flight: {}, {}",
        count(service.requests, "request", "requests"),
        count(service.streams, "stream", "streams"),
    ));
    lines.extend(waiting(service, now, style));
    lines.extend(
        service
            .certificates
            .iter()
            .filter_map(|one| certificate(one, now, style)),
    );
    lines
}

fn render_health(health: &HealthStatus, instances: usize, now: Timestamp, style: Style) -> String {
    let place = if instances > 1 {
        format!("{} ", short_address(&health.address))
    } else {
        String::new()
    };
    let verdict = match health.healthy {
        Some(true) => format!("{} healthy", style.green("✓")),
        Some(false) => {
            let since = health
                .since
                .as_ref()
                .map_or(String::new(), |since| lasting(age(since, now)));
            format!("{} not healthy{since}", style.red("✗"))
        }
        None => format!("{} not checked yet", style.yellow("?")),
    };
    let mut text = format!("    {place}{verdict}");
    if let Some(last) = &health.last {
        match (last.status, &last.reason) {
            (Some(status), None) => text += &format!(": {status} in {}", latency(last.latency_us)),
            _ => text += &output::complaint(last).map_or(String::new(), |complaint| format!(": {complaint}")),
        }
        if let Some(reached) = &last.reached {
            text += &format!(", at {}", address(reached));
        }
        if let Some(version) = &last.version {
            text += &format!(", version {}", escape(version));
        }
    }
    if let Some(age) = health.checked.as_ref().and_then(|time| age(time, now)) {
        text += &style.dim(&format!(", {age} ago"));
    }
    text
}

/// An app that cannot be reached, and the requests that wait for it or for the end of a pause.
fn waiting(service: &ServiceStatus, now: Timestamp, style: Style) -> Option<String> {
    if service.held == 0 && service.away_since.is_none() {
        return None;
    }
    let held = format!("{} held", count(service.held, "request", "requests"));
    let away = service.away_since.as_ref().map(|since| {
        let since = lasting(age(since, now));
        style.red(&format!("away{since}")) + ", "
    });
    Some(format!("    {}{held}", away.unwrap_or_default()))
}

/// `1,204 requests  5xx: app 0, proxy 0  p50 12 ms  p95 39 ms  over limits: 17`.
fn traffic(traffic: &Traffic, style: Style) -> String {
    let errors = |who: &str, number: u64| {
        let text = format!("{who} {}", thousands(number));
        if number > 0 { style.red(&text) } else { text }
    };
    let mut text = format!(
        "{}  5xx: {}, {}",
        count(traffic.requests, "request", "requests"),
        errors("app", traffic.app_errors),
        errors("proxy", traffic.proxy_errors)
    );
    if let (Some(p50), Some(p95)) = (traffic.p50_us, traffic.p95_us) {
        text += &format!("  p50 {}  p95 {}", latency(p50), latency(p95));
    }
    if traffic.limited > 0 {
        text += &format!("  over limits: {}", style.yellow(&thousands(traffic.limited)));
    }
    text
}

/// A certificate is only worth a line when something is to be said about it, or when its end is known.
fn certificate(certificate: &CertificateStatus, now: Timestamp, style: Style) -> Option<String> {
    let end = match days_left(&certificate.not_after, now) {
        // How long the stand-in would live helps nobody.
        _ if stands_in(&certificate.issuer, certificate.note.as_deref()) => String::new(),
        Some(days) if days < 0 => style.red("expired"),
        Some(days) if days < SOON_DAYS => style.yellow(&format!("{days} days left")),
        Some(days) => format!("{days} days left"),
        None => String::new(),
    };
    let note = certificate
        .note
        .as_ref()
        .map(|note| style.yellow(&format!("! {}", escape(note))));
    if end.is_empty() && note.is_none() {
        return None;
    }
    let mut text = format!("    {} by {}", escape(&certificate.host), escape(&certificate.issuer));
    if !end.is_empty() {
        text += &format!(": {end}");
    }
    if let Some(note) = note {
        text += &format!("\n      {note}");
    }
    Some(text)
}
