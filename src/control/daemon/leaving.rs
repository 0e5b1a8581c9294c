//! The end of a process that was replaced (N24, N26): it accepts nothing any more, ends what it has begun, and says to the process
//! that has taken over what it still waits for.

use std::time::Duration;

use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

use super::handoff::{Heard, say};
use super::serving::{End, Serving};
use super::signals::{Signal, Signals};
use crate::config::Config;
use crate::control::ports::Elders as _;
use crate::model::handoff::{Order, Word};

/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(50);
/// Behind the grace of connections that wait for a request: for the client of HTTP/2 to hear that it is over.
const AFTER_GRACE: Duration = Duration::from_secs(1);
/// Streams are ended one after the other, and a client may take a moment to answer (N20).
const AFTER_STREAMS: Duration = Duration::from_secs(30);

impl Serving {
    /// Drains, and ends. A signal to stop skips the waiting.
    pub(super) async fn leave(self, signals: &mut Signals) {
        let patience = patience(&self.office.current.load().config);
        tracing::info!(?patience, connections = self.office.plane.connections(), "draining");
        // systemd would take what this one says for a word of the new process.
        self.watchdog.join(Duration::ZERO).await;
        self.giver.stop();
        // Who follows the log finds the process that has taken over.
        self.office.log.memory().recent().end();
        self.office.notifier.hand_over();
        self.office.plane.drain();
        tokio::select! {
            () = self.drain(patience) => {}
            () = self.told_to_stop(signals) => tracing::warn!("asked to stop: what is under way is cut"),
        }
        self.end(End::Replaced).await;
    }

    /// Returns when a signal says stop. The configuration is the business of the process that has taken over.
    async fn told_to_stop(&self, signals: &mut Signals) {
        loop {
            match signals.next().await {
                Signal::Stop => return,
                Signal::ReopenLogs => self.office.log.reopen(),
                Signal::Reload => {}
            }
        }
    }

    /// Waits until no connection is left, and does what the process that has taken over asks for.
    async fn drain(&self, patience: Duration) {
        let (heard, said) = self.giver.line().unzip();
        tokio::select! {
            () = self.report(said, Instant::now(), patience) => {}
            () = self.obey(heard) => {}
        }
    }

    /// Says what is left whenever that changes, until nothing is left here and in the processes before.
    async fn report(&self, mut line: Option<OwnedWriteHalf>, began: Instant, patience: Duration) {
        let office = &self.office;
        let (deadline, silent) = (began + patience, began + self.grace + AFTER_GRACE);
        let mut told = None;
        loop {
            // Looked at first: a request that comes meanwhile is then at least among what is inside.
            let may_send = office.plane.connections() > 0 && Instant::now() < silent;
            let begun = office.switcher.begun().await;
            let mut inside = begun.inside;
            if may_send {
                inside.extend(begun.ahead);
            }
            inside.extend(self.earlier.all_inside());
            let left = Order::Drains {
                connections: office.plane.connections() as u64,
                inside,
                earlier: self.earlier.report(),
            };
            if told.as_ref() != Some(&left) {
                let told = told.insert(left);
                if let Some(writer) = &mut line
                    && say(writer, told).await.is_err()
                {
                    // Nobody is there to be told; what was begun is ended all the same.
                    line = None;
                }
            }
            // The last connection ends a moment before the swap hears of it that waits for its side to drain.
            if office.plane.connections() == 0 && !begun.operations && self.earlier.are_gone() {
                return;
            }
            if Instant::now() >= deadline {
                let connections = office.plane.connections();
                return tracing::warn!(connections, "what did not end in time is cut");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Never ends.
    async fn obey(&self, line: Option<Heard<OwnedReadHalf>>) {
        if let Some(mut heard) = line {
            while let Some(word) = heard.next::<Word>().await {
                if let Word::Hurries { addresses } = word {
                    self.office.switcher.hurry(addresses.clone());
                    self.earlier.hurry(addresses).await;
                }
            }
        }
        std::future::pending().await
    }
}

/// As long as any stream may last.
fn patience(config: &Config) -> Duration {
    let longest = config
        .services()
        .map(|service| service.drain.requests.max(service.drain.streams))
        .max();
    longest.unwrap_or_default() + AFTER_STREAMS
}
