//! A real Docker of a test's own, as root: with its own network, mounts, processes and data, which end with it.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::network::in_a_process_of_its_own;
use super::systemd::as_root;
use super::{eventually, holds};

/// How long it may take to come up.
const UP: Duration = Duration::from_secs(90);

/// Set for the process in its network.
const INSIDE: &str = "GREENGATE_TEST_DOCKER";

/// It runs for as long as this lives, and nothing of it longer.
#[derive(Debug)]
pub struct Docker {
    launcher: Child,
    // Declared last: it is removed when nothing runs in it.
    folder: tempfile::TempDir,
}

/// Runs `inside` in a process of its own, in the network of a Docker. `test` is the full name of the test that calls this.
pub fn in_the_network_of_a_docker<F: Future<Output = ()>>(test: &str, inside: impl FnOnce(Docker) -> F) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.unwrap().block_on(async { inside(Docker::start().await).await });
        return;
    }
    let path = std::env::var("PATH").unwrap();
    let asked = std::env::vars().filter(|(name, _)| name.starts_with("GREENGATE_"));
    let mut command = as_root("unshare");
    command
        .args(["--net", "env"])
        .args(asked.map(|(name, value)| format!("{name}={value}")))
        .args([&format!("PATH={path}"), &format!("{INSIDE}=1")])
        .args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    in_a_process_of_its_own(&mut command, test);
}

impl Docker {
    async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("gg-docker-").tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let dockerd = format!(
            "mount --make-rprivate / && exec dockerd --host unix://{} --data-root {} --exec-root {} --pidfile {} \
             --storage-driver vfs --iptables=false --ip6tables=false",
            at("socket"),
            at("data"),
            at("exec"),
            at("pid")
        );
        let launcher = Command::new("unshare")
            .args([
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "sh",
                "-c",
                &dockerd,
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let docker = Self { launcher, folder };
        eventually(UP, || async {
            let is_up = docker.command(&["version"]).output().unwrap().status.success();
            let log = docker.folder.path().join("log");
            holds(is_up, || {
                format!("dockerd did not come up: {}", fs::read_to_string(log).unwrap())
            })
        })
        .await;
        docker
    }

    /// What `DOCKER_HOST` has to be.
    pub fn host(&self) -> String {
        format!("unix://{}/socket", self.folder.path().display())
    }

    /// A folder of the test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `docker ARGS`, which has to succeed; what was printed.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "docker {args:?}: {}\n{out}{err}",
            output.status
        );
        out
    }

    /// Makes an image that runs a shell's words. No registry can be reached: it has nothing of its own, and whoever runs it shares the
    /// machine's `/usr` with it.
    pub fn import(&self, name: &str, words: &str) {
        let root = self.folder.path().join(name.replace(':', "-"));
        for folder in ["usr", "app", "mnt", "tmp"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for link in ["bin", "lib", "lib64"] {
            std::os::unix::fs::symlink(PathBuf::from("usr").join(link), root.join(link)).unwrap();
        }
        let archive = root.with_extension("tar");
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(&archive).arg("-C").arg(&root).arg(".");
        assert!(tar.status().unwrap().success());
        let archive = archive.display().to_string();
        self.ok(&["import", "--change", &format!("CMD {words}"), &archive, name]);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(args).env("DOCKER_HOST", self.host()).stdin(Stdio::null());
        command
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // All that runs there ends with its first process, and that with its launcher.
        drop(self.launcher.kill());
        drop(self.launcher.wait());
    }
}
