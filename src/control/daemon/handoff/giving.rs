//! The old process: starts the new one, gives it what it needs, and says whether it accepts.

use std::cell::RefCell;
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Stdio;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::Instant;

use super::wire::{self, DESCRIPTORS, Heard};
use crate::control::certificates::Certificates;
use crate::control::disk::StateDir;
use crate::control::ports::{Handed, Succession, Successor};
use crate::control::web::Sites;
use crate::model::handoff::{FORMAT, Handoff, Input, LiveService, Order, Parcel, Phase, Step, Word};
use crate::proxy::DataPlane;

/// Tells a process that another one hands over to it on its standard input; an argument of `proxyd`.
const TAKE_OVER: &str = "--take-over";
/// What is written to a new process that does not read is given up after this.
const PARCEL: Duration = Duration::from_secs(5);
/// How long a new process that was given up may take to say why, and to end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How this process was started, and the next one will be.
#[derive(Debug, Clone)]
pub(in crate::control::daemon) struct Program {
    /// The path it was started from: what stands there now may be another version.
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// As this process was started, with all its arguments and the name of the program first.
    pub(in crate::control::daemon) fn of_process() -> Self {
        let mut arguments = std::env::args_os();
        let name = PathBuf::from(arguments.next().unwrap_or_default());
        // A link on the way may point to another release by then, so it is not resolved. A bare name was looked up in `PATH`.
        let typed = (name.components().count() > 1)
            .then(|| std::path::absolute(&name).ok())
            .flatten();
        Self {
            path: typed.or_else(|| std::env::current_exe().ok()).unwrap_or(name),
            arguments: arguments.filter(|argument| argument != TAKE_OVER).collect(),
        }
    }
}

/// What the old process keeps at hand for the new one.
#[derive(Debug)]
pub(in crate::control::daemon) struct Treasure {
    /// Every listening socket.
    pub(in crate::control::daemon) listeners: Vec<OwnedFd>,
    /// What operators look at, with listening sockets of its own.
    pub(in crate::control::daemon) sites: Sites,
    pub(in crate::control::daemon) socket: OwnedFd,
    pub(in crate::control::daemon) socket_path: PathBuf,
    pub(in crate::control::daemon) folder: Rc<StateDir>,
    pub(in crate::control::daemon) certificates: Certificates,
    /// Accepts until the new process does.
    pub(in crate::control::daemon) plane: Arc<DataPlane>,
    /// For how long nothing may be heard of the new process.
    pub(in crate::control::daemon) patience: Duration,
}

/// Hands over.
#[derive(Debug)]
pub(in crate::control::daemon) struct Giver {
    program: Program,
    /// `None` from the stop on.
    treasure: RefCell<Option<Rc<Treasure>>>,
    line: RefCell<Option<Line>>,
    given: watch::Sender<bool>,
}

impl Giver {
    pub(in crate::control::daemon) fn new(program: Program, treasure: Treasure) -> Self {
        Self {
            program,
            treasure: RefCell::new(Some(Rc::new(treasure))),
            line: RefCell::default(),
            given: watch::Sender::new(false),
        }
    }

    /// Resolves when the new process accepts.
    pub(in crate::control::daemon) fn given(&self) -> impl Future<Output = ()> + use<> {
        let mut given = self.given.subscribe();
        async move {
            if given.wait_for(|given| *given).await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// The line to the new process, once.
    pub(in crate::control::daemon) fn line(&self) -> Option<Line> {
        self.line.borrow_mut().take()
    }

    /// Nothing is handed over any more, and no listening socket is kept.
    pub(in crate::control::daemon) fn stop(&self) {
        self.treasure.borrow_mut().take();
    }

    async fn give(&self, live: Vec<LiveService>, operations: Vec<u64>, tell: &dyn Fn(Phase)) -> Handed {
        let begun = |reason: String| (Phase::Starting, reason);
        let treasure = self.treasure.borrow().clone();
        let treasure = treasure.ok_or_else(|| begun("this process is stopping".into()))?;
        if std::process::id() == 1 {
            return Err(begun("this is process 1, and a container ends with it".into()));
        }
        if let Some(why) = treasure.certificates.in_memory_alone() {
            return Err(begun(why));
        }
        let (mut child, line) = self
            .start()
            .map_err(|error| begun(format!("`{}` cannot be started: {error}", self.program.path.display())))?;
        treasure.certificates.hold_renewals(true);
        let result = converse(&mut child, line, &treasure, live, operations, tell).await;
        match result {
            Ok((version, line)) => {
                let pid = child.id().unwrap_or_default();
                *self.line.borrow_mut() = Some(line);
                // Before anybody is told: who connects then meets the new process and nobody else.
                treasure.plane.leave().await;
                treasure.sites.close();
                // It is nobody's child when this process has ended, and is not to be ended with it.
                drop(child);
                self.given.send_replace(true);
                Ok(Successor { pid, version })
            }
            Err(failed) => {
                treasure.certificates.hold_renewals(false);
                let _ = child.start_kill();
                let _ = tokio::time::timeout(LAST_WORDS, child.wait()).await;
                Err(failed)
            }
        }
    }

    /// Starts the new process; its standard input is the line.
    fn start(&self) -> io::Result<(Child, StdStream)> {
        let (ours, theirs) = StdStream::pair()?;
        let mut command = std::process::Command::new(&self.program.path);
        command.args(&self.program.arguments).arg(TAKE_OVER);
        // It names the process that is to say that all is well, which this one is no longer.
        command.env_remove("WATCHDOG_PID");
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        let mut command = tokio::process::Command::from(command);
        let child = command.kill_on_drop(false).spawn()?;
        Ok((child, ours))
    }
}

impl Succession for Giver {
    fn hand_over<'a>(
        &'a self,
        live: Vec<LiveService>,
        operations: Vec<u64>,
        tell: Box<dyn Fn(Phase) + 'a>,
    ) -> Pin<Box<dyn Future<Output = Handed> + 'a>> {
        Box::pin(async move { self.give(live, operations, &*tell).await })
    }
}

type Line = (Heard<OwnedReadHalf>, OwnedWriteHalf);

/// Speaks with the new process until it accepts, or is given up.
async fn converse(
    child: &mut Child,
    line: StdStream,
    treasure: &Treasure,
    live: Vec<LiveService>,
    operations: Vec<u64>,
    tell: &dyn Fn(Phase),
) -> Result<(String, Line), (Phase, String)> {
    let unsent = |error: io::Error| (Phase::Starting, format!("it could not be given what it needs: {error}"));
    let (mut heard, mut said) = post(line, treasure, live, operations).await.map_err(unsent)?;
    let began = Instant::now();
    let mut handoff = Handoff::new(Duration::ZERO, treasure.patience);
    let mut input = Input::Tick;
    loop {
        let until = match handoff.handle(input, began.elapsed()) {
            Step::Wait(until) => began + until,
            Step::Tell(phase) => {
                tell(phase);
                Instant::now()
            }
            Step::GiveLeave => {
                tell(Phase::Ready);
                // Before the new process begins with them: what is learned afterwards it would never know, and write over.
                let stopped = treasure.certificates.stop_renewals(treasure.patience / 2).await;
                stopped.map_err(|why| (Phase::Ready, why))?;
                // Where that fails, the next read says that it is gone.
                let _ = wire::say(&mut said, &Order::Accept).await;
                Instant::now()
            }
            Step::Leave { version } => return Ok((version, (heard, said))),
            Step::GoOn { phase, reason } => return Err((phase, reason)),
        };
        input = tokio::select! {
            biased;
            word = heard.next::<Word>() => match word {
                Some(word) => Input::Said(word),
                None => Input::Gone(end_of(child).await),
            },
            () = tokio::time::sleep_until(until) => Input::Tick,
        };
    }
}

/// How it ended.
async fn end_of(child: &mut Child) -> String {
    match tokio::time::timeout(LAST_WORDS, child.wait()).await {
        Ok(Ok(status)) => format!("it ended with {status}; its log says more"),
        Ok(Err(error)) => format!("how it ended is not known: {error}"),
        Err(_) => "it does not listen any more".to_owned(),
    }
}

/// Sends descriptors and parcel.
async fn post(line: StdStream, treasure: &Treasure, live: Vec<LiveService>, operations: Vec<u64>) -> io::Result<Line> {
    let sites = treasure.sites.descriptors()?;
    let listeners = treasure.listeners.iter().chain(&sites);
    let mut descriptors: Vec<_> = listeners.map(OwnedFd::as_fd).collect();
    descriptors.extend([treasure.socket.as_fd(), treasure.folder.lock()]);
    if descriptors.len() > DESCRIPTORS {
        return Err(io::Error::other(format!("more than {DESCRIPTORS} sockets")));
    }
    match wire::send_descriptors(&line, &descriptors) {
        // One that is gone already may have said why: what is heard next decides.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        sent => sent?,
    }
    let parcel = Parcel {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        pid: std::process::id(),
        listeners: treasure.listeners.len() + sites.len(),
        socket: treasure.socket_path.display().to_string(),
        tickets: treasure.certificates.ticket_keys(),
        operations,
        live,
    };
    line.set_nonblocking(true)?;
    let (read, mut write) = UnixStream::from_std(line)?.into_split();
    // A process that never reads must not be waited for, and one that is gone shows in what is heard next.
    let _ = tokio::time::timeout(PARCEL, wire::say(&mut write, &parcel)).await;
    Ok((Heard::new(read), write))
}
