//! The workers, one thread and one runtime for each core, and the handle by which the control plane speaks to them. The control
//! plane never waits for a worker, and no worker ever for the control plane.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_utils::CachePadded;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::connection::{self, Transport};
use super::core::{Core, Shared};
use super::hold::Queues;
use super::listener;
use super::routing::Routing;
use super::settings::{Front, Settings};
use crate::tasks;
use crate::telemetry::access_log::{AccessLog, Lines};

pub use super::hold::Waiting;
pub use super::listener::bind;

/// How often a core hands begun log blocks over and looks at what has become old.
const CHORES: Duration = Duration::from_millis(100);
/// Chores between two sweeps of the pools.
const SWEEP_EVERY: u32 = 10;
/// tokio looks at sockets and timers after so many polls; its 61 is too late for a proxy (`performance.md`).
const EVENT_INTERVAL: u32 = 16;
/// What an [`Answer`] keeps of a body.
const ANSWER_BODY: usize = 64 * 1024;

/// One request through the front door's own routing.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The real hostname.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// Whether it counts as https.
    pub secure: bool,
    /// For all of it.
    pub timeout: Duration,
}

/// Its answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
}

/// A connection from inside the process.
struct Inside {
    pipe: DuplexStream,
    secure: bool,
}

/// The running workers.
pub struct DataPlane {
    shared: Arc<Shared>,
    inside: Vec<mpsc::UnboundedSender<Inside>>,
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
    /// Starts the workers; connections are accepted from here on.
    ///
    /// # Errors
    /// When a socket or a thread cannot be had.
    pub fn start(
        settings: Settings,
        http: &[TcpListener],
        https: &[TcpListener],
        routing: &Arc<Routing>,
        front: Front,
        log: &AccessLog,
    ) -> io::Result<Self> {
        let workers = settings.workers.max(1);
        let shared = Arc::new(Shared {
            settings,
            front,
            connections: (0..workers).map(|_| CachePadded::new(AtomicUsize::new(0))).collect(),
            connections_before_drain: AtomicUsize::new(0),
            cores_draining: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            pokes: (0..workers).map(|_| Notify::new()).collect(),
            queues: Queues::default(),
            per_client: Mutex::new(HashMap::new()),
        });
        let mut plane = Self {
            shared: shared.clone(),
            inside: Vec::new(),
            threads: Vec::new(),
        };
        for id in 0..workers {
            let mut sockets = Vec::new();
            for (transport, listeners) in [(Transport::Plain, http), (Transport::Tls, https)] {
                for listener in listeners {
                    sockets.push((transport, listener.try_clone()?));
                }
            }
            let (sender, receiver) = mpsc::unbounded_channel();
            let worker = Worker {
                id,
                shared: shared.clone(),
                routing: routing.clone(),
                sockets,
                lines: log.lines(),
                receiver,
            };
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .event_interval(EVENT_INTERVAL)
                .build()?;
            let thread = std::thread::Builder::new().name(format!("core-{id}"));
            plane.threads.push(thread.spawn(move || worker.run(&runtime))?);
            plane.inside.push(sender);
        }
        Ok(plane)
    }

    /// Every core looks at the snapshot and at its activations' patience again, and at the requests that wait.
    pub fn poke(&self) {
        for core in &self.shared.pokes {
            core.notify_one();
        }
        self.shared.queues.look();
    }

    /// The requests of a service that wait now, and since when its app cannot be reached.
    #[must_use]
    pub fn waiting(&self, environment: &str, service: &str) -> Waiting {
        self.shared.queues.waiting(environment, service)
    }

    /// Answers every request of an environment that waits now with 503: the pause is over, and the app is not back.
    pub fn turn_away(&self, environment: &str) {
        self.shared.queues.turn_away(environment);
    }

    /// Answers every request that waits now with 503: the process ends. How many they are.
    #[must_use]
    pub fn give_up_waiting(&self) -> usize {
        self.shared.queues.give_up()
    }

    /// Open client connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// One request through the front door's own routing, without a socket.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, String> {
        let (ours, theirs) = tokio::io::duplex(ANSWER_BODY);
        let worker = self.inside.first().ok_or("no worker is running")?;
        worker
            .send(Inside {
                pipe: theirs,
                secure: ask.secure,
            })
            .map_err(|_| "the worker has stopped")?;
        let asking = async {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours))
                .await
                .map_err(|error| error.to_string())?;
            let request = http::Request::get(&ask.target)
                .header(http::header::HOST, &ask.host)
                .header(http::header::USER_AGENT, "greengate-verify")
                .header(http::header::CONNECTION, "close")
                .body(Empty::<Bytes>::new())
                .map_err(|error| error.to_string())?;
            let answering = async {
                let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
                let (parts, mut body) = response.into_parts();
                let mut bytes = Vec::new();
                while let Some(frame) = body.frame().await {
                    let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else {
                        continue;
                    };
                    let room = ANSWER_BODY - bytes.len();
                    bytes.extend_from_slice(&data[..data.len().min(room)]);
                    if bytes.len() == ANSWER_BODY {
                        break;
                    }
                }
                let headers = parts
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
                Ok(Answer {
                    status: parts.status.as_u16(),
                    headers: headers.collect(),
                    body: bytes,
                })
            };
            let mut connection = std::pin::pin!(connection);
            let mut answering = std::pin::pin!(answering);
            let mut connected = true;
            std::future::poll_fn(|cx| {
                if connected && connection.as_mut().poll(cx).is_ready() {
                    connected = false;
                }
                answering.as_mut().poll(cx)
            })
            .await
        };
        let timeout = ask.timeout;
        tokio::time::timeout(timeout, asking)
            .await
            .map_err(|_| format!("no answer within {timeout:?}"))?
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
    }
}

/// What a thread needs to become a core.
struct Worker {
    id: usize,
    shared: Arc<Shared>,
    routing: Arc<Routing>,
    sockets: Vec<(Transport, TcpListener)>,
    lines: Lines,
    receiver: mpsc::UnboundedReceiver<Inside>,
}

impl Worker {
    fn run(self, runtime: &tokio::runtime::Runtime) {
        let local = LocalSet::new();
        local.block_on(runtime, async move {
            let core = Core::new(self.id, self.shared, self.routing.swap().clone(), self.lines);
            let group = tasks::Group::new("core");
            for (transport, listener) in self.sockets {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => group.spawn_local("accept", listener::accept(core.clone(), listener, transport)),
                    Err(error) => tracing::error!("cannot register a listening socket: {error}"),
                }
            }
            group.spawn_local("inside", accept_inside(core.clone(), self.receiver));
            look_after(&core).await;
            core.waiting.borrow().wake_all();
            group.join(Duration::ZERO).await;
            core.log.borrow_mut().flush();
        });
        // Connections end here, with their tasks.
        drop(local);
    }
}

async fn accept_inside(core: Rc<Core>, mut receiver: mpsc::UnboundedReceiver<Inside>) {
    while let Some(Inside { pipe, secure }) = receiver.recv().await {
        tasks::connection(connection::serve_inside(core.clone(), pipe, secure));
    }
}

/// The core's caretaker: what has to be done now and then, or when the control plane pokes. Returns when the core is to stop.
async fn look_after(core: &Core) {
    let mut rounds = 0_u32;
    let began = Instant::now();
    loop {
        let poke = core.shared.pokes[core.id].notified();
        let poked = tokio::time::timeout(CHORES, poke).await.is_ok();
        if core.is_stopping() {
            break;
        }
        core.view();
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
        if rounds.is_multiple_of(SWEEP_EVERY) {
            core.sweep_pools(Instant::now());
        }
    }
    tracing::debug!(core = core.id, "stops after {:?}", began.elapsed());
}
