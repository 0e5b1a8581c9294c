//! The daemon's start and stop, as phases: configuration → state → certificates → sockets → workers → first probes → READY, and
//! back again (N26).
//!
//! Everything here runs on the main thread's runtime, beside the workers' threads: a burst of requests does not delay a swap,
//! and a swap never stalls a request.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use sd_notify::NotifyState;
use tokio::time::Instant;

use super::listeners::{Addresses, Listeners};
use super::paths::Paths;
use super::signals::{Signal, Signals};
use crate::config::{AccessLogTarget, Config, LoadError};
use crate::control::certificates::Certificates;
use crate::control::disk::{JournalFile, StateDir, StateFile};
use crate::control::fault::Fault;
use crate::control::served::{Current, Loaded};
use crate::control::socket::{Access, ControlSocket, Desk as _, Office};
use crate::control::switcher::{Parts, Request, Switcher, initial};
use crate::control::{clock, limits};
use crate::model::api::{CommonStep, Event, ReloadRequest, ReloadStep};
use crate::model::history::{Caller, Record};
use crate::model::state::State;
use crate::proxy::{DataPlane, Routing, Settings, Times};
use crate::tasks::Group;
use crate::telemetry::AccessLog;

/// READY waits this long for the first probes, and no longer: apps that come up after the daemon are held for (N31).
const FIRST_PROBES: Duration = Duration::from_secs(2);
/// Between two looks at whether the connections from before the signal are gone.
const LOOK: Duration = Duration::from_millis(10);
/// Answers to newcomers may still take this long after that.
const NEWCOMERS: Duration = Duration::from_secs(2);
/// Answers to those who were held may take this long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Operations may take this long to let go, and the access log to be written.
const LAST_THINGS: Duration = Duration::from_secs(2);

/// What `proxyd` was told.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// The configuration file.
    pub config: PathBuf,
}

/// Why there is no daemon.
#[derive(Debug)]
pub(super) enum Failure {
    /// The configuration is invalid.
    Configuration(LoadError),
    /// Something else is in the way.
    Fault(Fault),
}

impl Failure {
    /// For a person; ends with a line end.
    #[must_use]
    pub(super) fn render(&self, color: bool) -> String {
        match self {
            Self::Configuration(error) => error.render(color),
            Self::Fault(fault) => format!("error: {fault}\n"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(error) => error.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A daemon that serves.
#[derive(Debug)]
pub(super) struct Daemon {
    office: Rc<Office>,
    tasks: Group,
    /// Held to the last.
    folder: StateDir,
}

impl Daemon {
    /// Starts, serves until a signal says stop, and stops.
    ///
    /// # Errors
    /// When it cannot start.
    pub(super) fn run(options: &Options) -> Result<(), Failure> {
        // Whoever reads the status may stand in another folder. Without a current folder the path stays as it was given.
        let file = std::path::absolute(&options.config).unwrap_or_else(|_| options.config.clone());
        let loaded = Loaded::read(&file).map_err(Failure::Configuration)?;
        for diagnostic in &loaded.diagnostics {
            tracing::warn!(file = %file.display(), "{diagnostic}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Fault::new(format!("there is no runtime: {error}")))?;
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let signals = Signals::install();
            // From here on a signal waits until somebody asks for it: one that comes while we start stops us when we have.
            let mut signals = signals.map_err(|error| Fault::new(format!("signals cannot be received: {error}")))?;
            let daemon = Self::start(loaded).await?;
            daemon.serve(&mut signals).await;
            daemon.stop(&mut signals).await;
            Ok(())
        })
    }

    async fn start(loaded: Loaded) -> Result<Self, Fault> {
        let current: Current = Arc::new(ArcSwap::from_pointee(loaded.serve(Vec::new())));
        let config = current.load().config.clone();
        let started = clock::now();
        let open_files = limits::raise_open_files();

        let paths = Paths::resolve(&config.server)?;
        let folder = StateDir::open(&paths.state_dir)?;
        Addresses::forget(folder.path());
        let store = StateFile::new(&folder);
        let remembered = store.load()?;
        let journal = JournalFile::open(folder.path());
        let mut warnings = journal.close_torn(|environment| live_in(&remembered, environment));

        let (certificates, told) = Certificates::open(&config, folder.path())?;
        warnings.extend(told);

        let log = open_log(&config.server.access_log, &mut warnings)?;
        let listeners = Listeners::bind(&config.server)?;
        let addresses = listeners.addresses()?;
        let socket = ControlSocket::bind(&paths.socket, Access::new(config.server.group.as_deref())?)?;

        let settings = settings(&config, open_files, addresses.https_port(), times()?);
        let cores = settings.workers;
        let first = initial(&config, &remembered, cores);
        warnings.extend(first.messages);
        let routing = Routing::new(first.snapshot);
        let front = certificates.front()?;
        let plane = DataPlane::start(settings, &listeners.http, &listeners.https, &routing, front, &log);
        let plane = Arc::new(plane.map_err(|error| Fault::new(format!("the workers cannot be started: {error}")))?);
        // The workers have handles of their own; these would keep the ports open when the workers have closed theirs.
        drop(listeners);

        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let trouble = certificates.clone();
        let (switcher, switching) = Switcher::start(Parts {
            current: current.clone(),
            routing,
            plane: plane.clone(),
            state: first.state,
            store: Box::new(store),
            journal: Box::new(journal.clone()),
            hosts: Box::new(certificates.clone()),
            cores,
            warnings: Box::new(move |environment| trouble.trouble(environment)),
        });
        let tasks = Group::new("daemon");
        tasks.spawn_local("switcher", switching);
        tasks.spawn_local("certificates", certificates.clone().keep_fresh());
        tasks.spawn_local("renewals", certificates.clone().renew_what_is_due());
        let office = Rc::new(Office {
            current,
            switcher,
            plane,
            certificates,
            journal,
            log,
            started,
            warnings,
        });
        let desk = office.clone();
        tasks.spawn_local("control socket", async move { match socket.serve(desk).await {} });

        office.switcher.first_probes(FIRST_PROBES).await;
        office.journal.note(Record::Started {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
        });
        announce(&addresses, &folder, &paths);
        Ok(Self { office, tasks, folder })
    }

    /// Returns when a signal says stop.
    async fn serve(&self, signals: &mut Signals) {
        loop {
            match signals.next().await {
                Signal::Stop => return,
                Signal::ReopenLogs => self.office.log.reopen(),
                Signal::Reload => self.reload(),
            }
        }
    }

    /// Serves the file as it is now, and says in the log what became of that.
    fn reload(&self) {
        let caller = Caller {
            uid: rustix::process::geteuid().as_raw(),
            user: "SIGHUP".into(),
        };
        let mut events = self
            .office
            .ask(Request::Reload(ReloadRequest { dry_run: false }), caller);
        self.tasks.spawn_local("reload's log", async move {
            while let Some(event) = events.recv().await {
                log_reload(&event);
            }
        });
    }

    /// Ends what was begun before the signal, then everything (N26). A second signal skips the waiting.
    async fn stop(self, signals: &mut Signals) {
        let patience = patience(&self.office.current.load().config);
        tracing::info!(?patience, "stopping");
        notify(&[NotifyState::Stopping]);
        self.office.plane.drain();
        tokio::select! {
            () = drained(&self.office.plane, patience) => {}
            () = self.serve(signals) => tracing::warn!("asked to stop again: what is under way is cut"),
        }
        // Before a pause ends: its app may be away, and nobody would wait for its answers.
        let held = self.office.plane.give_up_waiting();
        if held > 0 {
            tracing::warn!(held, "held requests are answered with 503");
            let deadline = Instant::now() + LAST_ANSWERS;
            while self.office.plane.connections() > 0 && Instant::now() < deadline {
                tokio::time::sleep(LOOK).await;
            }
        }
        if tokio::time::timeout(LAST_THINGS, self.office.switcher.stop())
            .await
            .is_err()
        {
            tracing::warn!("an operation did not let go in time; the next start reports it");
        }
        // With the socket's task go its connections and its file.
        self.tasks.join(Duration::ZERO).await;
        let Office {
            plane, log, journal, ..
        } = match Rc::try_unwrap(self.office) {
            Ok(office) => office,
            // Its task was joined, so nobody can; the process ends in any case, and its threads with it.
            Err(office) => return tracing::error!(holders = Rc::strong_count(&office), "the daemon is still in use"),
        };
        match Arc::into_inner(plane) {
            Some(plane) => plane.stop(),
            None => tracing::error!("the workers are still in use, and end with the process"),
        }
        if !log.close(LAST_THINGS) {
            tracing::warn!("the access log could not be written to its end");
        }
        Addresses::forget(self.folder.path());
        journal.note(Record::Stopped {
            pid: std::process::id(),
        });
        tracing::info!("stopped");
    }
}

/// Waits for the connections from before the signal, at most `patience`; then a moment more for the answers to those who came
/// since. The data plane itself closes connections that are idle after a grace.
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
    let deadline = deadline.min(Instant::now() + NEWCOMERS);
    while plane.connections() > 0 && Instant::now() < deadline {
        tokio::time::sleep(LOOK).await;
    }
}

/// One line for each thing that a person who sent SIGHUP wants to know.
fn log_reload(event: &Event) {
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
        Event::Progress(_) | Event::Swap(_) | Event::Pause(_) | Event::Maintenance(_) => {}
        Event::Common(CommonStep::Planned | CommonStep::Gated { .. }) => {}
    }
}

/// The longest `drain.requests` of all services.
fn patience(config: &Config) -> Duration {
    let services = config.environments.iter().flat_map(|environment| &environment.services);
    services.map(|service| service.drain.requests).max().unwrap_or_default()
}

/// What is live in an environment, as the state says; it is Blue that a first start begins with.
fn live_in(state: &State, environment: &str) -> String {
    let known = state.environments.get(environment);
    known.map_or("blue", |environment| environment.live.as_str()).to_owned()
}

fn open_log(target: &AccessLogTarget, warnings: &mut Vec<String>) -> Result<AccessLog, Fault> {
    let failed = |error: std::io::Error| Fault::new(format!("the access log cannot be opened: {error}"));
    AccessLog::open(target).or_else(|error| {
        // A folder that is missing after a reboot must not keep the sites down (N27).
        let fault = failed(error);
        warnings.push(format!("{}; its lines go to standard output", fault.reason));
        AccessLog::open(&AccessLogTarget::Stdout).map_err(failed)
    })
}

fn settings(config: &Config, open_files: u64, https_port: Option<u16>, times: Times) -> Settings {
    let server = &config.server;
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    Settings {
        workers: server.workers.unwrap_or_else(cores).max(1),
        trusted_proxies: server.trusted_proxies.clone(),
        proxy_protocol: server.proxy_protocol,
        max_connections: server
            .max_connections
            .unwrap_or_else(|| limits::max_connections(open_files)),
        max_connections_per_client: server.max_connections_per_client,
        https_port,
        times,
    }
}

/// The times of the data plane; tests make them shorter by `GREENGATE_TIMES`.
fn times() -> Result<Times, Fault> {
    let changed = std::env::var("GREENGATE_TIMES").unwrap_or_default();
    Times::USUAL
        .with(&changed)
        .map_err(|error| Fault::new(format!("GREENGATE_TIMES: {error}")))
}

/// READY: to whoever waits for the file, to systemd, and to the log.
fn announce(addresses: &Addresses, folder: &StateDir, paths: &Paths) {
    if let Err(error) = addresses.write(folder.path()) {
        tracing::warn!(%error, "the addresses that are listened on cannot be written to the state folder");
    }
    let (http, https) = (&addresses.http, &addresses.https);
    let status = format!("ready; http {http:?}, https {https:?}");
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    tracing::info!(?http, ?https, socket = %paths.socket.display(), "ready");
}

/// Without systemd there is nobody to tell, which is no error.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "systemd cannot be told");
    }
}
