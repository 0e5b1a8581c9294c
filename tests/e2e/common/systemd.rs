//! A real systemd of a test's own, as root: `tests/systemd/boot` says what it may not touch.

use std::fs;
use std::future::Future;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::network::in_a_process_of_its_own;

/// How long it may take to come up.
const UP: Duration = Duration::from_secs(90);

/// Set for the process in its network: what launched it, and its folder.
const INSIDE: &str = "GREENGATE_TEST_SYSTEMD";

/// It runs for as long as this lives, and nothing of it longer.
#[derive(Debug)]
pub struct Systemd {
    launcher: Child,
    machine: Machine,
    // Declared last: it is removed when nothing runs in it.
    folder: tempfile::TempDir,
}

/// What it runs, as a machine that words are typed on.
#[derive(Debug)]
pub struct Machine {
    launcher: u32,
    /// Its first process.
    init: String,
    folder: PathBuf,
}

/// Runs `inside` in a process of its own, in the network of a systemd. `test` is the full name of the test that calls this.
pub fn in_the_network_of_a_systemd<F: Future<Output = ()>>(test: &str, inside: impl FnOnce(Machine) -> F) {
    if let Ok(place) = std::env::var(INSIDE) {
        let (launcher, folder) = place.split_once(' ').unwrap();
        let mut machine = Machine {
            launcher: launcher.parse().unwrap(),
            init: String::new(),
            folder: folder.into(),
        };
        assert!(machine.is_up(), "it is not up any more");
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.unwrap().block_on(inside(machine));
        return;
    }
    let systemd = Systemd::boot();
    // `sudo` forgets what was asked of this run.
    let asked = std::env::vars().filter(|(name, _)| name.starts_with("GREENGATE_"));
    let mut command = as_root("nsenter");
    command
        .args(["-t", &systemd.init, "-n", "env"])
        .args(asked.map(|(name, value)| format!("{name}={value}")))
        .arg(format!(
            "{INSIDE}={} {}",
            systemd.launcher.id(),
            systemd.folder().display()
        ));
    in_a_process_of_its_own(&mut command, test);
}

impl Systemd {
    /// Boots it.
    pub fn boot() -> Self {
        let folder = tempfile::Builder::new().prefix("gg-").tempdir().unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let launcher = as_root(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systemd/boot"))
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let machine = Machine {
            launcher: launcher.id(),
            init: String::new(),
            folder: folder.path().into(),
        };
        let mut systemd = Self {
            launcher,
            machine,
            folder,
        };
        systemd.machine.wait_until_up(|machine| machine.is_up());
        systemd
    }
}

impl Deref for Systemd {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}

impl Machine {
    /// Where a file of [`Machine::folder`] is inside.
    pub fn inside(&self, name: &str) -> PathBuf {
        Path::new("/mnt").join(name)
    }

    /// A folder that both sides see.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends all its processes as a reboot does, and waits until it is up again with the same disk.
    pub fn reboot(&mut self) {
        let before = self.init.clone();
        // SIGRTMIN+5 starts reboot.target. A shell inside would be stopped with the rest, and its ancestor outside with it.
        assert!(as_root("kill").args(["-39", &before]).status().unwrap().success());
        self.wait_until_up(|machine| machine.first_process().is_some_and(|init| init != before) && machine.is_up());
    }

    fn wait_until_up(&mut self, is_up: impl Fn(&mut Self) -> bool) {
        let end = Instant::now() + UP;
        while !is_up(self) {
            let there = Path::new("/proc").join(self.launcher.to_string()).exists();
            assert!(there && Instant::now() < end, "systemd did not come up: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_up(&mut self) -> bool {
        let Some(init) = self.first_process() else { return false };
        self.init = init;
        self.run("systemctl is-system-running").status.success()
    }

    /// The nearest process below the launcher that has become a systemd.
    fn first_process(&self) -> Option<String> {
        let mut generation = vec![self.launcher.to_string()];
        while !generation.is_empty() {
            let is_systemd = |id: &&String| {
                let comm = fs::read_to_string(format!("/proc/{id}/comm"));
                comm.is_ok_and(|comm| comm.trim() == "systemd")
            };
            if let Some(init) = generation.iter().find(is_systemd) {
                return Some(init.clone());
            }
            let children =
                |id: &String| fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            let lines: Vec<String> = generation.iter().map(children).collect();
            let ids = lines.iter().flat_map(|line| line.split_whitespace());
            generation = ids.map(str::to_owned).collect();
        }
        None
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs a shell's words inside, as root.
    pub fn run(&self, words: &str) -> Output {
        as_root("nsenter")
            .args(["-t", &self.init, "-p", "-m", "-u", "-i", "-n", "-C", "sh", "-c", words])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// As [`Machine::run`], which has to succeed; what was printed.
    pub fn ok(&self, words: &str) -> String {
        let output = self.run(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            output.status.success(),
            "`{words}`: {}\n{out}{err}\nits log:\n{}",
            output.status,
            self.log()
        );
        out
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // The first process ends with its launcher, and with it all that is inside.
        drop(self.launcher.kill());
        drop(self.launcher.wait());
        let Ok(group) = fs::read_to_string(self.folder.path().join("cgroup")) else {
            return;
        };
        let end = Instant::now() + Duration::from_secs(30);
        while Path::new(group.trim()).exists() && Instant::now() < end {
            drop(
                as_root("find")
                    .args([group.trim(), "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"])
                    .output(),
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A command of root's: by `sudo` where the test is not.
pub fn as_root(program: &str) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}
