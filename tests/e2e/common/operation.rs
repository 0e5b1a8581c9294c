//! A `proxyctl … --json` that runs: its events one by one, and how it ended.

use std::process::Stdio;
use std::time::Duration;

use greengate::model::api::{CommonStep, Event, Progress, SafeToStop, SwapStep};
use greengate::model::slot::Slot;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{count, secs};

/// Longer than any operation of a test may take, also one of a million requests.
fn patience() -> Duration {
    secs(count(120, 1800) as u64)
}

/// What a finished command left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// Panics unless the command ended with `code`; shows what it said.
    #[track_caller]
    pub fn assert_code(&self, code: u8) -> &Self {
        assert_eq!(self.code, i32::from(code), "unexpected exit code\n{self:#?}");
        self
    }

    /// Everything it said.
    pub fn all(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }

    /// Panics unless the command said all of these words, in any case.
    #[track_caller]
    pub fn assert_says(&self, words: &[&str]) -> &Self {
        let said = self.all().to_lowercase();
        for word in words {
            assert!(
                said.contains(&word.to_lowercase()),
                "it did not say {word:?}\n{self:#?}"
            );
        }
        self
    }
}

/// An operation as `proxyctl` watches it.
#[derive(Debug)]
pub struct Operation {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    events: Vec<Event>,
}

/// An operation whose `proxyctl` has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Every event, in order.
    pub events: Vec<Event>,
    /// Exit code.
    pub code: i32,
    /// Standard error.
    pub stderr: String,
}

impl Operation {
    /// Starts `command`, which prints events as JSON lines.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("proxyctl can be started");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self {
            child,
            lines,
            events: Vec::new(),
        }
    }

    /// The next event; `None` when there are no more.
    pub async fn next(&mut self) -> Option<Event> {
        let line = match tokio::time::timeout(patience(), self.lines.next_line()).await {
            Err(_) => panic!(
                "proxyctl printed no event for {:?}; so far: {:#?}",
                patience(),
                self.events
            ),
            Ok(line) => line.expect("proxyctl's output can be read")?,
        };
        let event = serde_json::from_str::<Event>(&line)
            .unwrap_or_else(|error| panic!("proxyctl --json printed a line that is no event ({error}): {line}"));
        self.events.push(event.clone());
        Some(event)
    }

    /// What it has written beside its events, once it has ended.
    async fn stderr(&mut self) -> String {
        let mut stderr = String::new();
        let pipe = self.child.stderr.as_mut().expect("a pipe");
        drop(pipe.read_to_string(&mut stderr).await);
        stderr
    }

    /// Reads on until an event is `wanted`, and panics when the operation ends without one.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        while let Some(event) = self.next().await {
            if wanted(&event) {
                return event;
            }
        }
        let stderr = self.stderr().await;
        panic!(
            "the operation ended without {what}: {:#?}\nstderr: {stderr}",
            self.events
        );
    }

    /// Reads on until the new side serves.
    pub async fn switched(&mut self) -> Event {
        self.until("`switched`", |event| {
            matches!(event, Event::Swap(SwapStep::Switched { .. }))
        })
        .await
    }

    /// Waits until the gate has looked, and does not let it pass yet.
    pub async fn gating(&mut self) -> Event {
        self.until("`gating`", |event| {
            matches!(event, Event::Progress(Progress::Gating { .. }))
        })
        .await
    }

    /// Reads on behind the switch: something that the old side had begun is waited for.
    pub async fn drains(&mut self) {
        let next = self
            .until("what comes after the switch", |event| {
                matches!(
                    event,
                    Event::Progress(Progress::Draining { .. }) | Event::Swap(SwapStep::Done { .. })
                )
            })
            .await;
        assert!(
            matches!(next, Event::Progress(Progress::Draining { .. })),
            "the old side still serves a request: {next:?}"
        );
    }

    /// Events so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Sends `proxyctl` what Ctrl-C sends.
    pub fn signal_interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// Sends `proxyctl` a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().expect("proxyctl still runs")).expect("a process id");
        let pid = Pid::from_raw(pid).expect("a process id");
        kill_process(pid, signal).expect("the own child can be signalled");
    }

    /// Ends `proxyctl` as Ctrl-C does; the operation is the daemon's and goes on.
    pub async fn interrupt(mut self) -> Output {
        self.signal_interrupt();
        while self.next().await.is_some() {}
        self.finish().await.into_output()
    }

    /// `kill -9` of `proxyctl` alone; what it has started goes on.
    pub async fn kill9(mut self) {
        self.child.kill().await.expect("the own child can be killed");
    }

    /// Reads all events that are left, and waits for the end.
    pub async fn finish(mut self) -> Finished {
        while self.next().await.is_some() {}
        let stderr = self.stderr().await;
        let status = self.child.wait().await.expect("proxyctl can be waited for");
        Finished {
            events: self.events,
            code: code_of(status),
            stderr,
        }
    }
}

impl Finished {
    /// Panics unless it ended with `code` and its last event says the same.
    #[track_caller]
    pub fn assert_code(&self, code: u8) -> &Self {
        assert_eq!(self.code, i32::from(code), "unexpected exit code\n{self:#?}");
        if let Some(said) = self.events.last().and_then(Event::exit_code) {
            assert_eq!(said, code, "the last event and the exit code differ\n{self:#?}");
        }
        self
    }

    /// Panics unless it is done, and returns the slot that is live.
    #[track_caller]
    pub fn assert_done(&self) -> Slot {
        self.assert_code(0);
        match self.events.last() {
            Some(Event::Swap(SwapStep::Done { live, .. })) => *live,
            other => panic!("the last event is not `done` but {other:?}\n{self:#?}"),
        }
    }

    /// The reason of a refusal, with its evidence and hint, as one text.
    #[track_caller]
    pub fn refusal(&self) -> String {
        match self.events.last() {
            Some(event @ Event::Common(CommonStep::Refused { .. })) => {
                serde_json::to_string(event).expect("an event is JSON")
            }
            other => panic!("the last event is not `refused` but {other:?}\n{self:#?}"),
        }
    }

    /// What may be stopped now, as its last event says.
    #[track_caller]
    pub fn safe_to_stop(&self) -> &[SafeToStop] {
        match self.events.last() {
            Some(Event::Swap(SwapStep::Done { safe_to_stop, .. })) => safe_to_stop,
            other => panic!("the last event is not `done` but {other:?}\n{self:#?}"),
        }
    }

    /// How many exchanges of the old side have finished, were ended politely, and were cut.
    #[track_caller]
    pub fn drained(&self) -> (u64, u64, u64) {
        let drained = self.find(|event| match event {
            Event::Swap(SwapStep::Drained {
                finished, ended, cut, ..
            }) => Some((*finished, *ended, *cut)),
            _ => None,
        });
        drained.unwrap_or_else(|| panic!("no `drained`: {self:#?}"))
    }

    /// The first event that `pick` knows.
    pub fn find<T>(&self, pick: impl FnMut(&Event) -> Option<T>) -> Option<T> {
        self.events.iter().find_map(pick)
    }

    fn into_output(self) -> Output {
        Output {
            code: self.code,
            stdout: format!("{:?}", self.events),
            stderr: self.stderr,
        }
    }
}

/// Runs a command to its end.
pub async fn run(command: Command) -> Output {
    run_with(command, Stdio::null()).await
}

/// Runs a command to its end, which reads this.
pub async fn run_with(mut command: Command, input: impl Into<Stdio>) -> Output {
    command.stdin(input).kill_on_drop(true);
    let output = tokio::time::timeout(patience(), command.output())
        .await
        .unwrap_or_else(|_| panic!("{command:?} did not end within {:?}", patience()))
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    Output {
        code: code_of(output.status),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The exit code; a signal shows as 128 and its number, as in a shell.
fn code_of(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}
