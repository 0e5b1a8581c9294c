//! The way to the one who owns every switch: what can be asked for, and everything else that reaches it.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::reload::{Plan, Reading};
use super::{Owner, Parts};
use crate::control::ports::Durability;
use crate::model::api::{
    Action, CommonStep, EnvironmentStatus, Event, GateReport, MaintenanceRequest, OperationRequest, PauseRequest,
    ProbeReport, ReloadRequest, ResumeRequest,
};
use crate::model::history::Caller;
use crate::model::slot::{Address, Generation};
use crate::model::state::State;
use crate::model::switch::{Ended, Input};

/// A way to the switcher's mailbox.
#[derive(Debug, Clone)]
pub(in crate::control) struct Switcher {
    mailbox: mpsc::UnboundedSender<Message>,
}

impl Switcher {
    /// The handle, and the task: it has to be spawned on the control thread's `LocalSet`, and ends after [`Switcher::stop`].
    pub(in crate::control) fn start(parts: Parts) -> (Self, impl Future<Output = ()> + 'static) {
        let (mailbox, mail) = mpsc::unbounded_channel();
        let owner = Owner::new(parts, mailbox.clone());
        (Self { mailbox }, owner.run(mail))
    }

    /// Asks for something. The last event of the stream is final; whoever drops the receiver only stops watching, unless it is
    /// a pause that is attached to its stream.
    pub(in crate::control) fn ask(&self, request: Request, caller: Caller) -> mpsc::UnboundedReceiver<Event> {
        let (stream, events) = mpsc::unbounded_channel();
        let asked = Message::Ask {
            request,
            caller,
            stream,
        };
        if let Err(mpsc::error::SendError(Message::Ask { stream, .. })) = self.mailbox.send(asked) {
            let reason = "the proxy is stopping".into();
            // The receiver is still in our hands.
            let _ = stream.send(Event::Common(CommonStep::Failed { reason, live: None }));
        }
        events
    }

    /// How every environment is.
    pub(in crate::control) async fn report(&self) -> Report {
        let (reply, status) = oneshot::channel();
        let _ = self.mailbox.send(Message::Status { reply });
        status.await.unwrap_or_default()
    }

    /// Waits until every live instance was probed once, at most `deadline`.
    pub(in crate::control) async fn first_probes(&self, deadline: Duration) {
        let (reply, probed) = oneshot::channel();
        let _ = self.mailbox.send(Message::FirstProbes { reply });
        let _ = timeout(deadline, probed).await;
    }

    /// Answers whoever still waits, and ends the task. Saves that have begun are finished.
    pub(in crate::control) async fn stop(&self) {
        let (reply, stopped) = oneshot::channel();
        let _ = self.mailbox.send(Message::Stop { reply });
        let _ = stopped.await;
    }
}

/// What can be asked for.
#[derive(Debug, Clone)]
pub(in crate::control) enum Request {
    /// A swap or a rollback.
    Operate(OperationRequest),
    /// A new configuration.
    Reload(ReloadRequest),
    /// To hold new requests.
    Pause(PauseRequest),
    /// To let them go again.
    Resume(ResumeRequest),
    /// To answer with 503, or no longer.
    Maintenance(MaintenanceRequest),
}

impl Request {
    pub(super) fn action(&self) -> Action {
        match self {
            Self::Operate(request) => request.kind.into(),
            Self::Reload(_) => Action::Reload,
            Self::Pause(_) => Action::Pause,
            Self::Resume(_) => Action::Resume,
            Self::Maintenance(_) => Action::Maintenance,
        }
    }

    /// The environment that is named; a reload is of all of them.
    pub(super) fn environment(&self) -> Option<&str> {
        match self {
            Self::Operate(OperationRequest { environment, .. })
            | Self::Pause(PauseRequest { environment, .. })
            | Self::Resume(ResumeRequest { environment, .. })
            | Self::Maintenance(MaintenanceRequest { environment, .. }) => Some(environment),
            Self::Reload(_) => None,
        }
    }
}

/// How things are.
#[derive(Debug, Default)]
pub(in crate::control) struct Report {
    /// Every environment, in the order of the file, without certificates.
    pub environments: Vec<EnvironmentStatus>,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// What the owner hears.
#[derive(Debug)]
pub(super) enum Message {
    Ask {
        request: Request,
        caller: Caller,
        stream: mpsc::UnboundedSender<Event>,
    },
    Input {
        room: usize,
        input: Input,
    },
    Drained {
        room: usize,
        left: Generation,
        service: usize,
        activation: u64,
        ended: Ended,
    },
    Loaded {
        dry: Option<mpsc::UnboundedSender<Event>>,
        reading: Box<Reading>,
    },
    ReloadGating {
        event: Event,
    },
    ReloadGated {
        plan: Box<Plan>,
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        elapsed: Duration,
    },
    /// Whoever a pause is attached to is gone.
    PauseLeft {
        room: usize,
        operation: u64,
    },
    PauseGating {
        room: usize,
        operation: u64,
        event: Event,
    },
    PauseGated {
        room: usize,
        operation: u64,
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        elapsed: Duration,
    },
    Saved {
        state: Box<State>,
        result: Result<Durability, String>,
    },
    Probed {
        activation: u64,
        address: Address,
        report: ProbeReport,
    },
    Status {
        reply: oneshot::Sender<Report>,
    },
    FirstProbes {
        reply: oneshot::Sender<()>,
    },
    Stop {
        reply: oneshot::Sender<()>,
    },
}
