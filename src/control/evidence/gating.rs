//! Drives the gate of a reload and of a pause: asks instances for their health until all of them pass often enough at the same
//! time, or the time is up (N6, N7). When an instance is asked, and what its answers amount to, is `model::probing`'s to decide.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::instance::Instance;
use super::prober;
use crate::config::Service;
use crate::model::api::GateReport;
use crate::model::probing::{Candidate, Look, Probing};

/// Progress is told at most this often.
const PROGRESS: Duration = Duration::from_secs(1);

/// Returns where every instance stands: `Ok` when all of them are healthy at the same time, `Err` when that did not happen within
/// `patience`. `tell` hears about once a second how far they are.
pub(in crate::control) async fn pass(
    candidates: &[Instance],
    patience: Duration,
    mut tell: impl FnMut(Vec<GateReport>, Duration),
) -> Result<Vec<GateReport>, Vec<GateReport>> {
    let began = Instant::now();
    let mut probing = Probing::new(
        candidates.iter().enumerate().map(under_probes),
        Look::Health,
        Duration::ZERO,
        patience,
    );
    let mut probes = JoinSet::new();
    let mut next_word = Duration::ZERO;
    loop {
        let now = began.elapsed();
        if probing.all_healthy() {
            return Ok(probing.reports());
        }
        if now >= probing.deadline {
            return Err(probing.reports());
        }
        for (index, _) in probing.due(now) {
            let instance = candidates[index].clone();
            probes.spawn_local(async move { (index, prober::probe(&instance).await) });
        }
        if now >= next_word {
            next_word = now + PROGRESS;
            tell(probing.reports(), now);
        }
        let wake = probing
            .wake()
            .map_or(next_word, |due| due.min(next_word))
            .min(probing.deadline);
        tokio::select! {
            Some(Ok((index, report))) = probes.join_next() => {
                probing.record(index, &candidates[index].address, report);
            }
            () = sleep_until(began + wake) => {}
        }
    }
}

/// As the model's gate knows a candidate: its place among them names it.
fn under_probes((index, instance): (usize, &Instance)) -> Candidate {
    let Service { name, health, .. } = &*instance.service;
    Candidate {
        service: index,
        name: name.to_string(),
        address: instance.address.clone(),
        health_path: health.path.at(&instance.address).to_owned(),
        interval: health.interval,
        needed: health.passes,
        names_version: health.version.is_some(),
    }
}
