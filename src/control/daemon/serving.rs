//! The third phase: the workers accept, `proxyctl` is answered, and systemd knows that the daemon is ready.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::bound::Bound;
use super::listeners::Addresses;
use super::prepared::Prepared;
use super::reload_log::log_reload;
use super::signals::{Signal, Signals};
use super::systemd;
use crate::config::Config;
use crate::control::disk::StateDir;
use crate::control::fault::Fault;
use crate::control::limits;
use crate::control::socket::{Desk as _, Office};
use crate::control::switcher::{Parts, Request, Switcher, initial};
use crate::control::users::UserReader;
use crate::model::api::ReloadRequest;
use crate::model::history::{Caller, Record};
use crate::proxy::{DataPlane, Front, Routing, Settings, Times};
use crate::tasks::Group;

/// READY waits this long for the first probes, and no longer: apps that come up after the daemon are held for (N31).
const FIRST_PROBES: Duration = Duration::from_secs(2);

/// A daemon that serves.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) office: Rc<Office>,
    pub(super) tasks: Group,
    /// Held to the last.
    pub(super) folder: StateDir,
}

impl Serving {
    /// Starts the workers and the control plane's tasks, waits for the first probes, and says READY.
    ///
    /// # Errors
    /// When TLS cannot be set up, or the workers cannot be started.
    pub(super) async fn start(bound: Bound) -> Result<Self, Fault> {
        let Bound {
            prepared,
            listeners,
            addresses,
            socket,
        } = bound;
        let Prepared {
            started,
            current,
            open_files,
            paths,
            folder,
            store,
            remembered,
            journal,
            certificates,
            log,
            mut warnings,
        } = prepared;
        let config = current.load().config.clone();
        let settings = settings(&config, open_files, addresses.https_port(), times()?);
        let cores = settings.workers;
        let first = initial(&config, &remembered, cores);
        warnings.extend(first.messages);
        let routing = Routing::new(first.snapshot);
        let users = UserReader::new();
        users.serve(&config);
        let front = Front {
            users: users.files(),
            ..certificates.front()?
        };
        let plane = DataPlane::start(settings, &listeners.http, &listeners.https, &routing, front, &log);
        let plane = Arc::new(plane.map_err(|error| Fault::new(format!("the workers cannot be started: {error}")))?);
        // The workers have handles of their own; these would keep the ports open when the workers have closed theirs.
        drop(listeners);

        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let (trouble, of_users, readers) = (certificates.clone(), users.clone(), users.clone());
        let (switcher, switching) = Switcher::start(Parts {
            current: current.clone(),
            routing,
            plane: plane.clone(),
            state: first.state,
            store: Box::new(store),
            journal: Box::new(journal.clone()),
            hosts: Box::new(certificates.clone()),
            cores,
            warnings: Box::new(move |environment| {
                let mut told = trouble.trouble(environment);
                told.extend(of_users.trouble(environment));
                told
            }),
            users: Box::new(move |config| readers.serve(config)),
        });
        let tasks = Group::new("daemon");
        tasks.spawn_local("switcher", switching);
        tasks.spawn_local("certificates", certificates.clone().keep_fresh());
        tasks.spawn_local("users", users.keep_fresh());
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
        if let Err(error) = addresses.write(folder.path()) {
            tracing::warn!(%error, "the addresses that are listened on cannot be written to the state folder");
        }
        announce(&addresses, &paths.socket);
        Ok(Self { office, tasks, folder })
    }

    /// Returns when a signal says stop; does meanwhile what other signals ask for.
    pub(super) async fn until_stop(&self, signals: &mut Signals) {
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

/// READY, for systemd and for the log.
fn announce(addresses: &Addresses, socket: &std::path::Path) {
    let (http, https) = (&addresses.http, &addresses.https);
    systemd::ready(&format!("ready; http {http:?}, https {https:?}"));
    tracing::info!(?http, ?https, socket = %socket.display(), "ready");
}
