//! Says to systemd that the daemon is alive, while its cores are: one that hangs is started again (`WatchdogSec=`).

use std::sync::Arc;

use super::systemd;
use crate::proxy::DataPlane;

/// Looks three times in the period that systemd waits. Never ends; without a watchdog it does nothing.
pub(super) async fn watch(plane: Arc<DataPlane>) {
    let Some(period) = systemd::watchdog() else { return };
    let mut seen = Vec::new();
    loop {
        let now = plane.rounds();
        match now.iter().zip(&seen).position(|(now, before)| now == before) {
            None => systemd::alive(),
            Some(core) => tracing::error!(core, "a core does not go on; systemd is not told that all is well"),
        }
        seen = now;
        tokio::time::sleep(period / 3).await;
    }
}
