//! The accept loop of a core, which nothing ends (N30).

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use super::connection::{self, Counted, Transport};
use crate::model::client::network;
use crate::proxy::core::core::Core;
use crate::proxy::stock::descriptors::is_exhausted;
use crate::tasks;

/// Connections that are accepted before the core looks after those that it has.
const ACCEPTS_PER_WAKE: usize = 8;
/// A core with so many connections more than the least loaded one leaves newcomers to it for a moment.
const IMBALANCE: usize = 16;
const BREATH: Duration = Duration::from_millis(1);
/// After an accept that failed for a reason that may last.
const RETRY_ACCEPT: Duration = Duration::from_millis(50);
/// Without descriptors for so long, clients that wait to be accepted are closed.
const SHED_AFTER: Duration = Duration::from_secs(1);
/// What lasts is logged this often.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Accepts for one core until it stops.
pub(crate) async fn accept(core: Rc<Core>, listener: TcpListener, transport: Transport) {
    let mut trouble = Trouble::default();
    loop {
        for _ in 0..ACCEPTS_PER_WAKE {
            if is_crowded(&core) {
                tokio::time::sleep(BREATH).await;
            }
            match listener.accept().await {
                Ok((tcp, peer)) => {
                    trouble.is_over();
                    if core.shared.connections() >= core.shared.settings.max_connections {
                        let made_room = core.make_room();
                        tell_of_crowd(&core, peer.ip(), made_room);
                        if !made_room {
                            // Closed unread: an answer would cost a handshake, and what everybody else has is under way.
                            drop(tcp);
                            continue;
                        }
                    }
                    let counted = Counted::one(&core);
                    core.shared.counted[core.id].accepted();
                    tasks::connection(connection::serve(counted, tcp, peer, transport));
                }
                Err(error) => trouble.survive(&core, &listener, &error).await,
            }
        }
        tokio::task::yield_now().await;
    }
}

/// All places are taken.
fn tell_of_crowd(core: &Core, newcomer: IpAddr, made_room: bool) {
    if let Some(untold) = core.shared.crowd.happened() {
        let connections = core.shared.connections();
        tracing::warn!(
            newcomer = %network(newcomer),
            connections,
            made_room,
            untold,
            "as many connections are open as `max_connections` lets: newcomers take the place of idle ones, or are closed"
        );
    }
}

/// Whether another core has far fewer connections than this one.
fn is_crowded(core: &Core) -> bool {
    let counts = &core.shared.connections;
    if counts.len() < 2 {
        return false;
    }
    let own = counts[core.id].load(Ordering::Relaxed);
    let least = counts
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .min()
        .unwrap_or(0);
    own > least + IMBALANCE.max(least / 4)
}

/// What keeps a listener from accepting. An accept that failed ends nothing: what lasts, like too many open files or a lack of
/// buffers, is waited out.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Instant>,
    told: Option<Instant>,
}

impl Trouble {
    fn is_over(&mut self) {
        self.since = None;
    }

    async fn survive(&mut self, core: &Core, listener: &TcpListener, error: &io::Error) {
        let passing = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        );
        if passing {
            return;
        }
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        if self.told.is_none_or(|told| now - told >= TELL_EVERY) {
            self.told = Some(now);
            let connections = core.shared.connections();
            tracing::error!(connections, "cannot accept a connection: {error}");
        }
        if is_exhausted(error) && now - since >= SHED_AFTER && core.reserve.lend() {
            shed(listener).await;
            core.reserve.refill();
        }
        tokio::time::sleep(RETRY_ACCEPT).await;
    }
}

/// With one descriptor of the reserve: takes clients that cannot be served and closes them, so that they do not wait for
/// nothing and may try elsewhere.
async fn shed(listener: &TcpListener) {
    for _ in 0..ACCEPTS_PER_WAKE {
        let waiting = poll_fn(|cx| match listener.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
            Poll::Pending => Poll::Ready(None),
        });
        if waiting.await.is_none() {
            return;
        }
    }
}
