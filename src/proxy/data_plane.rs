//! The handle by which the control plane speaks to the workers, one thread and one runtime for each core. The control plane
//! never waits for a worker, and no worker ever for the control plane.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_utils::CachePadded;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, timeout_at};

use crate::model::hold::Refusal;
use crate::model::slot::Address;
use crate::proxy::access::desk::Desk;
use crate::proxy::auth_service::standing::Standings;
use crate::proxy::client::tls::name::overhear;
use crate::proxy::core::ahead::Follower;
use crate::proxy::core::connector;
use crate::proxy::core::shared::Shared;
use crate::proxy::inside::{self, Ask, Door};
use crate::proxy::limit::limits::Limits;
use crate::proxy::listen::connection::Transport;
use crate::proxy::message::heard::Answer;
use crate::proxy::route::snapshot::Routing;
use crate::proxy::settings::{Front, Settings};
use crate::proxy::stock::seldom::Seldom;
use crate::proxy::stock::weakened::Weakened;
use crate::proxy::wait::outage::Sign;
use crate::proxy::wait::queue::Waiting;
use crate::proxy::wait::queues::Queues;
use crate::proxy::worker::{Ears, Worker};
use crate::telemetry::{AccessLog, Connections, CoreCounters, Outcomes};

/// That a cap turns clients away is told once in this time.
const CAPS_TOLD: Duration = Duration::from_secs(60);
/// How often it is looked whether every core has settled.
const SETTLING: Duration = Duration::from_millis(1);

/// The running workers.
pub struct DataPlane {
    shared: Arc<Shared>,
    doors: Vec<Door>,
    /// Each worker hears by it what it is to listen on.
    ears: Vec<mpsc::UnboundedSender<Ears>>,
    /// Each worker hears by it whom it is to connect to.
    connectors: Vec<mpsc::UnboundedSender<connector::Order>>,
    threads: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for DataPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DataPlane")
            .field("workers", &self.threads.len())
            .finish_non_exhaustive()
    }
}

impl DataPlane {
    /// Starts the workers; connections are accepted from [`DataPlane::listen`] on.
    ///
    /// # Errors
    /// When a thread or randomness cannot be had.
    pub fn start(settings: Settings, routing: &Arc<Routing>, front: Front, log: &AccessLog) -> io::Result<Self> {
        let workers = settings.workers.max(1);
        let desk = Desk::new(settings.times.wrong_password)?;
        let tls = overhear(&front.tls);
        let shared = Arc::new(Shared {
            settings,
            front: Front { tls, ..front },
            desk,
            connections: (0..workers).map(|_| CachePadded::new(AtomicUsize::new(0))).collect(),
            counted: (0..workers).map(|_| CachePadded::default()).collect(),
            unserved: (0..workers).map(|_| CachePadded::default()).collect(),
            connections_before_drain: AtomicUsize::new(0),
            cores_draining: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            rounds: (0..workers).map(|_| AtomicUsize::new(0)).collect(),
            pokes: (0..workers).map(|_| Notify::new()).collect(),
            queues: Queues::default(),
            standings: Standings::default(),
            weakened: Weakened::default(),
            limits: Limits::default(),
            crowd: Seldom::once_in(CAPS_TOLD),
            greed: Seldom::once_in(CAPS_TOLD),
            per_client: Mutex::new(HashMap::new()),
        });
        let mut plane = Self {
            shared: shared.clone(),
            doors: Vec::new(),
            ears: Vec::new(),
            connectors: Vec::new(),
            threads: Vec::new(),
        };
        for id in 0..workers {
            let (ears, orders) = mpsc::unbounded_channel();
            let (door, receiver) = inside::door();
            let (connector, to_connect) = mpsc::unbounded_channel();
            let worker = Worker {
                id,
                shared: shared.clone(),
                routing: routing.clone(),
                orders,
                to_connect,
                lines: log.lines(),
                receiver,
            };
            let (told, begun) = std::sync::mpsc::channel();
            let thread = std::thread::Builder::new().name(format!("core-{id}"));
            plane.threads.push(thread.spawn(move || worker.run(&told))?);
            begun.recv().map_err(io::Error::other)??;
            plane.doors.push(door);
            plane.ears.push(ears);
            plane.connectors.push(connector);
        }
        Ok(plane)
    }

    /// From here on every core accepts connections at these sockets.
    ///
    /// # Errors
    /// When there are no descriptors left; nothing is listened on then.
    pub fn listen(&self, http: &[TcpListener], https: &[TcpListener]) -> io::Result<()> {
        let mut sockets = Vec::new();
        for ears in &self.ears {
            for (transport, listeners) in [(Transport::Plain, http), (Transport::Tls, https)] {
                for listener in listeners {
                    sockets.push((ears, Ears::Open(transport, listener.try_clone()?)));
                }
            }
        }
        for (ears, open) in sockets {
            // A worker that is gone is told about when its thread is joined.
            let _ = ears.send(open);
        }
        Ok(())
    }

    /// No core accepts a connection any more. The sockets are closed and not shut down: what waits in the kernel is there for a
    /// process that has another descriptor of them (N24). Resolves when that is so on every core.
    pub async fn leave(&self) {
        let (tell, mut told) = mpsc::unbounded_channel();
        for ears in &self.ears {
            let _ = ears.send(Ears::Close(tell.clone()));
        }
        drop(tell);
        // Nothing is ever said: the end of the last sender is the answer.
        let _ = told.recv().await;
    }

    /// Every core looks at the snapshot and at its activations' patience again, and at the requests that wait.
    pub fn poke(&self) {
        for core in &self.shared.pokes {
            core.notify_one();
        }
        self.shared.queues.look();
    }

    /// Resolves when no core decides by a snapshot any more that was replaced before this was asked.
    pub async fn settled(&self) {
        let rounds = &self.shared.rounds;
        let before: Vec<usize> = rounds
            .iter()
            .map(|round| round.fetch_add(0, Ordering::AcqRel))
            .collect();
        self.poke();
        let behind = |(round, before): (&AtomicUsize, &usize)| round.load(Ordering::Acquire) == *before;
        while rounds.iter().zip(&before).any(behind) {
            sleep(SETTLING).await;
        }
    }

    /// Every core connects to sides that are about to serve, as often as it keeps connections to those that do, at most
    /// `model::ahead::MOST` times each. Resolves when that is done, or `Times::connect_ahead` is over; what came of it is nobody's
    /// trouble. Those that no request has used are closed
    /// when `Times::unused` is over, also when the side is never published.
    pub async fn connect_ahead(&self, followers: Vec<Follower>) {
        let until = Instant::now() + self.shared.settings.times.connect_ahead;
        let (tell, mut told) = mpsc::unbounded_channel();
        for connector in &self.connectors {
            let followers = followers.iter().cloned().map(Arc::new);
            let order = connector::Order {
                followers: followers.collect(),
                until,
                tell: tell.clone(),
            };
            let _ = connector.send(order);
        }
        drop(tell);
        // As in `leave`: the end of the last sender is the answer.
        let _ = timeout_at(until, told.recv()).await;
    }

    /// The requests of a service that wait now, and since when its app cannot be reached.
    #[must_use]
    pub fn waiting(&self, environment: &str, service: &str) -> Waiting {
        self.shared.queues.waiting(environment, service)
    }

    /// What a look at an instance has shown that serves, and is not away by its operator's will: for the log.
    pub fn looked(&self, environment: &str, service: &str, address: &Address, sign: &Sign) {
        self.shared.queues.looked(environment, service, address, sign);
    }

    /// Of the instances that are away, only these still matter to the log.
    pub fn keep(&self, environment: &str, service: &str, in_use: &[Address]) {
        self.shared.queues.keep(environment, service, in_use);
    }

    /// Answers every request of an environment that waits now with 503: the pause is over, or it should have woken, and the app is
    /// not there.
    pub fn turn_away(&self, environment: &str, why: Refusal) {
        self.shared.queues.turn_away(environment, why);
    }

    /// Answers every request that waits now with 503: the process ends. How many they are.
    #[must_use]
    pub fn give_up_waiting(&self) -> usize {
        self.shared.queues.give_up()
    }

    /// How often each core has looked after what it has: one that goes on does it ten times a second.
    #[must_use]
    pub fn rounds(&self) -> Vec<usize> {
        let rounds = self.shared.rounds.iter();
        rounds.map(|rounds| rounds.load(Ordering::Relaxed)).collect()
    }

    /// Open client connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// What was counted of client connections.
    #[must_use]
    pub fn counted(&self) -> Connections {
        Connections::sum(self.shared.counted.iter().map(|padded| &**padded))
    }

    /// How requests have ended that were for no service.
    #[must_use]
    pub fn unserved(&self) -> Outcomes {
        CoreCounters::in_detail(self.shared.unserved.iter().map(|padded| &**padded))
    }

    /// One request through the front door's own routing, without a socket.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, String> {
        let door = self.doors.first().ok_or("no worker is running")?;
        door.ask(ask).await
    }

    /// From now on every response is the last of its connection (N26); newcomers are still accepted.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Release);
        self.poke();
    }

    /// Connections from before [`DataPlane::drain`] that are still open.
    #[must_use]
    pub fn connections_before_drain(&self) -> usize {
        if self.shared.cores_draining.load(Ordering::Acquire) < self.threads.len() {
            // Not every core has counted yet.
            return self.connections().max(1);
        }
        self.shared.connections_before_drain.load(Ordering::Relaxed)
    }

    /// Closes listeners and connections and joins the threads. Nothing is waited for: what has to end first, ends before this.
    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.poke();
        for thread in self.threads {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!("worker {name} panicked");
            }
        }
        self.shared.desk.stop();
    }
}
