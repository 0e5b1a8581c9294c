//! The third phase: the workers accept, `proxyctl` is answered, and systemd knows that the daemon is ready.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::bound::Bound;
use super::handoff::{EarlierProcesses, Giver, Inheritance, Program, Treasure, enter};
use super::listeners::Addresses;
use super::prepared::Prepared;
use super::reload_log::log_reload;
use super::signals::{Signal, Signals};
use super::{systemd, watchdog};
use crate::config::Config;
use crate::control::dashboard::Dashboard;
use crate::control::disk::StateDir;
use crate::control::evidence::gating;
use crate::control::evidence::instance::Instance;
use crate::control::fault::Fault;
use crate::control::happenings::Happenings;
use crate::control::kept_assets::{self, KeptAssets};
use crate::control::limits;
use crate::control::metrics::Metrics;
use crate::control::notify::{Eyes, Notifier};
use crate::control::sampler::Sampler;
use crate::control::socket::{Desk as _, Office};
use crate::control::switcher::{Parts, Request, Switcher, initial};
use crate::control::users::UserReader;
use crate::control::web::{self, Places, Sites};
use crate::model::api::ReloadRequest;
use crate::model::handoff::{LiveService, Phase};
use crate::model::history::{Caller, Record};
use crate::model::sleep;
use crate::model::slot::Address;
use crate::proxy::{Assets, DataPlane, Front, Routing, Settings, Snapshot, Times};
use crate::tasks::Group;
use crate::telemetry::Totals;

/// READY waits this long for the first probes, and no longer: apps that come up after the daemon are held for (N31).
const FIRST_PROBES: Duration = Duration::from_secs(2);

/// A daemon that serves.
#[derive(Debug)]
pub(super) struct Serving {
    pub(super) office: Rc<Office>,
    pub(super) tasks: Group,
    /// Held to the last.
    pub(super) folder: Rc<StateDir>,
    pub(super) giver: Rc<Giver>,
    /// What operators look at.
    pub(super) sites: Sites,
    pub(super) earlier: EarlierProcesses,
    /// For so long a client may send on a connection of before, once another process accepts.
    pub(super) grace: Duration,
    /// Speaks for the main process, as long as this is it.
    pub(super) watchdog: Group,
}

/// How a daemon's life in front of the door ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// A signal says stop.
    Asked,
    /// Another process is the front door.
    Replaced,
}

impl Serving {
    /// Starts the workers and the control plane's tasks, waits for the first probes, and says READY.
    ///
    /// # Errors
    /// When TLS cannot be set up, or the workers cannot be started.
    pub(super) async fn start(bound: Bound, inheritance: &mut Option<Inheritance>) -> Result<Self, Fault> {
        let Bound {
            prepared,
            listeners,
            addresses,
            socket,
            useless,
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
        enter(inheritance, Phase::Workers);
        let config = current.load().config.clone();
        let settings = settings(&config, open_files, addresses.https_port(), times()?);
        let sleep_times = sleep::Times {
            look: settings.times.sleep_look,
            web_socket: settings.times.sleep_web_socket,
        };
        let wrong_password = settings.times.wrong_password;
        let (notify_times, grace) = (settings.times, settings.times.drain_grace);
        let (totals, patience, https_port) = (
            Totals::new(settings.workers),
            settings.times.hand_over,
            settings.https_port,
        );
        let first = initial(&config, &remembered, &totals);
        warnings.extend(first.messages);
        let routing = Routing::new(first.snapshot);
        let users = UserReader::new();
        users.serve(&config);
        let assets = Arc::new(Assets::new(folder.path().join(kept_assets::FOLDER)));
        let kept = KeptAssets::open(assets.clone(), settings.times.keep_assets);
        let front = Front {
            users: users.files(),
            assets,
            ..certificates.front()?
        };
        let failed = |error| Fault::new(format!("the workers cannot be started: {error}"));
        let plane = Arc::new(DataPlane::start(settings, &routing, front, &log).map_err(failed)?);
        let folder = Rc::new(folder);
        let earlier = EarlierProcesses::default();
        let sites = Sites::default();
        let treasure = Treasure {
            sites: sites.clone(),
            listeners: listeners.descriptors()?,
            socket: socket.descriptor().map_err(failed)?,
            socket_path: paths.socket.clone(),
            folder: folder.clone(),
            certificates: certificates.clone(),
            plane: plane.clone(),
            patience,
        };
        let giver = Rc::new(Giver::new(Program::of_process(), treasure));

        for warning in &warnings {
            tracing::warn!("{warning}");
        }
        let (trouble, of_users, readers) = (certificates.clone(), users.clone(), users.clone());
        let happenings = Happenings::new();
        let (notifier, told) = (
            Notifier::new(&current, folder.path(), &notify_times),
            happenings.subscribe(),
        );
        let (switcher, switching) = Switcher::start(Parts {
            current: current.clone(),
            routing: routing.clone(),
            plane: plane.clone(),
            state: first.state,
            store: Box::new(store),
            journal: Box::new(journal.clone()),
            hosts: Box::new(certificates.clone()),
            totals: totals.clone(),
            warnings: Box::new(move |environment| {
                let mut told = trouble.trouble(environment);
                told.extend(of_users.trouble(environment));
                told
            }),
            users: Box::new(move |config| readers.serve(config)),
            sites: Box::new(sites.clone()),
            happenings: happenings.clone(),
            succession: giver.clone(),
            elders: Rc::new(earlier.clone()),
            keeping: Rc::new(kept.clone()),
            https_port,
            sleep_times,
            has_leave: inheritance.is_none(),
        });
        let tasks = Group::new("daemon");
        tasks.spawn_local("switcher", switching);
        tasks.spawn_local("certificates", certificates.clone().keep_fresh());
        tasks.spawn_local("users", users.clone().keep_fresh());
        tasks.spawn_local("assets", kept.clone().keep_fresh());
        tasks.spawn_local("assets of the process before", kept.follow(earlier.changes()));
        let sampler = Sampler::new(totals.clone(), routing.clone(), plane.clone(), current.clone());
        tasks.spawn_local("sampler", sampler.clone().look_every_second());
        let eyes = Eyes {
            current: current.clone(),
            switcher: switcher.clone(),
            certificates: certificates.clone(),
            journal: journal.clone(),
            started: started.clone(),
        };
        notifier.listen(eyes, told);
        let office = Rc::new(Office {
            current,
            switcher,
            plane,
            certificates,
            journal,
            log,
            sampler,
            happenings,
            notifier,
            started,
            warnings,
            earlier: Rc::new(earlier.clone()),
        });

        let metrics = Metrics::new(&office, totals);
        tasks.spawn_local("metrics", metrics.clone().count(office.happenings.subscribe()));
        if let Some(inheritance) = inheritance {
            inheritance.enter(Phase::Gating);
            gate(inheritance, &routing.load()).await?;
        }
        office.switcher.first_probes(FIRST_PROBES).await;
        if let Some(inheritance) = inheritance {
            inheritance.wait_for_leave().await?;
            // The old one has ended its renewals before it gave leave.
            office.certificates.take_up();
            office.switcher.take_leave();
        }
        office.plane.listen(&listeners.http, &listeners.https).map_err(failed)?;
        systemd::forget(&useless);
        listeners.http.iter().chain(&listeners.https).for_each(systemd::keep);
        let dashboard = Rc::new(Dashboard::new(&office, users.files(), wrong_password));
        tasks.spawn_local("dashboard", dashboard.clone().tell());
        sites.attach(web::DASHBOARD, dashboard);
        sites.attach(web::METRICS, metrics);
        sites.serve(listeners.sites, &[]);
        // The workers have handles of their own, and the giver has one: these would keep the ports open when those are closed.
        drop((listeners.http, listeners.https));
        let (desk, given) = (office.clone(), giver.given());
        tasks.spawn_local(
            "control socket",
            async move { match socket.serve(desk, given).await {} },
        );
        let watchdog = Group::new("watchdog");
        watchdog.spawn_local("watchdog", watchdog::watch(office.plane.clone()));
        let renewals = office.certificates.clone();
        tasks.spawn_local("renewals", renewals.renew_what_is_due());
        if let Some(inheritance) = inheritance.take() {
            folder.sign();
            let accepted = inheritance.accepted(&earlier, &tasks);
            accepted.map_err(|error| Fault::new(format!("the process before this one cannot be followed: {error}")))?;
        }
        office.journal.note(Record::Started {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
        });
        announce(&addresses, &paths.socket);
        let state_dir = folder.clone();
        sites.watch(move |places| note(&addresses, places, state_dir.path()));
        Ok(Self {
            office,
            tasks,
            folder,
            giver,
            sites,
            earlier,
            grace,
            watchdog,
        })
    }

    /// Returns when a signal says stop, or another process has taken over; does meanwhile what other signals ask for.
    pub(super) async fn until_stop(&self, signals: &mut Signals) -> End {
        let mut given = std::pin::pin!(self.giver.given());
        loop {
            let signal = tokio::select! {
                signal = signals.next() => signal,
                () = &mut given => return End::Replaced,
            };
            match signal {
                Signal::Stop => return End::Asked,
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

/// What serves now serves after the upgrade: an instance that the file puts in the place of one has to show that it is well, as in
/// a reload (N29).
async fn gate(inheritance: &mut Inheritance, now: &Snapshot) -> Result<(), Fault> {
    let live = &inheritance.parcel.live;
    let mut candidates = Vec::new();
    for service in now.services() {
        let same =
            |it: &&LiveService| it.environment == *service.service.environment && it.service == *service.service.name;
        let before = live.iter().find(same);
        let fresh = |address: &Address| before.is_some_and(|before| !before.addresses.contains(address));
        candidates.extend(Instance::serving(service).filter(|instance| fresh(&instance.address)));
    }
    let patience = candidates.iter().map(|it| it.service.health.deadline).max();
    let Some(patience) = patience else { return Ok(()) };
    let passed = gating::pass(&candidates, patience, |_, _| inheritance.enter(Phase::Gating)).await;
    passed.map(drop).map_err(|reports| {
        let failed = reports.iter().find(|report| report.passes < report.needed);
        let why = failed.map_or_else(String::new, |report| {
            let last = &report.last;
            let reason = last
                .reason
                .clone()
                .unwrap_or_else(|| "it did not pass often enough".into());
            format!("{} at {}: {reason}", last.service, last.address)
        });
        Fault::new(format!("a live side would move to where nothing is well: {why}"))
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
        https_port: server.public_https.or(https_port).filter(|&port| port != 443),
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

/// Writes down where everything is that is listened on.
fn note(addresses: &Addresses, sites: &Places, folder: &std::path::Path) {
    let addresses = Addresses {
        sites: sites.clone(),
        ..addresses.clone()
    };
    if let Err(error) = addresses.write(folder) {
        tracing::warn!(%error, "the addresses that are listened on cannot be written to the state folder");
    }
}

/// READY, for systemd and for the log.
fn announce(addresses: &Addresses, socket: &std::path::Path) {
    let (http, https) = (&addresses.http, &addresses.https);
    systemd::ready(&format!("ready; http {http:?}, https {https:?}"));
    tracing::info!(?http, ?https, socket = %socket.display(), "ready");
}
