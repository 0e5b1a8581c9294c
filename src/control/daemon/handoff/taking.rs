//! The new process: gets what the old one hands over, says how far it is, and accepts when it has leave.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;

use tokio::net::UnixStream;

use super::earlier::EarlierProcesses;
use super::wire::{self, Heard};
use crate::control::clock;
use crate::control::fault::Fault;
use crate::model::handoff::{EarlierProcess, FORMAT, Order, Parcel, Phase, Word};
use crate::tasks::Group;

/// What the process before this one has handed over.
#[derive(Debug)]
pub(in crate::control::daemon) struct Inheritance {
    pub(in crate::control::daemon) parcel: Parcel,
    /// Taken by the phase that needs them.
    pub(in crate::control::daemon) listeners: Vec<TcpListener>,
    pub(in crate::control::daemon) socket: Option<OwnedFd>,
    pub(in crate::control::daemon) lock: Option<OwnedFd>,
    line: StdStream,
}

impl Inheritance {
    /// Takes what waits at standard input.
    ///
    /// # Errors
    /// When nothing is handed over there, or it is of a version that cannot be understood.
    pub(in crate::control::daemon) fn take() -> Result<Self, Fault> {
        let failed = |error: io::Error| {
            Fault::new(format!("nothing is handed over on standard input: {error}"))
                .hint("`proxyctl upgrade` starts a process that takes over")
        };
        let line = StdStream::from(rustix::stdio::stdin().try_clone_to_owned().map_err(failed)?);
        let nothing = std::fs::File::open("/dev/null").map_err(failed)?;
        rustix::stdio::dup2_stdin(&nothing).map_err(|error| failed(error.into()))?;
        let mut descriptors = wire::receive_descriptors(&line).map_err(failed)?;
        // Nothing else is said before this process has said something: no byte after the line is lost with the reader.
        let mut text = String::new();
        BufReader::new(&line).read_line(&mut text).map_err(failed)?;
        let parcel: Parcel = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
        if parcel.format != FORMAT || descriptors.len() != parcel.listeners + 2 {
            return Err(Fault::new(format!(
                "version {} hands over in a way that {} does not know",
                parcel.version,
                env!("CARGO_PKG_VERSION")
            ))
            .hint("this step takes a restart"));
        }
        let (lock, socket) = (descriptors.pop(), descriptors.pop());
        Ok(Self {
            listeners: descriptors.into_iter().map(TcpListener::from).collect(),
            parcel,
            socket,
            lock,
            line,
        })
    }

    /// Says that a phase begins. Whether the old process hears it shows when it is asked for leave.
    pub(in crate::control::daemon) fn enter(&mut self, phase: Phase) {
        let version = env!("CARGO_PKG_VERSION").into();
        self.tell(&Word::Enters { phase, version });
    }

    /// Says why this process gives up.
    pub(in crate::control::daemon) fn fail(&mut self, reason: &str) {
        let reason = reason.to_owned();
        self.tell(&Word::Fails { reason });
    }

    fn tell(&mut self, word: &Word) {
        let written = wire::line(word).and_then(|line| self.line.write_all(&line));
        if let Err(error) = written {
            tracing::warn!(%error, "the process that is to be replaced does not listen");
        }
    }

    /// Says that everything is there, and waits for leave to accept.
    ///
    /// # Errors
    /// When the old process is gone: another one may be the front door by now.
    pub(in crate::control::daemon) async fn wait_for_leave(&mut self) -> Result<(), Fault> {
        self.enter(Phase::Ready);
        let gone = |error: io::Error| Fault::new(format!("the process that was to be replaced is gone: {error}"));
        let line = self.line.try_clone().map_err(gone)?;
        line.set_nonblocking(true).map_err(gone)?;
        let mut line = UnixStream::from_std(line).map_err(gone)?;
        let mut heard = Heard::new(&mut line);
        match heard.next::<Order>().await {
            Some(Order::Accept) => {}
            Some(Order::Drains { .. }) | None => return Err(gone(io::ErrorKind::UnexpectedEof.into())),
        }
        Ok(())
    }

    /// This process accepts: says so, and listens to the process that drains now.
    ///
    /// # Errors
    /// When there are no descriptors left.
    pub(in crate::control::daemon) fn accepted(mut self, earlier: &EarlierProcesses, tasks: &Group) -> io::Result<()> {
        self.enter(Phase::Accepting);
        let known = EarlierProcess {
            pid: self.parcel.pid,
            version: self.parcel.version,
            since: clock::now(),
            connections: 0,
            requests: 0,
            streams: 0,
        };
        self.line.set_nonblocking(true)?;
        earlier.follow(known, UnixStream::from_std(self.line)?, tasks);
        Ok(())
    }
}

/// Tells the process that is to be replaced, if there is one, that a phase begins.
pub(in crate::control::daemon) fn enter(inheritance: &mut Option<Inheritance>, phase: Phase) {
    if let Some(inheritance) = inheritance {
        inheritance.enter(phase);
    }
}
