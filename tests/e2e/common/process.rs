//! One child process, its output, and its end. Only ever ends the child that it started itself, by its id.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::eventually;

/// Lines of output that are kept: enough to understand a failure.
const KEPT: usize = 4000;

/// Ticks of `/proc` in a second (USER_HZ), on every machine that Linux knows today.
const TICKS: u64 = 100;

/// A child and what it said.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Mutex<Child>,
    log: Log,
    readers: Mutex<Vec<JoinHandle<()>>>,
}

/// What a child wrote to stdout and stderr, as it came.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// All lines that are kept.
    pub fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    fn follow(&self, source: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(source);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let mut lines = lines.lock().unwrap();
                if lines.len() >= KEPT {
                    lines.drain(..KEPT / 4);
                }
                lines.push(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
                line.clear();
            }
        })
    }
}

/// Words for a shell that say by a file that they have begun, and run until there is another one. Nothing of them outlives their folder.
pub fn until_let_go(begun: &Path, go: &Path) -> String {
    let (begun, go) = (begun.display(), go.display());
    format!("touch {begun}; while [ -e {begun} ] && [ ! -e {go} ]; do sleep 0.02; done")
}

impl Process {
    /// Starts `command`, with a log that is shown when the test panics.
    pub fn spawn(name: &str, mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name} ({command:?}): {error}"));
        let log = Log::default();
        let readers = vec![
            log.follow(child.stdout.take().expect("a pipe")),
            log.follow(child.stderr.take().expect("a pipe")),
        ];
        let (child, readers) = (Mutex::new(child), Mutex::new(readers));
        Self {
            name: name.to_owned(),
            child,
            log,
            readers,
        }
    }

    /// Everything that a child said which has ended.
    pub fn last_words(&self) -> String {
        assert!(self.ended().is_some(), "{} still runs", self.name);
        for reader in self.readers.lock().unwrap().drain(..) {
            drop(reader.join());
        }
        self.log.text()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// What it said so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().expect("the child can be asked")
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill9(&self) {
        let mut child = self.child.lock().unwrap();
        drop(child.kill());
        child.wait().expect("the child can be waited for");
    }

    /// Sends SIGTERM.
    pub fn term(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends SIGINT.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        assert!(
            self.ended().is_none(),
            "{} has ended before it was signalled:\n{}",
            self.name,
            self.log.text()
        );
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("a process id")).expect("a process id");
        rustix::process::kill_process(pid, signal).expect("the own child can be signalled");
    }

    /// Waits until it has ended by itself.
    pub async fn end(&self, deadline: Duration) -> ExitStatus {
        eventually(deadline, || async {
            self.ended().ok_or_else(|| format!("{} still runs", self.name))
        })
        .await
    }

    /// Memory of its own, in KiB: without the pages of its program, of which a build for tests has three times as many, and touches some
    /// with everything that it does for the first time.
    pub fn own_kib(&self) -> u64 {
        self.status("RssAnon") + self.status("RssShmem")
    }

    /// Resident memory, in KiB, with its program.
    pub fn resident_kib(&self) -> u64 {
        self.status("VmRSS")
    }

    /// KiB that `/proc/PID/status` has under this name.
    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the child runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap_or_else(|| panic!("{name} in KiB in {status}"))
    }

    /// Time that its threads have had a core, in user and kernel mode.
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("the child runs");
        // Behind the name, which may hold blanks: utime and stime are the 14th and 15th field of all.
        let (_, fields) = stat.rsplit_once(") ").expect("a name in /proc/PID/stat");
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    /// Threads.
    pub fn threads(&self) -> usize {
        self.entries("task")
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        self.entries("fd")
    }

    fn entries(&self, folder: &str) -> usize {
        std::fs::read_dir(format!("/proc/{}/{folder}", self.pid()))
            .expect("the child runs")
            .count()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let ended = self.ended();
        self.kill9();
        // Where it has a group of its own, those that took over from it are in that.
        if let Some(group) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        if std::thread::panicking() {
            let how = ended.map_or_else(
                || "was still running".to_owned(),
                |status| format!("had ended with {status}"),
            );
            eprintln!(
                "--- log of {} (it {how}) ---\n{}\n--- end ---",
                self.name,
                self.last_words()
            );
        }
    }
}
