//! An environment that is deployed by scripts, and apps that are processes of their own.
//!
//! Whatever a script does stands in `steps`, a line each. A step stands still as long as there is a file `hold-STEP`, and says so by a
//! file `at-STEP`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use greengate::model::api::{DeployStep, Event};
use greengate::model::history::{Entry, Record};
use greengate::model::slot::Slot;
use rustix::process::{Pid, Signal, kill_process};
use socket2::Socket;

use crate::common::door::{Door, QUICK, QUICK_PLAIN};
use crate::common::fixture::{HOST, PLAIN};
use crate::common::load::Target;
use crate::common::operation::{Finished, Operation, Output};
use crate::common::place::{python, tests};
use crate::common::port::reserve;
use crate::common::{eventually, holds};

/// Writes its step down, and stands still where a test wants it to.
const STEP: &str = r#"
echo "$*" >> steps
echo "this is $*"
echo $$ > "new-$1"; mv "new-$1" "at-$1"
while [ -e "hold-$1" ]; do sleep 0.01; done
if [ -e "fail-$1" ]; then echo "$1 has failed" >&2; exit 3; fi
"#;

/// Starts an app in the background, with a log of its own, and waits until it listens.
const START: &str = r#"
rm -f "up-$3"
PYTHON SIDE "$2" "$3" >> "log-$1" 2>&1 < /dev/null &
echo $! > "pid-$1"
for try in $(seq 1000); do [ -e "up-$3" ] && break; sleep 0.02; done
set -- start "$1" "$3"
. ./step.sh
"#;

/// Ends it.
const STOP: &str = r#"
set -- stop "$1"
. ./step.sh
pid=$(cat "pid-$2" 2> /dev/null)
# A number that another process has by now is not ours to kill.
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$PWD" ]; then kill -9 "$pid"; fi
rm -f "pid-$2"
"#;

/// How long anything may take, on a machine that builds something else at the same time.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// `prod`, deployed by scripts; blue runs `v1`, and is live.
pub(super) struct Stage {
    pub(super) door: Door,
    host: &'static str,
    _ports: Vec<Socket>,
    /// Where `dev` runs and prod's green, where there is a `dev`.
    pub(super) dev: u16,
    pub(super) green: u16,
}

impl Stage {
    /// With more lines in the table.
    pub(super) async fn start(more: &str) -> Self {
        Self::start_with("", more).await
    }

    /// With more lines in the environment, and in the table.
    pub(super) async fn start_with(environment: &str, more: &str) -> Self {
        Self::start_at(PLAIN, environment, more).await
    }

    /// The same over TLS.
    pub(super) async fn tls(environment: &str, more: &str) -> Self {
        Self::start_at(HOST, environment, more).await
    }

    async fn start_at(host: &'static str, environment: &str, more: &str) -> Self {
        let ((one, blue), (two, green)) = (reserve(), reserve());
        let defaults = if host == HOST { QUICK } else { QUICK_PLAIN };
        let config = format!(
            "{defaults}health.version = \"json:version\"\n\n[env.prod]\nhost = \"{host}\"\nblue = \"{blue}\"\n\
             green = \"{green}\"\n{environment}\n\n[env.prod.deploy]\nstart = \"sh start.sh {{slot}} {{port}} {{version}}\"\n\
             stop = \"sh stop.sh {{slot}}\"\nafter = \"sh step.sh after {{version}}\"\n{more}\n"
        );
        Self::of(host, config, [one, two], &[("blue", blue.port(), "v1")]).await
    }

    /// Beside it `dev`, which runs `v2` and is known to be well; with more lines in both environments.
    pub(super) async fn with_dev(of_prod: &str, of_dev: &str) -> Self {
        let ((one, blue), (two, green), (three, dev)) = (reserve(), reserve(), reserve());
        let config = format!(
            "{QUICK_PLAIN}health.version = \"json:version\"\n\n[env.dev]\nhost = \"dev.localhost\"\nupstream = \"{dev}\"\n\
             {of_dev}\n\n[env.prod]\nhost = \"{PLAIN}\"\nblue = \"{blue}\"\ngreen = \"{green}\"\n{of_prod}\n\n\
             [env.prod.deploy]\nstart = \"sh start.sh {{slot}} {{port}} {{version}}\"\nstop = \"sh stop.sh {{slot}}\"\n\
             after = \"sh step.sh after {{version}}\"\n"
        );
        let first = [("blue", blue.port(), "v1"), ("dev", dev.port(), "v2")];
        let mut stage = Self::of(PLAIN, config, [one, two, three], &first).await;
        (stage.dev, stage.green) = (dev.port(), green.port());
        stage.dev_is(true).await;
        stage
    }

    /// Waits until the daemon knows that dev is well, or is not.
    pub(super) async fn dev_is(&self, well: bool) {
        eventually(PATIENCE, || async {
            let since = self.door.environment("dev").await.healthy_since;
            holds(since.is_some() == well, || format!("dev is well since {since:?}"))
        })
        .await;
    }

    /// Two services with tables of their own. The apps of `api` start as the file `fail-api` lets them.
    pub(super) async fn of_two_services() -> Self {
        let ports = [reserve(), reserve(), reserve(), reserve()];
        let [web, web_green, api, api_green] = ports.each_ref().map(|(_, address)| *address);
        let config = format!(
            "{QUICK_PLAIN}\n[env.prod.service.web]\nhost = \"{PLAIN}\"\nblue = \"{web}\"\ngreen = \"{web_green}\"\n\
             [env.prod.service.web.deploy]\nstart = \"sh start.sh web-{{slot}} {{port}} {{version}}\"\n\
             stop = \"sh stop.sh web-{{slot}}\"\n\n[env.prod.service.api]\nhost = \"{PLAIN}\"\npath = \"/api\"\n\
             blue = \"{api}\"\ngreen = \"{api_green}\"\n[env.prod.service.api.deploy]\n\
             start = [\"sh start.sh api-{{slot}} {{port}} {{version}}\", \"sh -c 'test ! -e fail-api'\"]\n\
             stop = \"sh stop.sh api-{{slot}}\"\n"
        );
        let sockets = ports.map(|(socket, _)| socket);
        Self::of(
            PLAIN,
            config,
            sockets,
            &[("web-blue", web.port(), "v1"), ("api-blue", api.port(), "v1")],
        )
        .await
    }

    async fn of(
        host: &'static str,
        config: String,
        ports: impl Into<Vec<Socket>>,
        first: &[(&str, u16, &str)],
    ) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let door = Door::start_at(any, any, "", &config, |folder| {
            let side = tests().join("apps/side.py").display().to_string();
            let python = python().get_program().display().to_string();
            let start = START.replace("PYTHON", &python).replace("SIDE", &side);
            for (name, text) in [("step.sh", STEP), ("start.sh", &start), ("stop.sh", STOP)] {
                std::fs::write(folder.join(name), text).expect("a script can be written");
            }
        })
        .await;
        let stage = Self {
            door,
            host,
            _ports: ports.into(),
            dev: 0,
            green: 0,
        };
        for (name, port, version) in first {
            let mut start = tokio::process::Command::new("sh");
            start.args(["start.sh", name, &port.to_string(), version]);
            let status = start
                .current_dir(stage.door.folder())
                .stdout(std::process::Stdio::null())
                .status()
                .await;
            assert!(status.expect("a shell").success());
        }
        stage.serves("v1").await;
        stage.remove("steps");
        stage.remove("at-start");
        stage
    }

    fn file(&self, name: &str) -> PathBuf {
        self.door.folder().join(name)
    }

    /// What an app says of itself from now on: `called` and `powered`, by its port.
    pub(super) fn says(&self, what: &str, port: u16, text: &str) {
        let (file, next) = (self.file(&format!("{what}-{port}")), self.file("next"));
        std::fs::write(&next, text).expect("a file can be written");
        std::fs::rename(next, file).expect("a file can be renamed");
    }

    /// `proxyctl promote dev prod ARGS` as people see it.
    pub(super) async fn promoted(&self, args: &[&str]) -> Output {
        self.door.proxyctl(&[&["promote", "dev", "prod"], args].concat()).await
    }

    /// A step stands still from now on, or fails.
    pub(super) fn put(&self, name: &str) {
        std::fs::write(self.file(name), "").expect("a file can be written");
    }

    /// No longer.
    pub(super) fn remove(&self, name: &str) {
        drop(std::fs::remove_file(self.file(name)));
    }

    /// Waits until a step stands still.
    pub(super) async fn reached(&self, step: &str) {
        self.appears(&format!("at-{step}")).await;
    }

    /// Waits for a file.
    pub(super) async fn appears(&self, name: &str) {
        eventually(PATIENCE, || async {
            holds(self.file(name).exists(), || {
                format!("there is no `{name}`; steps: {:?}", self.steps())
            })
        })
        .await;
    }

    /// What the scripts did since the beginning.
    pub(super) fn steps(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file("steps")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The ids of all POSTs that apps have seen.
    pub(super) fn posts(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file("posts")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Where a load goes.
    pub(super) fn target(&self) -> Target {
        if self.host == HOST {
            self.door.target(HOST)
        } else {
            self.door.plain_target(PLAIN)
        }
    }

    /// Waits until clients are answered by this version.
    pub(super) async fn serves(&self, version: &str) {
        eventually(PATIENCE, || async {
            let mut client = self.target().client().await.map_err(|broken| broken.to_string())?;
            let answer = client.get(self.host, "/").await.map_err(|broken| broken.to_string())?;
            let text = answer.text();
            holds(text.contains(&format!("\"version\": \"{version}\"")), || {
                format!("it answers {text}")
            })
        })
        .await;
    }

    /// A client whose request the live app keeps until [`Stage::let_go`].
    pub(super) async fn keep_a_request(&self) -> tokio::task::JoinHandle<()> {
        self.put("wait");
        let mut client = self.target().client().await.expect("the door accepts");
        client
            .send(format!("GET /wait HTTP/1.1\r\nHost: {}\r\n\r\n", self.host))
            .await
            .expect("a request is sent");
        eventually(PATIENCE, || async {
            let status = self.door.environment("prod").await;
            let under_way: u64 = status.services.iter().map(|service| service.requests).sum();
            holds(under_way > 0, || "the request has not begun".into())
        })
        .await;
        tokio::spawn(async move {
            drop(client.response("GET").await);
        })
    }

    /// Lets everything go on that stands still.
    pub(super) fn let_go(&self) {
        for name in [
            "wait",
            "hold-start",
            "hold-before",
            "hold-stop",
            "hold-after",
            "sick-v2",
        ] {
            self.remove(name);
        }
    }

    /// `kill -9` of what runs on a side.
    pub(super) fn kill_app(&self, slot: Slot) {
        let pid = self.pid(slot.as_str()).expect("an app runs there");
        kill_process(pid, Signal::KILL).expect("the app can be killed");
    }

    /// `kill -9` of the command that stands still in a step.
    pub(super) fn kill_step(&self, step: &str) {
        let text = std::fs::read_to_string(self.file(&format!("at-{step}"))).expect("it stands still");
        let pid = Pid::from_raw(text.trim().parse().expect("a process id")).expect("a process id");
        kill_process(pid, Signal::KILL).expect("the command can be killed");
    }

    /// Waits until apps run on these sides, and on no other.
    pub(super) async fn run(&self, slots: &[Slot]) {
        eventually(PATIENCE, || async {
            let runs = [Slot::Blue, Slot::Green].into_iter().filter(|&slot| self.runs(slot));
            let runs: Vec<_> = runs.collect();
            holds(runs == slots, || {
                format!("apps run on {runs:?}, not on {slots:?}; steps: {:?}", self.steps())
            })
        })
        .await;
    }

    /// Whether an app runs on a side.
    pub(super) fn runs(&self, slot: Slot) -> bool {
        self.pid(slot.as_str()).is_some()
    }

    /// Its process.
    fn pid(&self, name: &str) -> Option<Pid> {
        let text = std::fs::read_to_string(self.file(&format!("pid-{name}"))).ok()?;
        let pid = Pid::from_raw(text.trim().parse().ok()?)?;
        lives_in(self.door.folder(), pid).then_some(pid)
    }

    /// `proxyctl deploy prod --version VERSION ARGS --json`, which the test follows.
    pub(super) fn deploy(&self, version: &str, args: &[&str]) -> Operation {
        self.door
            .watch(&[&["deploy", "prod", "--version", version], args].concat())
    }

    /// The same to its end.
    pub(super) async fn deployed(&self, version: &str, args: &[&str]) -> Finished {
        self.deploy(version, args).finish().await
    }

    /// The same as people see it.
    pub(super) async fn told(&self, version: &str, args: &[&str]) -> Output {
        self.door
            .proxyctl(&[&["deploy", "prod", "--version", version], args].concat())
            .await
    }

    /// Waits until nobody holds the environment.
    pub(super) async fn free(&self) {
        eventually(PATIENCE, || async {
            let holder = self.door.environment("prod").await.operation;
            holds(holder.is_none(), || format!("{holder:?} holds it"))
        })
        .await;
    }

    /// The side that is live.
    pub(super) async fn live(&self) -> Slot {
        self.door.environment("prod").await.live.expect("a side is live")
    }

    /// What the journal says of the last deployment.
    pub(super) async fn journal(&self) -> Vec<Entry> {
        let output = self.door.proxyctl(&["history", "prod", "--json", "--verbose"]).await;
        let entries = output.stdout.lines().map(serde_json::from_str::<Entry>);
        let entries: Vec<_> = entries.collect::<Result<_, _>>().expect("a line is an entry");
        let is_deploying = |entry: &&Entry| matches!(&entry.record, Record::Step { event } if matches!(**event, Event::Deploy(DeployStep::Deploying { .. })));
        let last = entries
            .iter()
            .rev()
            .find(is_deploying)
            .and_then(|entry| entry.operation);
        entries.into_iter().filter(|entry| entry.operation == last).collect()
    }
}

/// Whether a process works in a folder. One that has ended works nowhere, whether somebody has waited for it or not.
fn lives_in(folder: &Path, pid: Pid) -> bool {
    let works_in = std::fs::read_link(format!("/proc/{}/cwd", pid.as_raw_pid()));
    matches!((works_in, folder.canonicalize()), (Ok(works_in), Ok(folder)) if works_in == folder)
}

/// Whatever works in a folder: apps, and commands that a `proxyctl` has left behind which was killed.
fn inhabitants(folder: &Path) -> Vec<Pid> {
    let processes = std::fs::read_dir("/proc").expect("/proc can be read");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(Pid::from_raw)
        .filter(|&pid| lives_in(folder, pid))
        .collect()
}

impl Drop for Stage {
    fn drop(&mut self) {
        let daemon = self.door.process().pid();
        // One that is killed may have started another the moment before.
        loop {
            let left: Vec<_> = inhabitants(self.door.folder())
                .into_iter()
                .filter(|pid| pid.as_raw_pid().unsigned_abs() != daemon)
                .collect();
            if left.is_empty() {
                break;
            }
            for pid in left {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        if std::thread::panicking() {
            eprintln!("--- steps: {:?} ---", self.steps());
        }
    }
}
