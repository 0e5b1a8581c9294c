//! What reaches the owner through its mailbox: what is asked for, and the results of what it set going.

use tokio::sync::{mpsc, oneshot};

use super::request::{Reply, Report, Request};
use crate::config::LoadError;
use crate::control::ports::{Durability, Handed};
use crate::control::served::Loaded;
use crate::model::api::{Event, Parity, ProbeReport, Problem, ReleaseRequest, StepRequest};
use crate::model::environment::Input;
use crate::model::handoff::{Inside, Phase};
use crate::model::history::Caller;
use crate::model::reload;
use crate::model::slot::{Address, Generation};
use crate::model::state::State;
use crate::model::switch::Ended;

/// What was begun and has not ended.
#[derive(Debug, Default)]
pub(in crate::control) struct Begun {
    /// Inside of apps.
    pub(in crate::control) inside: Vec<Inside>,
    /// Where the next request on a connection that is still open would go.
    pub(in crate::control) ahead: Vec<Inside>,
    /// Whether an operation has not heard its end yet.
    pub(in crate::control) operations: bool,
}

/// What the owner hears. An `environment` is its place in the owner's list.
#[derive(Debug)]
pub(super) enum Message {
    Ask {
        request: Request,
        caller: Caller,
        stream: mpsc::UnboundedSender<Event>,
    },
    /// For the machines of an environment.
    Input {
        environment: usize,
        input: Input,
    },
    /// The drain of an activation is over.
    Drained {
        environment: usize,
        left: Generation,
        service: usize,
        activation: u64,
        ended: Ended,
    },
    /// An operation ends with this event, after another process has taken over: what that has saved by now.
    Ends {
        environment: usize,
        operation: u64,
        event: Box<Event>,
        saved: Result<Box<State>, String>,
    },
    /// For the stages of a reload.
    Reload(reload::Input),
    /// The file was read; a dry run is shown to `dry` alone.
    Loaded {
        dry: Option<mpsc::UnboundedSender<Event>>,
        file: Box<File>,
    },
    Saved {
        state: Box<State>,
        result: Result<Durability, String>,
    },
    /// A live instance was asked for its health.
    Probed {
        activation: u64,
        address: Address,
        report: ProbeReport,
    },
    Status {
        reply: oneshot::Sender<Report>,
    },
    /// Two environments are to be compared.
    Parity {
        a: String,
        b: String,
        reply: oneshot::Sender<Result<Parity, Problem>>,
    },
    FirstProbes {
        reply: oneshot::Sender<()>,
    },
    /// The process that is to take over has got so far.
    Entered {
        operation: u64,
        phase: Phase,
    },
    /// The hand-over is over, well or not.
    Handed {
        operation: u64,
        handed: Handed,
    },
    /// What was begun and has not ended, for the process that has taken over.
    Begun {
        reply: oneshot::Sender<Begun>,
    },
    /// The process before this one lets it take over.
    Leave,
    /// A command of a deployment is about to run, or has run.
    Step {
        request: StepRequest,
        caller: Caller,
        reply: Reply,
    },
    /// A deployment is over.
    Release {
        request: ReleaseRequest,
        caller: Caller,
        reply: Reply,
    },
    /// What is inside of apps at these addresses is to end politely.
    Hurry {
        addresses: Vec<Address>,
    },
    Stop {
        reply: oneshot::Sender<()>,
    },
}

/// What became of the file.
#[derive(Debug)]
pub(super) enum File {
    Valid(Box<Loaded>),
    Invalid(LoadError),
    /// It could not be read, for this reason.
    Broken(String),
}
