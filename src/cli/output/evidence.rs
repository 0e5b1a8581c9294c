//! What was measured, in words: the answers to probes, and the traffic since a switch. Pure.

use super::line::{INDENT, Line, Mark, err, step};
use super::text::{Style, address, count, escape, latency, percent, short_address};
use crate::model::api::{GateReport, ProbeReport, Traffic};

/// `web 200 in 8 ms (3/3)  api :8011 connection refused (0/3, 12 probes)`.
pub(super) fn gate_reports(reports: &[GateReport], running: bool) -> String {
    let one = |report: &GateReport| {
        let last = &report.last;
        let siblings = reports
            .iter()
            .filter(|other| other.last.service == last.service)
            .count();
        let place = if siblings > 1 {
            format!(" {}", short_address(&last.address))
        } else {
            String::new()
        };
        let answer = match (last.status, &last.reason) {
            (Some(status), _) => format!("{status} in {}", latency(last.latency_us)),
            (None, Some(reason)) => escape(reason).into_owned(),
            (None, None) if last.passed => "accepts connections".into(),
            (None, None) => "no answer".into(),
        };
        let probes = if running && report.probes > report.passes {
            format!(", {}", count(u64::from(report.probes), "probe", "probes"))
        } else {
            String::new()
        };
        let service = escape(&last.service);
        format!(
            "{service}{place} {answer} ({}/{}{probes})",
            report.passes.min(report.needed),
            report.needed
        )
    };
    reports.iter().map(one).collect::<Vec<_>>().join("  ")
}

/// `1,204 requests, 0 proxy errors, app 5xx 0.0 %`.
pub(super) fn served(traffic: &Traffic) -> String {
    format!(
        "{}, {}, app 5xx {}",
        count(traffic.requests, "request", "requests"),
        count(traffic.proxy_errors, "proxy error", "proxy errors"),
        percent(traffic.app_errors, traffic.requests)
    )
}

/// Why, in the apps' own words and in ours, and what to do about it.
pub(super) fn refusal(
    name: &str,
    reason: &str,
    evidence: &[GateReport],
    hint: Option<&str>,
    style: Style,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut told = false;
    for report in evidence.iter().filter(|report| report.passes < report.needed) {
        let last = &report.last;
        // The reason may be about this very instance, and then knows more: the path, and how long it took.
        let text = if !told && reason.starts_with(&format!("{} {} ", last.service, last.address)) {
            told = true;
            escape(reason).into_owned()
        } else {
            no_pass(report)
        };
        lines.push(step(style, Mark::Bad, "gate", &text));
        if !last.body.is_empty() {
            lines.push(err(format!("{INDENT}{}", escape(&last.body))));
        }
    }
    if !told {
        lines.push(step(style, Mark::Bad, name, &escape(reason)));
    }
    if let Some(hint) = hint {
        lines.push(err(format!("{INDENT}{} {}", style.dim("hint:"), escape(hint))));
    }
    lines
}

/// The status and what is wrong with it, or what came instead: `302, redirects to /login`, `connection refused`.
pub(crate) fn complaint(last: &ProbeReport) -> Option<String> {
    let reason = last.reason.as_ref().map(|reason| escape(reason));
    Some(match (last.status, reason) {
        // The reason is the status.
        (Some(status), Some(reason)) if reason == format!("answered {status}") => reason.into_owned(),
        (Some(status), Some(reason)) => format!("{status}, {reason}"),
        (Some(status), None) => status.to_string(),
        (None, reason) => reason?.into_owned(),
    })
}

/// `api 127.0.0.1:8011 → 302, redirects to /login (117 probes)`.
fn no_pass(report: &GateReport) -> String {
    let last = &report.last;
    let answer = complaint(last).unwrap_or_else(|| "no answer".into());
    let probes = count(u64::from(report.probes), "probe", "probes");
    format!(
        "{} {} → {answer} ({probes})",
        escape(&last.service),
        address(&last.address)
    )
}
