//! What a gate that stayed shut says, from where every instance stands (N7).

use std::time::Duration;

use super::api::GateReport;

/// Who did not pass, in words. `elapsed` is how long they were given.
#[must_use]
pub fn verdict(reports: &[GateReport], elapsed: Duration) -> String {
    let mut failed: Vec<_> = reports.iter().filter(|report| report.passes < report.needed).collect();
    // One whose last answer was good only lacks time, and tells less than one whose last answer was bad.
    failed.sort_by_key(|report| report.last.passed);
    let Some(first) = failed.first() else {
        return "every instance passed".into();
    };
    let why = if first.last.passed {
        "it passed, but not often enough in a row"
    } else {
        first.last.reason.as_deref().unwrap_or("it did not say why")
    };
    format!(
        "{} {} did not become healthy: {why} ({} {} in {} s)",
        first.last.service,
        first.last.address,
        first.probes,
        if first.probes == 1 { "probe" } else { "probes" },
        elapsed.as_secs()
    )
}
