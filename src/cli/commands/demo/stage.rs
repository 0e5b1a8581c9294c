//! The demo's processes and files: a daemon, two apps, a temporary folder. Owns every process it starts, and ends no other.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::tally::Tally;
use crate::cli::client::Client;
use crate::cli::exit::Stop;
use crate::cli::output::text::escape;
use crate::model::api::Status;
use crate::model::slot::Slot;

/// The environment that is swapped.
pub(super) const ENVIRONMENT: &str = "prod";
/// Its host; browsers resolve names below `localhost` to this machine.
pub(super) const HOST: &str = "app.localhost";

/// How long the daemon and the first app may take.
const START: Duration = Duration::from_secs(15);
/// How often we look.
const LOOK: Duration = Duration::from_millis(25);

/// Everything that runs. Dropping it kills what it started and removes the folder.
pub(super) struct Stage {
    // In this order: the folder goes when nobody writes into it any more.
    apps: [Option<App>; 2],
    readers: JoinSet<()>,
    daemon: Child,
    ports: Ports,
    tally: Rc<Tally>,
    folder: Folder,
}

/// A running app.
struct App {
    process: Child,
    version: String,
}

/// What [`Stage::kill`] killed.
pub(super) struct Killed {
    /// What it called itself.
    pub(super) version: String,
    /// Its process id.
    pub(super) pid: u32,
}

#[derive(Clone, Copy)]
struct Ports {
    http: u16,
    https: u16,
    apps: [u16; 2],
}

impl Stage {
    /// Starts blue and the daemon, and waits until both answer.
    pub(super) async fn set(tally: Rc<Tally>) -> Result<Self, Stop> {
        let folder = Folder::create()?;
        let ports = Ports::pick()?;
        let config = folder.path("proxy.toml");
        let text = configuration(&folder, ports);
        tokio::fs::write(&config, text)
            .await
            .map_err(|error| Stop::failed(format!("cannot write `{}`: {error}", config.display())))?;
        let log = File::create(folder.path("daemon.log")).and_then(|log| Ok((log.try_clone()?, log)));
        let (out, err) = log.map_err(|error| Stop::failed(format!("cannot write the daemon's log: {error}")))?;
        let daemon = myself()?
            .arg("__proxyd")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(|error| Stop::failed(format!("cannot start the daemon: {error}")))?;
        let mut stage = Self {
            apps: [None, None],
            readers: JoinSet::new(),
            daemon,
            ports,
            tally,
            folder,
        };
        stage.start(Slot::Blue, 1)?;
        stage.wait().await?;
        Ok(stage)
    }

    /// Waits for the daemon's socket and listener, and for blue.
    async fn wait(&mut self) -> Result<(), Stop> {
        let (client, deadline) = (self.client(), Instant::now() + START);
        let mut last = String::new();
        loop {
            if let Ok(Some(status)) = self.daemon.try_wait() {
                return Err(self.trouble(&format!("the daemon ended at its start ({status})")).await);
            }
            match client.get::<Status>("/v1/status").await {
                Ok(_) => {
                    let listening = TcpStream::connect(self.https()).await;
                    let blue = TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports.apps[0])).await;
                    if listening.is_ok() && blue.is_ok() && self.root().exists() {
                        return Ok(());
                    }
                }
                Err(error) => last = error.to_string(),
            }
            if Instant::now() > deadline {
                let time = START.as_secs();
                return Err(self
                    .trouble(&format!("the daemon is not ready after {time} s: {last}"))
                    .await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Starts a fresh instance of a slot.
    pub(super) fn start(&mut self, slot: Slot, release: u32) -> Result<String, Stop> {
        let (index, version) = (index(slot), format!("{slot}-{release}"));
        let failed = |error: std::io::Error| Stop::failed(format!("cannot start the app `{version}`: {error}"));
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path("apps.log"))
            .map_err(failed)?;
        let mut process = myself()?
            .arg("__demo-app")
            .arg(format!("--port={}", self.ports.apps[index]))
            .arg(format!("--version={version}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(failed)?;
        if let Some(stdout) = process.stdout.take() {
            self.readers.spawn_local(read(stdout, Rc::clone(&self.tally)));
        }
        self.apps[index] = Some(App {
            process,
            version: version.clone(),
        });
        Ok(version)
    }

    /// Kills a slot with -9, at once.
    pub(super) async fn kill(&mut self, slot: Slot) -> Option<Killed> {
        let mut app = self.apps[index(slot)].take()?;
        let pid = app.process.id()?;
        app.process.kill().await.ok()?;
        Some(Killed {
            version: app.version,
            pid,
        })
    }

    /// The daemon's control socket.
    pub(super) fn client(&self) -> Client {
        Client::new(self.folder.path("control.sock"))
    }

    /// Where clients connect.
    pub(super) fn https(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.https))
    }

    /// The local CA that the daemon made for itself.
    pub(super) fn roots(&self) -> Result<Vec<CertificateDer<'static>>, Stop> {
        let root = self.root();
        CertificateDer::pem_file_iter(&root)
            .and_then(Iterator::collect)
            .map_err(|error| Stop::failed(format!("cannot read `{}`: {error}", root.display())))
    }

    fn root(&self) -> PathBuf {
        self.folder.path("state/ca/root.pem")
    }

    /// Kills the apps, and reads what they still had to say.
    pub(super) async fn read_out(&mut self) {
        self.kill(Slot::Blue).await;
        self.kill(Slot::Green).await;
        while self.readers.join_next().await.is_some() {}
    }

    /// Ends everything, in order.
    pub(super) async fn clear(mut self) {
        self.read_out().await;
        // It may have ended by itself, which the verdict then tells.
        let _ = self.daemon.kill().await;
    }

    /// What went wrong, with the end of the daemon's log.
    pub(super) async fn trouble(&self, what: &str) -> Stop {
        let log = tokio::fs::read(self.folder.path("daemon.log"))
            .await
            .unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let mut text = what.to_owned();
        for line in &lines[lines.len().saturating_sub(12)..] {
            let _ = write!(text, "; daemon: {}", escape(line));
        }
        Stop::failed(text)
    }
}

/// This binary again. Kill on drop; a process group of its own, so that Ctrl-C reaches only us; and nothing inherited
/// that would lead the daemon to somebody else's folders and sockets.
fn myself() -> Result<Command, Stop> {
    let path = std::env::current_exe().map_err(|error| Stop::failed(format!("where is this binary? {error}")))?;
    let mut command = Command::new(path);
    command.kill_on_drop(true).process_group(0);
    for name in [
        "STATE_DIRECTORY",
        "RUNTIME_DIRECTORY",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
    ] {
        command.env_remove(name);
    }
    Ok(command)
}

/// Asks the kernel to end this process with the one that started it, however that ends.
pub(super) fn die_with_parent() {
    // Without it a demo that is killed with -9 leaves its processes behind; nothing worse.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
}

/// Takes down every POST that an app received, until it ends.
async fn read(stdout: ChildStdout, tally: Rc<Tally>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(id) = line.strip_prefix("post ").and_then(|id| id.parse().ok()) {
            tally.post_seen(id);
        }
    }
}

fn index(slot: Slot) -> usize {
    match slot {
        Slot::Blue | Slot::Upstream => 0,
        Slot::Green => 1,
    }
}

fn configuration(folder: &Folder, ports: Ports) -> String {
    let place = |name: &str| folder.path(name).display().to_string();
    let Ports {
        http,
        https,
        apps: [blue, green],
    } = ports;
    format!(
        r#"[server]
http = "127.0.0.1:{http}"
https = "127.0.0.1:{https}"
socket = '{socket}'
state_dir = '{state}'
access_log = '{access}'

[defaults]
tls = "internal"
health.interval = "100ms"
health.passes = 2
health.version = "json:version"
drain.streams = "2s"

[env.{ENVIRONMENT}]
host = "{HOST}"
blue = {blue}
green = {green}
"#,
        socket = place("control.sock"),
        state = place("state"),
        access = place("access.log"),
    )
}

impl Ports {
    /// Free ports below the range that the kernel takes outgoing connections' ports from: an app that is started again must
    /// find its port.
    fn pick() -> Result<Self, Stop> {
        let mut held = Vec::new();
        for _ in 0..1_000 {
            // Held until all are found, so that none is found twice.
            held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, fastrand::u16(10_240..32_000))));
            if let [http, https, blue, green] = held.as_slice() {
                let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
                let ports = || -> std::io::Result<Self> {
                    Ok(Self {
                        http: port(http)?,
                        https: port(https)?,
                        apps: [port(blue)?, port(green)?],
                    })
                };
                return ports().map_err(|error| Stop::failed(error.to_string()));
            }
        }
        Err(Stop::failed("found no free ports on 127.0.0.1"))
    }
}

/// A folder that goes with its owner.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self, Stop> {
        let base = std::env::temp_dir();
        // The path of a socket has room for 107 bytes.
        let base = if base.as_os_str().len() > 60 {
            Path::new("/tmp")
        } else {
            &base
        };
        let path = base.join(format!("greengate-demo-{:08x}", fastrand::u32(..)));
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(Stop::failed(format!("cannot create `{}`: {error}", path.display()))),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
