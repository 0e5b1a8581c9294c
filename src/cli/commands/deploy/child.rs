//! One command as a process: in a group of its own, without input, its output followed line by line.
//!
//! It is over when the process has ended, not when its output has: what it leaves in the background may hold that for ever.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, pipe};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::signal::unix::{self, SignalKind};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::kept::Output;
use crate::model::deploy::{CommandLine, Condition, Met};

/// What a command is given after SIGTERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long output is waited for behind the end of its command.
const REST: Duration = Duration::from_millis(100);

/// What is said of a command that wants to know something of whoever sits at the terminal.
const ASKED: &str = "asked something on the terminal, and was ended: what a deploy runs can ask nobody";

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code; `None` when it was killed, or could not be started.
    pub(super) exit: Option<i32>,
    /// The signal that killed it.
    pub(super) signal: Option<i32>,
    /// Why it could not be started, or was ended.
    pub(super) error: Option<String>,
    /// What it has written.
    pub(super) output: Rc<RefCell<Output>>,
    /// How long it ran.
    pub(super) elapsed: Duration,
    /// Its output, where something that it has left behind still holds it.
    pub(super) held: Option<Receiver>,
}

impl Ended {
    /// One that was not started.
    pub(super) fn unstarted(error: String) -> Self {
        Self {
            exit: None,
            signal: None,
            error: Some(error),
            output: Rc::default(),
            elapsed: Duration::ZERO,
            held: None,
        }
    }
}

/// The process group of the command that runs, for as long as it does.
#[derive(Debug, Default)]
pub(super) struct Group(Cell<Option<Pid>>);

impl Group {
    /// Kills it at once.
    pub(super) fn kill(&self) {
        self.send(Signal::KILL);
    }

    fn send(&self, signal: Signal) {
        if let Some(group) = self.0.get() {
            // Its leader is not waited for yet, so the number is still its own.
            let _ = kill_process_group(group, signal);
        }
    }
}

/// Runs a command to its end; tells each line that it writes. When `ending` says so, it is asked to end (SIGTERM), and killed 10 s
/// later.
pub(super) async fn run(
    line: &CommandLine,
    mut ending: watch::Receiver<bool>,
    group: &Group,
    mut tell: impl FnMut(&str),
) -> Ended {
    let began = Instant::now();
    let output = Rc::new(RefCell::new(Output::default()));
    let ended = |exit, signal, error, held| Ended {
        exit,
        signal,
        error,
        output: Rc::clone(&output),
        elapsed: began.elapsed(),
        held,
    };
    // From before it runs, so that none is missed.
    let mut stops = Stops::listen();
    let (mut child, mut receiver) = match spawn(line) {
        Ok(spawned) => spawned,
        Err(error) => return ended(None, None, Some(error), None),
    };
    let pid = pid(&child);
    group.0.set(pid);
    let (mut buffer, mut open, mut asked, mut asks) = (vec![0; 8 * 1024], true, false, false);
    let mut killed = None::<Instant>;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            read = receiver.read(&mut buffer), if open => match read {
                Ok(0) | Err(_) => open = false,
                Ok(length) => output.borrow_mut().push(&buffer[..length], &mut tell),
            },
            () = told(&mut ending), if !asked => {
                asked = true;
                group.send(Signal::TERM);
                killed = Some(Instant::now() + PATIENCE);
            }
            () = stops.at_the_terminal(pid), if !asks => {
                (asks, asked) = (true, true);
                group.send(Signal::TERM);
                // What is stopped hears of it when it goes on.
                group.send(Signal::CONT);
                killed = Some(Instant::now() + PATIENCE);
            }
            () = sleep_until(killed.unwrap_or_else(Instant::now)), if killed.is_some() => {
                killed = None;
                group.kill();
            }
        }
    };
    group.0.set(None);
    let rest = async {
        while open {
            match receiver.read(&mut buffer).await {
                Ok(0) | Err(_) => open = false,
                Ok(length) => output.borrow_mut().push(&buffer[..length], &mut tell),
            }
        }
    };
    let is_held = timeout(REST, rest).await.is_err();
    output.borrow_mut().flush(&mut tell);
    let held = is_held.then_some(receiver);
    match status {
        Ok(status) if asks && !status.success() => ended(None, None, Some(ASKED.to_owned()), held),
        Ok(status) => ended(status.code(), status.signal(), None, held),
        Err(error) => ended(None, None, Some(format!("cannot be waited for: {error}")), held),
    }
}

/// Whether a condition of a command is met.
///
/// # Errors
/// It was to print something and could not, as a sentence.
pub(super) async fn holds(
    condition: &Condition,
    of: &CommandLine,
    mut ending: watch::Receiver<bool>,
) -> Result<bool, String> {
    let line = CommandLine {
        argv: condition.argv.clone(),
        only_if: Vec::new(),
        ..of.clone()
    };
    let asked = async {
        let mut stops = Stops::listen();
        let mut command = command(&line)?;
        command.kill_on_drop(true).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(|error| refusal(&line, &error))?;
        let pid = pid(&child);
        tokio::select! {
            output = child.wait_with_output() => output.map_err(|error| refusal(&line, &error)),
            () = stops.at_the_terminal(pid) => Err(ASKED.to_owned()),
        }
    };
    let asked = tokio::select! {
        asked = asked => asked,
        () = told(&mut ending) => Err("was interrupted".to_owned()),
    };
    let is_well = asked.as_ref().is_ok_and(|output| output.status.success());
    match (condition.met, asked) {
        (Met::Succeeds, _) => Ok(is_well),
        (Met::Fails, _) => Ok(!is_well),
        (Met::Prints, Ok(output)) if is_well => Ok(!output.stdout.trim_ascii().is_empty()),
        (Met::Prints, Ok(output)) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.trim().lines().next_back().unwrap_or("it says nothing");
            Err(format!("`{line}` failed: {last}"))
        }
        (Met::Prints, Err(why)) => Err(format!("`{line}` {why}")),
    }
}

/// Follows what a command has left behind, until nobody holds its output any more.
pub(super) async fn follow(mut receiver: Receiver, output: Rc<RefCell<Output>>) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = receiver.read(&mut buffer).await {
        output.borrow_mut().push(&buffer[..length], |_| {});
    }
}

fn spawn(line: &CommandLine) -> Result<(Child, Receiver), String> {
    let cannot = |error: std::io::Error| refusal(line, &error);
    let (reader, writer) = pipe().map_err(cannot)?;
    let receiver = Receiver::from_owned_fd(reader.into()).map_err(cannot)?;
    let mut command = command(line)?;
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(cannot)?)
        .stderr(writer);
    // The command holds the writing end of the pipe, and lets it go here.
    let child = command.spawn().map_err(cannot)?;
    Ok((child, receiver))
}

fn pid(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Notices that a command was stopped.
struct Stops(Option<unix::Signal>);

impl Stops {
    /// They are listened for from this call on; where the system does not let us, none is noticed.
    fn listen() -> Self {
        Self(unix::signal(SignalKind::child()).ok())
    }

    /// Resolves when the system stops it for asking on the terminal: in a group of its own it is in the background there. A new
    /// session would have no terminal, but to begin one between fork and exec takes `unsafe`.
    async fn at_the_terminal(&mut self, pid: Option<Pid>) {
        let (Some(changes), Some(pid)) = (&mut self.0, pid) else {
            return std::future::pending().await;
        };
        // What has ended is left to be waited for.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            let signal = waitid(WaitId::Pid(pid), options).ok().flatten();
            let signal = signal.and_then(|status| status.stopping_signal());
            if signal.is_some_and(|it| [Signal::TTIN.as_raw(), Signal::TTOU.as_raw()].contains(&it)) {
                return;
            }
            if changes.recv().await.is_none() {
                return std::future::pending().await;
            }
        }
    }
}

fn command(line: &CommandLine) -> Result<Command, String> {
    let (program, arguments) = line.argv.split_first().ok_or("cannot be started: it has no program")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(&line.env).process_group(0);
    if let Some(cwd) = &line.cwd {
        if !cwd.is_dir() {
            return Err(format!("cannot be started: there is no folder `{}`", cwd.display()));
        }
        command.current_dir(cwd);
    }
    Ok(command)
}

/// Why a command was not started.
fn refusal(line: &CommandLine, error: &std::io::Error) -> String {
    let program = line.argv.first().map_or("", |program| program);
    match error.kind() {
        ErrorKind::NotFound => format!("cannot be started: there is no `{program}`"),
        ErrorKind::PermissionDenied => format!("cannot be started: `{program}` may not be executed"),
        _ => format!("cannot be started: {error}"),
    }
}

/// Resolves once it is said, and never when nobody is there to say it.
pub(super) async fn told(ending: &mut watch::Receiver<bool>) {
    if ending.wait_for(|&ended| ended).await.is_err() {
        std::future::pending().await
    }
}
