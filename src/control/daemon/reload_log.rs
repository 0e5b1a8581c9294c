//! What became of a reload by SIGHUP, in the log: no client watches its events.

use crate::model::api::{CommonStep, Event, ReloadStep};

/// A line for each event that the sender of SIGHUP wants to know of.
pub(super) fn log_reload(event: &Event) {
    match event {
        Event::Reload(ReloadStep::Reloading { changes, restart, .. }) => {
            for change in changes {
                tracing::info!("reload: {change}");
            }
            if !restart.is_empty() {
                tracing::warn!("reload: takes effect at the next restart: {}", restart.join(", "));
            }
        }
        Event::Reload(ReloadStep::Invalid { report, errors }) => {
            tracing::error!(
                errors,
                "reload: the file is no configuration, and nothing changed\n{report}"
            );
        }
        Event::Common(CommonStep::Refused { reason, .. }) => {
            tracing::error!("reload: refused, and nothing changed: {reason}")
        }
        Event::Common(CommonStep::Failed { reason, .. }) => tracing::error!("reload: failed: {reason}"),
        Event::Common(CommonStep::Warning { message }) => tracing::warn!("reload: {message}"),
        Event::Reload(ReloadStep::Reloaded { changes, .. }) => tracing::info!(changes, "reload: done"),
        Event::Progress(_)
        | Event::Swap(_)
        | Event::Pause(_)
        | Event::Maintenance(_)
        | Event::Upgrade(_)
        | Event::Deploy(_)
        | Event::Preview(_)
        | Event::Sleep(_) => {}
        Event::Common(CommonStep::Planned | CommonStep::Gated { .. }) => {}
    }
}
