//! One worker: a thread that becomes a core, accepts connections, and looks after what it has.

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::proxy::core::connector;
use crate::proxy::core::core::Core;
use crate::proxy::core::shared::Shared;
use crate::proxy::inside::{self, Pipe};
use crate::proxy::listen::accept;
use crate::proxy::listen::connection::Transport;
use crate::proxy::route::snapshot::Routing;
use crate::tasks;
use crate::telemetry::Lines;

/// tokio looks at sockets and timers after so many polls; its 61 is too late for a proxy.
const EVENT_INTERVAL: u32 = 16;
/// Chores between two sweeps of the pools.
const SWEEP_EVERY: u32 = 10;

/// What a core is to listen on.
#[derive(Debug)]
pub(crate) enum Ears {
    /// This socket too.
    Open(Transport, TcpListener),
    /// Nothing any more; dropped when that is so.
    Close(mpsc::UnboundedSender<()>),
}

/// What a thread needs to become a core.
pub(crate) struct Worker {
    pub(crate) id: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) routing: Arc<Routing>,
    pub(crate) orders: mpsc::UnboundedReceiver<Ears>,
    pub(crate) to_connect: mpsc::UnboundedReceiver<connector::Order>,
    pub(crate) lines: Lines,
    pub(crate) receiver: mpsc::UnboundedReceiver<Pipe>,
}

impl Worker {
    /// Becomes a core, until it is stopped; `begun` hears whether it has.
    pub(crate) fn run(self, begun: &Sender<io::Result<()>>) {
        // Of this thread alone: its tasks are woken without a lock.
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .event_interval(EVENT_INTERVAL)
            .build_local(LocalOptions::default());
        let (runtime, began) = match runtime {
            Ok(runtime) => (Some(runtime), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // Who has begun this waits for the word.
        let _ = begun.send(began);
        let Some(runtime) = runtime else { return };
        runtime.block_on(async move {
            let core = Core::new(self.id, self.shared, self.routing.swap().clone(), self.lines);
            let group = tasks::Group::new("core");
            group.spawn_local("listen", listen(core.clone(), self.orders));
            group.spawn_local("inside", inside::accept(core.clone(), self.receiver));
            group.spawn_local("connect", connector::accept(core.clone(), self.to_connect));
            look_after(&core).await;
            core.waiting.borrow().wake_all();
            group.join(Duration::ZERO).await;
            core.log.borrow_mut().flush();
        });
        // Connections end here, with their tasks. A disk that does not answer is not waited for.
        runtime.shutdown_background();
    }
}

/// Accepts at the sockets that the control plane names, until it says that others do.
async fn listen(core: Rc<Core>, mut orders: mpsc::UnboundedReceiver<Ears>) {
    let mut group = tasks::Group::new("accept");
    while let Some(order) = orders.recv().await {
        match order {
            Ears::Open(transport, listener) => match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => group.spawn_local("accept", accept::accept(core.clone(), listener, transport)),
                Err(error) => tracing::error!("cannot register a listening socket: {error}"),
            },
            // No connection is lost with its task: between an accept and the task that serves it nothing is waited for.
            Ears::Close(_told) => {
                let before = std::mem::replace(&mut group, tasks::Group::new("accept"));
                before.join(Duration::ZERO).await;
            }
        }
    }
    // The control plane is gone, which is no reason to stop.
    std::future::pending::<()>().await;
}

/// The core's caretaker: what has to be done now and then, or when the control plane pokes. Returns when the core is to stop.
async fn look_after(core: &Core) {
    let mut rounds = 0_u32;
    let began = Instant::now();
    loop {
        let poke = core.shared.pokes[core.id].notified();
        let poked = tokio::time::timeout(core.times().chores, poke).await.is_ok();
        if core.is_stopping() {
            break;
        }
        // Whoever has published and read this before knows that the next requests see it (`DataPlane::settled`).
        core.shared.rounds[core.id].fetch_add(1, Ordering::AcqRel);
        core.view();
        if !poked {
            core.waiting.borrow_mut().tick();
        }
        if poked {
            core.notice_draining();
            core.announce_patience();
            if core.has_retired() {
                core.waiting.borrow().wake_all();
            }
        }
        if core.grace_is_over() {
            core.waiting.borrow().wake_all();
        }
        core.log.borrow_mut().flush();
        core.reserve.refill();
        rounds = rounds.wrapping_add(1);
        let now = Instant::now();
        if rounds.is_multiple_of(SWEEP_EVERY) || core.ahead.is_over(now) {
            core.sweep_pools(now);
        }
    }
    tracing::debug!(core = core.id, "stops after {:?}", began.elapsed());
}
