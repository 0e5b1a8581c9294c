//! The stop, as phases with deadlines (N26): what was begun before the signal ends; then what was held is answered; then
//! operations let go; then the threads end, and the access log is written out.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::listeners::Addresses;
use super::serving::{End, Serving};
use super::signals::Signals;
use super::systemd;
use crate::config::Config;
use crate::control::socket::Office;
use crate::model::history::Record;
use crate::proxy::DataPlane;

/// Between two looks at whether the connections from before the signal are gone.
const LOOK: Duration = Duration::from_millis(10);
/// Answers to requests that were held may take this long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Operations may take this long to let go.
const OPERATIONS: Duration = Duration::from_secs(2);
/// The access log may take this long to be written out.
const LOG: Duration = Duration::from_secs(2);

impl Serving {
    /// Ends what was begun before the signal, then everything. A second signal skips the waiting. Where another process takes over all the
    /// same, because that was under way, this one leaves as one that was replaced.
    pub(super) async fn stop(self, signals: &mut Signals) {
        let patience = patience(&self.office.current.load().config);
        tracing::info!(?patience, "stopping");
        systemd::stopping();
        // From here on nobody is handed anything, and the ports are closed with the workers.
        self.giver.stop();
        self.office.plane.drain();
        let interrupted = tokio::select! {
            () = drained(&self.office.plane, patience) => None,
            end = self.until_stop(signals) => Some(end),
        };
        match interrupted {
            Some(End::Replaced) => return self.leave(signals).await,
            Some(End::Asked) => tracing::warn!("asked to stop again: what is under way is cut"),
            None => {}
        }
        self.end(End::Asked).await;
    }

    /// Lets go of what has waited to the last, then ends everything.
    pub(super) async fn end(self, end: End) {
        // Before operations end, and with them pauses: a held request that is let go now could find no app any more.
        answer_held(&self.office.plane).await;
        if tokio::time::timeout(OPERATIONS, self.office.switcher.stop())
            .await
            .is_err()
        {
            tracing::warn!("an operation did not let go in time; the next start reports it");
        }
        self.close(end).await;
    }

    /// Ends tasks and threads, and says in the journal that it was a stop and no crash.
    async fn close(self, end: End) {
        self.watchdog.join(Duration::ZERO).await;
        self.sites.close();
        self.office.happenings.end();
        self.office.notifier.close().await;
        // With the socket's task go its connections and its file.
        self.tasks.join(Duration::ZERO).await;
        let Office {
            plane, log, journal, ..
        } = match Rc::try_unwrap(self.office) {
            Ok(office) => office,
            // The tasks that shared it are joined. The process ends in any case, and its threads with it.
            Err(office) => return tracing::error!(holders = Rc::strong_count(&office), "the daemon is still in use"),
        };
        match Arc::into_inner(plane) {
            Some(plane) => plane.stop(),
            None => tracing::error!("the workers are still in use, and end with the process"),
        }
        if !log.close(LOG) {
            tracing::warn!("the access log could not be written to its end");
        }
        match end {
            End::Asked => {
                Addresses::forget(self.folder.path());
                journal.note(Record::Stopped {
                    pid: std::process::id(),
                });
                tracing::info!("stopped");
            }
            // Journal and folder are another process' now.
            End::Replaced => tracing::info!("everything that was begun has ended"),
        }
    }
}

/// Waits for the connections from before the signal, and then for those that came since, at most `patience` for all. The data plane
/// itself closes connections that are idle after a grace.
async fn drained(plane: &DataPlane, patience: Duration) {
    let deadline = Instant::now() + patience;
    while plane.connections_before_drain() > 0 {
        if Instant::now() >= deadline {
            tracing::warn!(
                connections = plane.connections_before_drain(),
                "what did not end in time is cut"
            );
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    // Who comes now is the next process' to answer, if there is one: systemd has kept the sockets for it.
    plane.leave().await;
    while plane.connections() > 0 && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}

/// Answers the requests that wait for an app with 503, and waits a moment for these answers to leave.
async fn answer_held(plane: &DataPlane) {
    let held = plane.give_up_waiting();
    if held == 0 {
        return;
    }
    tracing::warn!(held, "held requests are answered with 503");
    let deadline = Instant::now() + LAST_ANSWERS;
    while plane.connections() > 0 && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}

/// The longest `drain.requests` of all services.
fn patience(config: &Config) -> Duration {
    let drains = config.services().map(|service| service.drain.requests);
    drains.max().unwrap_or_default()
}
