//! The front door under test: the real `proxyd` with a folder of its own, and the real `proxyctl` to speak to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use greengate::model::api::{EnvironmentStatus, Event, Status, UpgradeStep, exit};
use greengate::model::history::Entry;
use greengate::model::slot::{Generation, Slot};
use rustls::ClientConfig;
use tempfile::TempDir;

use super::app::App;
use super::client::Client;
use super::h2::H2;
use super::incoming::Broken;
use super::load::Target;
use super::operation::{Finished, Operation, Output, run};
use super::process::Process;
use super::wire::trusting;
use super::{eventually, secs};

/// Time for the daemon to become READY, on a machine that builds something else at the same time; under another program it takes longer.
const READY: Duration = Duration::from_secs(120);

/// Short times, so that a test waits for nothing but what it tests. What only bounds something is long: a machine that does ten other
/// things never reaches it, and a test that is about reaching it names a bound of its own ([`with`], `swap --deadline`).
pub const QUICK: &str = r#"
[defaults]
tls = "internal"
health.interval = "20ms"
health.timeout = "5s"
health.passes = 2
health.deadline = "30s"
drain.requests = "60s"
drain.streams = "60s"
timeout.response = "60s"
"#;

/// The same without TLS: served on the plain port.
pub const QUICK_PLAIN: &str = r#"
[defaults]
tls = "off"
health.interval = "20ms"
health.timeout = "5s"
health.passes = 2
health.deadline = "30s"
drain.requests = "60s"
drain.streams = "60s"
timeout.response = "60s"
"#;

/// A configuration with another value for a key that [`QUICK`] has, as `health.deadline = "1s"`.
pub fn with(config: &str, line: &str) -> String {
    let (key, _) = line.split_once('=').expect("a key and its value");
    let is_its = |old: &&str| old.starts_with(key);
    assert_eq!(
        config.lines().filter(is_its).count(),
        1,
        "{key}in the configuration:\n{config}"
    );
    let lines = config.lines().map(|old| if is_its(&old) { line } else { old });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// An environment in the short form.
pub fn environment(name: &str, host: &str, blue: &App, green: &App) -> String {
    format!(
        "\n[env.{name}]\nhost = \"{host}\"\nblue = \"{}\"\ngreen = \"{}\"\n",
        blue.address(),
        green.address()
    )
}

/// When draining, connections that wait for a request are closed after this.
pub const DRAIN_GRACE: Duration = Duration::from_secs(2);

/// A file in the door's folder: more times of the data plane, as `head=500,idle=2000` in milliseconds.
pub const TIMES: &str = "times";

/// A file in the door's folder: the program that is started, where a test puts another one than the daemon that was built.
pub const PROGRAM: &str = "proxyd";

/// A file in the door's folder: a program that the daemon runs under, and its arguments, a line each.
pub const UNDER: &str = "under";

/// A file in the door's folder: the roots that the daemon trusts in place of the system's.
pub const ROOTS: &str = "roots.pem";

/// The running daemon and everything around it.
#[derive(Debug)]
pub struct Door {
    // Before `folder`: the child has to be gone before its folder is removed.
    process: RwLock<Arc<Process>>,
    listeners: Mutex<Listeners>,
    folder: TempDir,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
struct Listeners {
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
}

/// What of an environment a refused operation must not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmoved {
    live: Option<Slot>,
    generation: Generation,
    since: String,
    can_roll_back: bool,
    addresses: BTreeMap<String, String>,
}

impl Door {
    /// Boots `proxyd` with these environments (and `[defaults]`, `[redirect]`), on ports that the system chooses.
    pub async fn start(config: &str) -> Self {
        Self::start_with("", config).await
    }

    /// As [`Door::start`], with more lines for `[server]`.
    pub async fn start_with(server: &str, config: &str) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        Self::start_at(any, any, server, config, |_| {}).await
    }

    /// As [`Door::start_with`], at these addresses, after `prepare` was shown the folder.
    pub async fn start_at(
        http: SocketAddr,
        https: SocketAddr,
        server: &str,
        config: &str,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        // Short, because the path of a Unix socket may have 107 bytes.
        let folder = tempfile::Builder::new()
            .prefix("gg-")
            .tempdir()
            .expect("a temporary folder");
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "[server]\nhttp = \"{http}\"\nhttps = \"{https}\"\nsocket = \"{}\"\nstate_dir = \"{}\"\n\
             access_log = \"{}\"\n{server}\n{config}",
            at("control.sock"),
            at("state"),
            at("access.log"),
        );
        std::fs::write(folder.path().join("proxy.toml"), text).expect("the configuration can be written");
        prepare(folder.path());
        let process = RwLock::new(Arc::new(spawn(folder.path())));
        let door = Self {
            process,
            listeners: Mutex::default(),
            folder,
        };
        door.ready().await;
        door
    }

    /// Waits until the daemon has written where it listens, which it does when it is READY.
    async fn ready(&self) {
        let file = self.state_dir().join("listeners.json");
        let listeners = eventually(READY, || async {
            let process = self.process();
            if let Some(status) = process.ended() {
                panic!(
                    "proxyd ended with {status} instead of becoming ready; its log:\n{}",
                    process.last_words()
                );
            }
            let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            serde_json::from_str::<Listeners>(&text).map_err(|error| format!("{}: {error}: {text}", file.display()))
        })
        .await;
        *self.places() = listeners;
    }

    /// Starts the daemon again in the same folder, after it has ended.
    pub async fn restart(&self) {
        assert!(self.process().ended().is_some(), "the daemon still runs");
        *self.process.write().unwrap() = Arc::new(spawn(self.folder.path()));
        self.ready().await;
    }

    /// `kill -9`.
    pub fn kill9(&self) {
        self.process().kill9();
    }

    /// SIGTERM; see [`Door::end`].
    pub fn sigterm(&self) {
        self.process().term();
    }

    /// Waits until the daemon has ended by itself.
    pub async fn end(&self, deadline: Duration) -> ExitStatus {
        self.process().end(deadline).await
    }

    /// The daemon's process: its id, memory, threads, descriptors, log.
    pub fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.read().unwrap())
    }

    fn places(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap()
    }

    /// Where plain HTTP is served.
    pub fn http(&self) -> SocketAddr {
        *self
            .places()
            .http
            .first()
            .expect("listeners.json names a plain listener")
    }

    /// Where TLS is served.
    pub fn https(&self) -> SocketAddr {
        *self
            .places()
            .https
            .first()
            .expect("listeners.json names a TLS listener")
    }

    /// Where the dashboard or the metrics are, by their key in `[server]`, as the daemon has written it down.
    pub fn site(&self, key: &str) -> Option<SocketAddr> {
        let text = std::fs::read_to_string(self.state_dir().join("listeners.json")).ok()?;
        let listeners: serde_json::Value = serde_json::from_str(&text).ok()?;
        listeners[key].as_str()?.parse().ok()
    }

    /// The folder of configuration, logs, state and socket.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder().join("proxy.toml")
    }

    /// The control socket.
    pub fn socket(&self) -> PathBuf {
        self.folder().join("control.sock")
    }

    /// The daemon's state folder.
    pub fn state_dir(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// A TLS client configuration that trusts the daemon's own CA.
    pub fn trust(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        trusting(&self.state_dir().join("ca/root.pem"), alpn)
    }

    /// A raw client on the plain port.
    pub async fn plain(&self) -> Client {
        Client::plain(self.http()).await.expect("the plain port accepts")
    }

    /// A raw client over TLS, by server name.
    pub async fn tls(&self, name: &str) -> Result<Client, Broken> {
        Client::tls(self.https(), name, &self.trust(&["http/1.1"])).await
    }

    /// Panics unless a handshake by this name is refused, and without a certificate.
    pub async fn refuses_name(&self, name: &str) {
        let broken = self.tls(name).await.expect_err(name);
        assert_eq!(broken.kind(), "tls", "{name}: {broken}");
        let said = broken.to_string().to_lowercase();
        // `invalid peer certificate` would mean that somebody else's was shown.
        assert!(
            !said.contains("invalid peer certificate"),
            "{name} was shown another host's certificate: {broken}"
        );
    }

    /// An HTTP/2 client over TLS, by server name.
    pub async fn h2(&self, name: &str) -> Result<H2, Broken> {
        H2::tls(self.https(), name, &self.trust(&["h2"])).await
    }

    /// A load's target over TLS.
    pub fn target(&self, host: &str) -> Target {
        let tls = (self.trust(&["http/1.1"]), self.trust(&["h2"]));
        Target {
            address: self.https(),
            host: host.to_owned(),
            tls: Some(tls),
        }
    }

    /// A load's target on the plain port.
    pub fn plain_target(&self, host: &str) -> Target {
        Target {
            address: self.http(),
            host: host.to_owned(),
            tls: None,
        }
    }

    /// `proxyctl --socket … ARGS`, to be started.
    pub fn command(&self, args: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_proxyctl"));
        command
            .arg("--socket")
            .arg(self.socket())
            .args(args)
            .current_dir(self.folder());
        for name in INHERITED {
            command.env_remove(name);
        }
        command
    }

    /// Runs `proxyctl --socket … ARGS` to its end.
    pub async fn proxyctl(&self, args: &[&str]) -> Output {
        run(self.command(args)).await
    }

    /// Starts `proxyctl --socket … ARGS --json`, and lets the test follow its events.
    pub fn watch(&self, args: &[&str]) -> Operation {
        Operation::start(self.command(&[args, &["--json"]].concat()))
    }

    /// The same with `--json` among the arguments, for those that end in a command.
    pub fn watch_plain(&self, args: &[&str]) -> Operation {
        Operation::start(self.command(args))
    }

    /// `proxyctl swap ENV ARGS --json`, to its end.
    pub async fn swap(&self, env: &str, args: &[&str]) -> Finished {
        self.watch(&[&["swap", env], args].concat()).finish().await
    }

    /// `proxyctl rollback ENV ARGS --json`, to its end.
    pub async fn rollback(&self, env: &str, args: &[&str]) -> Finished {
        self.watch(&[&["rollback", env], args].concat()).finish().await
    }

    /// Writes the configuration anew.
    pub fn rewrite(&self, change: impl FnOnce(&str) -> String) {
        let before = std::fs::read_to_string(self.config()).expect("the configuration can be read");
        self.restore(&change(&before));
    }

    /// Writes this configuration, in one piece, as editors and deploys do it: nobody reads half of it.
    pub fn restore(&self, text: &str) {
        let next = self.folder().join("proxy.toml.next");
        std::fs::write(&next, text).expect("the configuration can be written");
        std::fs::rename(&next, self.config()).expect("the configuration can be replaced");
    }

    /// Replaces words of the configuration; they have to be there.
    pub fn replace(&self, from: &str, to: &str) {
        self.rewrite(|text| {
            assert!(text.contains(from), "{from:?} is not in the configuration:\n{text}");
            text.replace(from, to)
        });
    }

    /// `proxyctl reload ARGS --json`, to its end.
    pub async fn reload(&self, args: &[&str]) -> Finished {
        self.watch(&[&["reload"], args].concat()).finish().await
    }

    /// `proxyctl status --json`.
    pub async fn status(&self) -> Status {
        let output = self.proxyctl(&["status", "--json"]).await;
        output.assert_code(0);
        serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("`status --json` is no status: {error}\n{output:#?}"))
    }

    /// One environment's part of the status.
    pub async fn environment(&self, name: &str) -> EnvironmentStatus {
        let status = self.status().await;
        status
            .environments
            .into_iter()
            .find(|env| env.name == name)
            .expect("the environment is in the status")
    }

    /// What a refused operation must leave as it was.
    pub async fn unmoved(&self, name: &str) -> Unmoved {
        let env = self.environment(name).await;
        let addresses = env
            .services
            .iter()
            .map(|service| (service.name.clone(), format!("{:?}", service.live)));
        Unmoved {
            live: env.live,
            generation: env.generation,
            since: env.since.clone(),
            can_roll_back: env.can_roll_back,
            addresses: addresses.collect(),
        }
    }

    /// `proxyctl history --json`: entries, the newest last. An array and lines are both taken.
    pub async fn history(&self) -> Vec<Entry> {
        let output = self.proxyctl(&["history", "--json"]).await;
        output.assert_code(0);
        let text = output.stdout.trim();
        let entries: Result<Vec<Entry>, _> = if text.starts_with('[') {
            serde_json::from_str(text)
        } else {
            text.lines().map(serde_json::from_str).collect()
        };
        entries.unwrap_or_else(|error| panic!("`history --json` holds what is no entry: {error}\n{output:#?}"))
    }

    /// Waits until exactly so many requests of the environment are held.
    pub async fn held(&self, env: &str, wanted: u64) {
        eventually(secs(60), || async {
            let services = self.environment(env).await.services;
            let held: u64 = services.iter().map(|service| service.held).sum();
            super::holds(held == wanted, || format!("{held} requests are held, not {wanted}"))
        })
        .await;
    }

    /// Waits until the operation that holds `prod` is in this step, or none holds it.
    pub async fn step(&self, step: Option<&str>) {
        eventually(secs(30), || async {
            let now = self.environment("prod").await.operation.map(|holder| holder.step);
            super::holds(now.as_deref() == step, || format!("the step is {now:?}"))
        })
        .await;
    }

    /// Upgrades, and returns the process id of the new daemon.
    pub async fn upgrade(&self) -> u32 {
        let finished = self.watch(&["upgrade"]).finish().await;
        finished.assert_code(exit::DONE);
        let pid = finished.find(|event| match event {
            Event::Upgrade(UpgradeStep::Upgraded { pid, .. }) => Some(*pid),
            _ => None,
        });
        let pid = pid.expect("the last event names the new process");
        assert_eq!(self.status().await.pid, pid, "the control socket is the new process'");
        pid
    }

    /// Waits until no process but the newest is left.
    pub async fn alone(&self) {
        eventually(secs(30), || async {
            let earlier = self.status().await.earlier;
            super::holds(earlier.is_empty(), || format!("{earlier:?} still drain"))
        })
        .await;
    }

    /// Waits until no old side of the environment drains and no operation holds it.
    pub async fn quiet(&self, env: &str) {
        eventually(secs(30), || async {
            let env = self.environment(env).await;
            super::holds(env.draining.is_empty() && env.operation.is_none(), || {
                format!("still busy: {env:?}")
            })
        })
        .await;
    }
}

/// What would lead the binaries to another folder, socket or log level than the test's.
const INHERITED: [&str; 9] = [
    "STATE_DIRECTORY",
    "RUNTIME_DIRECTORY",
    "XDG_STATE_HOME",
    "XDG_RUNTIME_DIR",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "LISTEN_PID",
    "PROXYCTL_SOCKET",
    "RUST_LOG",
];

/// What no test should have to wait for: the times of the data plane that nobody configures, as `proxyd` is told them, and those
/// that a test has written beside the configuration.
fn times(folder: &Path) -> String {
    let grace = DRAIN_GRACE.as_millis();
    let more = std::fs::read_to_string(folder.join(TIMES)).unwrap_or_default();
    format!("drain_grace={grace},linger=3000,parting=1000,spread=500,echo=500,{more}")
}

fn spawn(folder: &Path) -> Process {
    // The last process' ports must not be taken for the new one's.
    drop(std::fs::remove_file(folder.join("state/listeners.json")));
    // A test that upgrades has put a link there, in whose place another program may come.
    let own = folder.join(PROGRAM);
    let program = if own.exists() {
        own
    } else {
        env!("CARGO_BIN_EXE_proxyd").into()
    };
    let mut command = std::process::Command::new(&program);
    if let Ok(under) = std::fs::read_to_string(folder.join(UNDER)) {
        let mut words = under.lines();
        command = std::process::Command::new(words.next().expect("a program"));
        command.args(words).arg(program);
    }
    // Whoever takes over from it belongs to the same group, and ends with the test.
    command
        .process_group(0)
        .arg("--config")
        .arg(folder.join("proxy.toml"))
        .env("GREENGATE_TIMES", times(folder))
        .current_dir(folder);
    let roots = folder.join(ROOTS);
    if roots.exists() {
        command.env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR");
    }
    for name in INHERITED {
        command.env_remove(name);
    }
    Process::spawn("proxyd", command)
}
