//! The gate of a reload and of a pause: asks instances for their health until all of them pass often enough at the same time,
//! or the time is up (N6, N7). A swap's gate is the switch's own; what a probe sees, and what its answers amount to, is the same.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::prober;
use crate::config::Service;
use crate::model::api::{GateReport, ProbeReport};
use crate::model::health::{Tally, Verdict};
use crate::model::slot::Address;

/// Progress is told at most this often.
const PROGRESS: Duration = Duration::from_secs(1);

/// An instance that has to show that it is well.
#[derive(Debug, Clone)]
pub(in crate::control) struct Candidate {
    pub(in crate::control) service: Arc<Service>,
    pub(in crate::control) address: Address,
}

/// One instance, as far as it has come.
struct Instance {
    tally: Tally,
    due: Instant,
    asked: bool,
    last: Option<ProbeReport>,
}

/// Returns where every instance stands: `Ok` when all of them are healthy at the same time, `Err` when that did not happen within
/// `patience`. `tell` hears about once a second how far they are.
pub(in crate::control) async fn pass(
    candidates: &[Candidate],
    patience: Duration,
    mut tell: impl FnMut(Vec<GateReport>, Duration),
) -> Result<Vec<GateReport>, Vec<GateReport>> {
    let began = Instant::now();
    let deadline = began + patience;
    let mut instances: Vec<Instance> = candidates
        .iter()
        .map(|candidate| Instance {
            tally: Tally::new(candidate.service.health.passes),
            due: began,
            asked: false,
            last: None,
        })
        .collect();
    let mut probes = JoinSet::new();
    let mut next_word = began;
    loop {
        let now = Instant::now();
        if instances.iter().all(|it| it.tally.verdict() == Verdict::Healthy) {
            return Ok(reports(candidates, &instances));
        }
        if now >= deadline {
            return Err(reports(candidates, &instances));
        }
        for (index, (instance, candidate)) in instances.iter_mut().zip(candidates).enumerate() {
            if !instance.asked && instance.due <= now {
                instance.asked = true;
                instance.due = now + candidate.service.health.interval;
                let candidate = candidate.clone();
                probes.spawn_local(async move { (index, prober::probe(&candidate.service, &candidate.address).await) });
            }
        }
        if now >= next_word {
            next_word = now + PROGRESS;
            tell(reports(candidates, &instances), began.elapsed());
        }
        let due = instances.iter().filter(|it| !it.asked).map(|it| it.due).min();
        let wake = due.map_or(next_word, |due| due.min(next_word)).min(deadline);
        tokio::select! {
            Some(Ok((index, report))) = probes.join_next() => {
                if let Some(instance) = instances.get_mut(index) {
                    instance.asked = false;
                    instance.tally.record(report.passed);
                    instance.last = Some(report);
                }
            }
            () = sleep_until(wake) => {}
        }
    }
}

/// Who did not pass, in words.
pub(in crate::control) fn verdict(reports: &[GateReport], elapsed: Duration) -> String {
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

fn reports(candidates: &[Candidate], instances: &[Instance]) -> Vec<GateReport> {
    let report = |(candidate, instance): (&Candidate, &Instance)| {
        let none_yet = || ProbeReport::none_yet(&candidate.service.name, &candidate.address);
        GateReport::new(&instance.tally, instance.last.clone().unwrap_or_else(none_yet))
    };
    candidates.iter().zip(instances).map(report).collect()
}
