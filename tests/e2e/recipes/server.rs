//! A server as the page describes it, and somebody elsewhere who deploys to it: root, users, processes, mounts and network are the test's own, and all
//! of it is gone when the test ends.

use std::fs;
use std::future::Future;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use greengate::model::slot::Slot;

use super::page;
use crate::common::door::{Door, QUICK_PLAIN};
use crate::common::load::Target;
use crate::common::network::in_a_process_of_its_own;
use crate::common::operation::{Output, run};
use crate::common::systemd::as_root;
use crate::common::{eventually, holds};

const PATIENCE: Duration = Duration::from_secs(60);

/// Set for the process inside: a folder of the test's.
const INSIDE: &str = "GREENGATE_TEST_SERVER";

/// What the machine has of its own. Its own folders are seen, and what is written there goes with it.
const MACHINE: &str = r#"
set -eu
folder=$1
mount --make-rprivate /
ip link set lo up
mkdir "$folder/inside"
mount -t tmpfs tmpfs "$folder/inside"
for name in etc usr; do
  mkdir "$folder/inside/$name" "$folder/inside/$name.work"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$folder/inside/$name,workdir=$folder/inside/$name.work" "/$name"
done
for name in /run /srv /var/log /var/mail /var/lib/sudo; do mount -t tmpfs tmpfs "$name"; done
mkdir /run/sshd /run/greengate
hostname server
echo '127.0.0.1 localhost server app.example.com' > "$folder/hosts"
mount --bind "$folder/hosts" /etc/hosts
install -m 755 "$2" /usr/bin/proxyctl
for name in web runner; do
  adduser --quiet --disabled-password --gecos '' --home "/srv/$name-home" "$name"
done
shift 2
exec "$@"
"#;

/// In place of the unit that the page has, whose systemd other tests are about: starts what a release brings. The demo's app ends with its
/// parent, so it has one that stays.
const SERVE: &str = "#!/bin/sh\nset -eu\ncd \"/srv/web/$1\"\n\
    setsid sh -c 'proxyctl __demo-app --port \"$0\" --version \"$1\" & wait' \"$2\" \"$(cat version)\" \
    < /dev/null > \"/run/web-$1.log\" 2>&1 &\n\
    echo $! > \"/run/web-$1\"\n";

const CEASE: &str = "#!/bin/sh\nkill \"$(cat \"/run/web-$1\")\"\n";

/// What `make build` makes: a release that knows its version, and has a migration which writes down who runs it.
const BUILD: &str = "\n.PHONY: build\nbuild:\n\tmkdir -p build\n\tcp migrate build/\n\tcp version build/\n";

const MIGRATE: &str = "#!/bin/sh\necho \"$(id -un) $GREENGATE_VERSION\" >> /srv/migrations\n\
    while [ -e /srv/hold ]; do touch /srv/held; sleep 0.01; done\n";

/// The server, with prod on blue and dev, both of which run `v0`; and what CI would be given.
pub(super) struct Server {
    pub(super) door: Door,
    /// The private key.
    pub(super) key: String,
    /// The server's own, as `ssh-keyscan` prints it.
    pub(super) known_hosts: String,
}

/// Runs `inside` in a process of its own, on such a machine. `test` is the full name of the test that calls this.
pub(super) fn on_a_server<F: Future<Output = ()>>(test: &str, inside: impl FnOnce(Server) -> F) {
    if let Some(folder) = std::env::var_os(INSIDE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.unwrap().block_on(async {
            inside(Server::start(Path::new(&folder)).await).await;
        });
        return;
    }
    let folder = tempfile::Builder::new().prefix("gg-").tempdir().unwrap();
    let asked = std::env::vars().filter(|(name, _)| name.starts_with("GREENGATE_"));
    let mut command = as_root("unshare");
    command
        .args([
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "env",
        ])
        .args(asked.map(|(name, value)| format!("{name}={value}")))
        .arg(format!("{INSIDE}={}", folder.path().display()))
        .args(["bash", "-c", MACHINE, "bash"])
        .arg(folder.path())
        .arg(env!("CARGO_BIN_EXE_proxyctl"));
    in_a_process_of_its_own(&mut command, test);
}

impl Server {
    async fn start(folder: &Path) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let mut config = page::only("toml").to_owned();
        for (unit, ours) in [
            ("systemctl restart web@{slot}", "/srv/serve {slot} {port}"),
            ("systemctl stop web@{slot}", "/srv/cease {slot}"),
        ] {
            assert!(config.contains(unit), "{config}");
            config = config.replace(unit, ours);
        }
        for (name, text) in [("serve", SERVE), ("cease", CEASE)] {
            script(&Path::new("/srv").join(name), text);
        }
        let at = |name: &str| folder.join(name).display().to_string();
        ok("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at("deploy")]);
        ok("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &at("host")]);
        fs::write(folder.join("deploy.sudoers"), page::block("deploy.sudoers")).unwrap();
        let setup = Command::new("sh")
            .args(["-e", "-c", page::block("setup")])
            .current_dir(folder)
            .output()
            .unwrap();
        assert!(setup.status.success(), "{setup:?}");
        release("v0");
        symlink("/srv/web/releases/v0", "/srv/web/blue").unwrap();
        symlink("/srv/web/releases/v0", "/srv/web/dev").unwrap();
        ok("/srv/serve", &["blue", "3000"]);
        ok("/srv/serve", &["dev", "4000"]);
        listens(3000).await;
        listens(4000).await;
        let door = Door::start_at(any, any, "", &format!("{QUICK_PLAIN}\n{config}"), |_| {}).await;
        symlink(door.socket(), "/run/greengate/control.sock").unwrap();
        fs::write("/srv/migrations", "").unwrap();
        fs::set_permissions("/srv/migrations", fs::Permissions::from_mode(0o666)).unwrap();
        let log = fs::File::create(folder.join("sshd.log")).unwrap();
        let sshd = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-h", &at("host")])
            .args([
                "-o",
                "PasswordAuthentication=no",
                "-o",
                "KbdInteractiveAuthentication=no",
            ])
            .args(["-o", "ListenAddress=127.0.0.1:22"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        drop(sshd.unwrap());
        listens(22).await;
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let host: Vec<_> = read("host.pub").split(' ').take(2).map(str::to_owned).collect();
        let server = Self {
            door,
            key: read("deploy").trim_end().to_owned(),
            known_hosts: format!("app.example.com {}", host.join(" ")),
        };
        server.serves("v0").await;
        server
    }

    /// Somebody elsewhere has the sources: a folder with a commit of them, and the commit.
    pub(super) async fn checkout(&self, makefile: &str) -> String {
        let work = Path::new(WORK);
        fs::create_dir(work).unwrap();
        fs::write(work.join("Makefile"), format!("{makefile}{BUILD}")).unwrap();
        script(&work.join("migrate"), MIGRATE);
        fs::write(work.join(".gitignore"), "build\nversion\n").unwrap();
        for path in [
            work.to_owned(),
            work.join("Makefile"),
            work.join("migrate"),
            work.join(".gitignore"),
        ] {
            own(&path, "runner");
        }
        let commit = "git init -q -b main && git add . && \
                      git -c user.name=me -c user.email=me@example.com commit -q -m first && git rev-parse HEAD";
        let output = self.runner(&[], commit).await;
        output.assert_code(0);
        output.stdout.trim().to_owned()
    }

    /// What the build knows of its version.
    pub(super) fn version(&self, version: &str) {
        fs::write(Path::new(WORK).join("version"), version).unwrap();
    }

    /// The key where `ssh` looks for it, as somebody has it at home.
    pub(super) async fn key_at_home(&self) {
        let put = "install -d -m 700 ~/.ssh; printf '%s\\n' \"$KNOWN\" > ~/.ssh/known_hosts; umask 077; printf '%s\\n' \"$KEY\" > ~/.ssh/id_ed25519";
        let env = [("KEY", self.key.as_str()), ("KNOWN", &self.known_hosts)];
        self.runner_at("/", &env, put).await.assert_code(0);
    }

    /// Runs words in the checkout as somebody elsewhere does: `bash -e`, with these variables and little else.
    pub(super) async fn runner(&self, env: &[(&str, &str)], words: &str) -> Output {
        self.runner_at(WORK, env, words).await
    }

    async fn runner_at(&self, folder: &str, env: &[(&str, &str)], words: &str) -> Output {
        run(shell("runner", folder, env, &["bash", "-e", "-c", words])).await
    }

    /// Runs words on the server as the user who deploys, as cron does.
    pub(super) async fn deployer(&self, words: &str) -> Output {
        let env = [("LOGNAME", "deploy"), ("SHELL", "/bin/sh")];
        run(shell("deploy", "/srv/deploy", &env, &["/bin/sh", "-c", words])).await
    }

    /// The same, for a test that goes on meanwhile.
    pub(super) fn start_runner(&self, words: &str) -> tokio::process::Child {
        let mut command = shell("runner", "/srv/runner-home", &[], &["sh", "-c", words]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.kill_on_drop(true).spawn().unwrap()
    }

    /// Waits until visitors of prod are answered by this version.
    pub(super) async fn serves(&self, version: &str) {
        let target: Target = self.door.plain_target("app.example.com");
        eventually(PATIENCE, || async {
            let mut client = target.client().await.map_err(|broken| broken.to_string())?;
            let answer = client.get("app.example.com", "/").await;
            let text = answer.map_err(|broken| broken.to_string())?.text();
            holds(text.trim() == format!("hello from {version}"), || {
                format!("it answers {text}")
            })
        })
        .await;
    }

    /// Whoever ran a migration, and for which version.
    pub(super) fn migrations(&self) -> Vec<String> {
        let text = fs::read_to_string("/srv/migrations").unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The side that is live.
    pub(super) async fn live(&self) -> Slot {
        self.door.environment("prod").await.live.expect("a side is live")
    }
}

/// Where the sources are.
const WORK: &str = "/srv/runner-home/work";

fn shell(user: &str, folder: &str, env: &[(&str, &str)], argv: &[&str]) -> tokio::process::Command {
    let home = match user {
        "deploy" => "/srv/deploy",
        _ => "/srv/runner-home",
    };
    let mut command = tokio::process::Command::new("setpriv");
    command
        .args([
            "--reuid",
            user,
            "--regid",
            user,
            "--init-groups",
            "env",
            "--ignore-environment",
        ])
        .args([&format!("HOME={home}"), "PATH=/usr/bin:/bin"])
        .args(env.iter().map(|(name, value)| format!("{name}={value}")))
        .args(argv)
        .current_dir(folder);
    command
}

/// Writes a script that can be run.
pub(super) fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

async fn listens(port: u16) {
    eventually(PATIENCE, || async {
        let there = std::net::TcpStream::connect(("127.0.0.1", port));
        there.map(drop).map_err(|error| format!("{port}: {error}"))
    })
    .await;
}

/// Puts a release where CI puts them.
pub(super) fn release(version: &str) {
    let folder = Path::new("/srv/web/releases").join(version);
    fs::create_dir(&folder).unwrap();
    script(&folder.join("migrate"), MIGRATE);
    fs::write(folder.join("version"), version).unwrap();
}

fn own(path: &Path, user: &str) {
    let user = uzers::get_user_by_name(user).unwrap();
    chown(path, Some(user.uid()), Some(user.primary_group_id())).unwrap();
}

fn ok(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
}
