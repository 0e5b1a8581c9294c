//! Says to systemd that the daemon is alive, while its cores are: one that hangs is started again (`WatchdogSec=`).

use std::sync::Arc;

use tokio::time::Instant;

use super::systemd;
use crate::proxy::DataPlane;

/// Looks three times in the period that systemd waits. Never ends; without a watchdog it does nothing.
pub(super) async fn watch(plane: Arc<DataPlane>) {
    let Some(period) = systemd::watchdog() else { return };
    let mut seen = plane.rounds();
    let mut told = None::<Instant>;
    loop {
        systemd::alive();
        loop {
            tokio::time::sleep(period / 3).await;
            let now = plane.rounds();
            let still = now.iter().zip(&seen).position(|(now, before)| now == before);
            seen = now;
            let Some(core) = still else { break };
            if told.is_none_or(|told| told.elapsed() >= period) {
                told = Some(Instant::now());
                tracing::error!(core, "a core does not go on; systemd is not told that all is well");
            }
        }
    }
}
