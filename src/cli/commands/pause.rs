//! `proxyctl pause ENV [-- COMMAND]`: requests are held while the command runs, as the caller and in front of it (N13).
//!
//! The daemon owns the pause; this process owns the command. When it dies, the daemon notices that its connection is gone and
//! ends the pause.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::SignalKind;
use tokio::sync::oneshot;

use super::watcher::Watcher;
use crate::cli::args::PauseArgs;
use crate::cli::client::Client;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::output;
use crate::cli::output::text::escape;
use crate::cli::signals::{Interruptions, listen, stop_signal};
use crate::model::api::{Event, PauseRequest, PauseStep, ResumeRequest, exit, millis};

/// What a command that outlives its pause is given after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

/// Exit codes of our own, as `timeout` has them (coreutils).
mod own {
    /// The pause took too long.
    pub(super) const TIMED_OUT: u8 = 124;
    /// The pause itself failed.
    pub(super) const FAILED: u8 = 125;
    /// The command cannot be executed.
    pub(super) const NOT_EXECUTABLE: u8 = 126;
    /// There is no such command.
    pub(super) const NOT_FOUND: u8 = 127;
}

/// Without a command, exit 0 as soon as requests are held and the app holds none; with one, the command's code.
///
/// # Errors
/// When the daemon cannot be asked; with a command that is exit 125.
pub async fn run(client: &Client, args: &PauseArgs) -> Outcome {
    let request = PauseRequest {
        environment: args.environment.clone(),
        timeout_ms: millis(args.timeout),
        attached: !args.command.is_empty(),
        writes: args.writes,
    };
    let Some((program, arguments)) = args.command.split_first() else {
        return hold(client, &request, args.json).await;
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let name = program.to_string_lossy();
    let ended = around(client, &request, command, &name, args.json).await;
    ended.map_err(|stop| Stop {
        code: own::FAILED,
        ..stop
    })
}

/// A pause that lasts until `resume`, or its limit.
async fn hold(client: &Client, request: &PauseRequest, json: bool) -> Outcome {
    let mut watcher = Watcher::of_upkeep(json, "Nothing is held.");
    let begun = Cell::new(false);
    // Only from here on: before, Ctrl-C may simply end us.
    let stopped = stop_signal()?;
    let held = client.ask("/v1/pause", request, |line| {
        begun.set(true);
        watcher.see(line);
        match &line.event {
            Some(Event::Pause(PauseStep::Paused { .. })) => ControlFlow::Break(exit::DONE),
            Some(_) | None => ControlFlow::Continue(()),
        }
    });
    let held = tokio::select! {
        held = held => Some(held),
        () = stopped => None,
    };
    watcher.step_aside();
    let Some(held) = held else {
        let name = escape(&request.environment);
        let why = match begun.get() {
            true => "stopped watching; requests are still held, until somebody resumes or until the limit",
            false => "stopped watching; the daemon has not answered yet, and may still pause",
        };
        let ends = format!("`proxyctl resume {name}` ends the pause");
        return Err(Stop::new(exit::STOPPED_WAITING, why).hint(ends));
    };
    let code = held?;
    if code == exit::DONE && !json {
        let name = escape(&request.environment);
        output::err(&format!("Held until `proxyctl resume {name}`, or until the limit."));
    }
    Ok(code)
}

/// A pause around a command.
async fn around(client: &Client, request: &PauseRequest, command: Command, name: &str, json: bool) -> Outcome {
    let watcher = RefCell::new(Watcher::of_upkeep(json, "The command was not run."));
    let (paused, free) = oneshot::channel();
    let (mut paused, mut operation, lapsed) = (Some(paused), 0, Cell::new(false));
    let pausing = client.ask("/v1/pause", request, |line| {
        watcher.borrow_mut().see(line);
        match &line.event {
            Some(Event::Pause(PauseStep::Pausing { operation: number, .. })) => operation = *number,
            Some(Event::Pause(PauseStep::Paused { .. })) => {
                if let Some(paused) = paused.take() {
                    // Polled beside us, so it is there.
                    let _ = paused.send(operation);
                }
            }
            Some(Event::Pause(PauseStep::Lapsed { .. })) => lapsed.set(true),
            Some(_) | None => {}
        }
        ControlFlow::Continue(())
    });
    let mut pausing = std::pin::pin!(pausing);
    let failed = || if lapsed.get() { own::TIMED_OUT } else { own::FAILED };

    let operation = tokio::select! {
        ended = &mut pausing => return ended.map(|_| failed()).map_err(Stop::from),
        Ok(operation) = free => operation,
    };
    watcher.borrow_mut().step_aside();
    let code = match start(command, name) {
        Err(code) => code,
        Ok(mut child) => tokio::select! {
            code = end_of(&mut child) => code?,
            ended = &mut pausing => {
                stop(&mut child, name).await;
                return ended.map(|_| failed()).map_err(Stop::from);
            }
        },
    };
    let resume = ResumeRequest {
        environment: request.environment.clone(),
        operation: Some(operation),
        force: false,
    };
    // Its events come on the pause's own stream; a refusal says that the pause is over already.
    let resuming = client.ask("/v1/resume", &resume, |_| ControlFlow::Continue(()));
    let over = async { tokio::join!(pausing, resuming).0 };
    let mut interruptions = Interruptions::listen()?;
    tokio::select! {
        ended = over => Ok(if ended? == exit::DONE { code } else { failed() }),
        () = interruptions.next() => {
            let look = format!("`proxyctl status {}` shows whether requests are still held", escape(&request.environment));
            Err(Stop::failed("interrupted; the daemon goes on, and ends the pause").hint(look))
        }
    }
}

fn start(mut command: Command, name: &str) -> Result<Child, u8> {
    command.spawn().map_err(|error| {
        let (code, why) = match error.kind() {
            ErrorKind::NotFound => (own::NOT_FOUND, "there is no such command".to_owned()),
            _ => (own::NOT_EXECUTABLE, format!("it cannot be executed: {error}")),
        };
        output::message(&Stop::new(code, format!("`{}`: {why}", escape(name))));
        code
    })
}

/// Waits for the command. What asks us to end is passed on; Ctrl-C reaches both of us from the terminal, and is the command's to
/// answer.
async fn end_of(child: &mut Child) -> Result<u8, Stop> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    loop {
        let passed_on = tokio::select! {
            status = child.wait() => {
                let status = status.map_err(|error| Stop::failed(format!("the command cannot be waited for: {error}")))?;
                return Ok(code_of(status));
            }
            _ = terminate.recv() => Signal::TERM,
            _ = hang_up.recv() => Signal::HUP,
            _ = interrupt.recv() => continue,
        };
        send(child, passed_on);
    }
}

/// As in a shell: 128 and the number of the signal that ended it.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(own::FAILED)
}

/// The pause is over before the command: it is asked to end, as `timeout` does.
async fn stop(child: &mut Child, name: &str) {
    output::err(&format!(
        "The pause is over; `{}` is asked to end (SIGTERM).",
        escape(name)
    ));
    send(child, Signal::TERM);
    if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
        output::err(&format!("`{}` goes on by itself.", escape(name)));
    }
}

fn send(child: &Child, what: Signal) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Not waited for yet, so the number is still its own.
        let _ = kill_process(pid, what);
    }
}
