//! An app that is started and stopped by two small scripts, and the door that runs them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use greengate::model::api::{SleepState, SleepStatus};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::common::app::App;
use crate::common::client::Response;
use crate::common::door::{Door, QUICK, QUICK_PLAIN, TIMES};
use crate::common::load::Target;
use crate::common::{eventually, holds, secs};

/// The host of `dev`.
pub(super) const DEV: &str = "dev.localhost";
/// Looks often, so that a test waits for nothing but what it tests.
const QUICKLY: &str = "sleep_look=50";
/// Nobody falls asleep by himself.
pub(super) const NEVER: &str = "1h";

/// An environment `dev` that may sleep.
pub(super) struct Sleeper {
    pub(super) door: Door,
    pub(super) app: Arc<App>,
    files: TempDir,
    caretaker: JoinHandle<()>,
    tls: bool,
}

/// What a sleeper is made with.
pub(super) struct Made<'a> {
    /// `sleep.after`.
    pub(super) after: &'a str,
    /// More keys in the table.
    pub(super) sleep: &'a str,
    /// More lines of the environment, and of the file behind it.
    pub(super) more: &'a str,
    /// More times of the daemon.
    pub(super) times: &'a str,
    pub(super) tls: bool,
    /// More lines of `[server]`.
    pub(super) server: &'a str,
}

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            after: NEVER,
            sleep: "",
            more: "",
            times: "",
            tls: false,
            server: "",
        }
    }
}

impl Sleeper {
    /// One that sleeps only when it is told to.
    pub(super) async fn plain() -> Self {
        Self::made(Made::default()).await
    }

    /// One that falls asleep by itself.
    pub(super) async fn after(after: &str) -> Self {
        Self::made(Made {
            after,
            ..Made::default()
        })
        .await
    }

    pub(super) async fn made(made: Made<'_>) -> Self {
        let files = tempfile::Builder::new().prefix("gg-").tempdir().unwrap();
        let app = Arc::new(App::start("dev", "v1").await);
        for name in ["log", "wanted", "up"] {
            std::fs::write(files.path().join(name), "").unwrap();
        }
        let at = |name: &str| files.path().join(name).display().to_string();
        let waits = |what: &str| format!("while [ -e {} ] && {what}; do sleep 0.01; done\n", at("log"));
        for (name, done) in [
            (
                "start",
                format!("touch {}\n{}", at("wanted"), waits(&format!("[ ! -e {} ]", at("up")))),
            ),
            (
                "stop",
                format!("rm -f {}\n{}", at("wanted"), waits(&format!("[ -e {} ]", at("up")))),
            ),
        ] {
            let text = format!(
                "#!/bin/sh\necho {name} >> {log}\n{hold}\
                 [ -e {fails} ] && {{ echo \"no luck with the {name}\" >&2; exit 3; }}\n\
                 {done}echo {name} done >> {log}\n",
                log = at("log"),
                hold = waits(&format!("[ -e {} ]", at(&format!("hold-{name}")))),
                fails = at(&format!("fail-{name}")),
            );
            let file = files.path().join(name);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let config = format!(
            "{}\n[env.dev]\nhost = \"{DEV}\"\nupstream = \"{}\"\n\
             sleep = {{ after = \"{}\", start = \"{}\", stop = \"{}\"{} }}\n{}\n",
            if made.tls { QUICK } else { QUICK_PLAIN },
            app.address(),
            made.after,
            at("start"),
            at("stop"),
            made.sleep,
            made.more,
        );
        let any = "127.0.0.1:0".parse().unwrap();
        let times = format!("{QUICKLY},{}", made.times);
        let door = Door::start_at(any, any, made.server, &config, |folder| {
            std::fs::write(folder.join(TIMES), times).unwrap();
        })
        .await;
        let caretaker = tokio::spawn(care(app.clone(), files.path().to_owned()));
        Self {
            door,
            app,
            files,
            caretaker,
            tls: made.tls,
        }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// From now on this is so: `hold-start`, `fail-stop`.
    pub(super) fn set(&self, name: &str) {
        std::fs::write(self.file(name), "").unwrap();
    }

    /// From now on it is not.
    pub(super) fn clear(&self, name: &str) {
        std::fs::remove_file(self.file(name)).unwrap();
    }

    /// Which commands have begun, in their order: `["stop", "start"]`.
    pub(super) fn ran(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.file("log")).unwrap();
        let begun = log.lines().filter(|line| !line.ends_with(" done"));
        begun.map(str::to_owned).collect()
    }

    /// Waits until so many commands have begun.
    pub(super) async fn begun(&self, commands: &[&str]) {
        eventually(secs(20), || async {
            let ran = self.ran();
            holds(ran == commands, || format!("{ran:?} have run, not {commands:?}"))
        })
        .await;
    }

    pub(super) async fn status(&self) -> SleepStatus {
        self.door.environment("dev").await.sleep.expect("it may sleep")
    }

    /// Waits until it is so far.
    pub(super) async fn is(&self, state: SleepState) -> SleepStatus {
        eventually(secs(20), || async {
            let now = self.status().await;
            match now.state == state {
                true => Ok(now),
                false => Err(format!("not {state:?}: {now:?}")),
            }
        })
        .await
    }

    /// `proxyctl sleep dev`.
    pub(super) async fn put_to_sleep(&self) {
        self.door.watch(&["sleep", "dev"]).finish().await.assert_code(0);
        assert_eq!(self.ran().last().unwrap(), "stop");
    }

    pub(super) fn target(&self) -> Target {
        match self.tls {
            true => self.door.target(DEV),
            false => self.door.plain_target(DEV),
        }
    }

    /// `GET target` on a connection of its own.
    pub(super) async fn get(&self, target: &str) -> Response {
        let mut client = self.target().client().await.expect("the door accepts");
        client.get(DEV, target).await.expect("an answer")
    }

    /// The same, which may be held.
    pub(super) fn ask(&self, target: &str) -> JoinHandle<Response> {
        let (place, target) = (self.target(), target.to_owned());
        tokio::spawn(async move {
            let mut client = place.client().await.expect("the door accepts");
            client.get(DEV, &target).await.expect("an answer")
        })
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.caretaker.abort();
    }
}

/// Does what the scripts want: lets the app listen, or kills it.
async fn care(app: Arc<App>, files: PathBuf) {
    let exists = |name: &str| files.join(name).exists();
    let up = |files: &Path| files.join("up");
    loop {
        match (exists("wanted"), exists("up")) {
            (true, false) if !exists("slow") => {
                app.listen().await;
                // The folder goes with the test.
                let _ = std::fs::write(up(&files), "");
            }
            (false, true) => {
                app.stop_hard().await;
                let _ = std::fs::remove_file(up(&files));
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
