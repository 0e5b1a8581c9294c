//! Drives the gate of a reload and of a pause: asks instances for their health until all of them pass often enough at the same
//! time, or the time is up (N6, N7). When an instance is asked, and what its answers amount to, is `model::probing`'s to decide.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::prober;
use crate::config::Service;
use crate::model::api::GateReport;
use crate::model::probing::{self, Look, Probing};
use crate::model::slot::Address;

/// Progress is told at most this often.
const PROGRESS: Duration = Duration::from_secs(1);

/// An instance that has to show that it is well.
#[derive(Debug, Clone)]
pub(in crate::control) struct Candidate {
    pub(in crate::control) service: Arc<Service>,
    pub(in crate::control) address: Address,
}

/// Returns where every instance stands: `Ok` when all of them are healthy at the same time, `Err` when that did not happen within
/// `patience`. `tell` hears about once a second how far they are.
pub(in crate::control) async fn pass(
    candidates: &[Candidate],
    patience: Duration,
    mut tell: impl FnMut(Vec<GateReport>, Duration),
) -> Result<Vec<GateReport>, Vec<GateReport>> {
    let began = Instant::now();
    let mut probing = Probing::new(
        candidates.iter().enumerate().map(Candidate::under_probes),
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
        for (index, address) in probing.due(now) {
            let service = candidates[index].service.clone();
            probes.spawn_local(async move { (index, prober::probe(&service, &address).await) });
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

impl Candidate {
    /// As the model's gate knows it: its place among the candidates names it.
    fn under_probes((index, candidate): (usize, &Self)) -> probing::Candidate {
        let Service { name, health, .. } = &*candidate.service;
        probing::Candidate {
            service: index,
            name: name.to_string(),
            address: candidate.address.clone(),
            health_path: health.path.at(&candidate.address).to_owned(),
            interval: health.interval,
            needed: health.passes,
            names_version: health.version.is_some(),
        }
    }
}
