//! What goes into a [`Pause`](super::Pause) and what comes out of it.

use std::time::Duration;

use crate::model::api::{Event, GateReport, PauseRequest, ResumeRequest};
use crate::model::handoff::Left;
use crate::model::history::Caller;

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// Somebody asks for a pause.
    Ask {
        /// Number of the operation.
        operation: u64,
        /// What is asked for.
        request: PauseRequest,
        /// The name of the user who asks.
        user: String,
    },
    /// Somebody asks for its end.
    Resume {
        /// Names the stream of events on which the answer is awaited.
        listener: u64,
        /// What is asked for.
        request: ResumeRequest,
        /// Who asks.
        caller: Caller,
    },
    /// The client that [`Effect::Watch`] watches hung up.
    Left {
        /// Of the pause that was attached to it.
        operation: u64,
    },
    /// Answers [`Effect::Hold`]: these activations are closed, and drain.
    Closed {
        /// Numbers that name them.
        leaving: Vec<usize>,
    },
    /// An activation holds no claim any more.
    Drained {
        /// The number that names it.
        activation: usize,
    },
    /// No request that writes is inside any more, in a pause of writes.
    Written {
        /// Of [`Effect::Hold`]: what was still inside in an earlier pause says nothing of a later one.
        operation: u64,
    },
    /// Answers [`Effect::Count`].
    Counted(Left),
    /// The app's instances are being asked for their health; comes about once a second.
    Gating {
        /// Of [`Effect::Gate`].
        operation: u64,
        /// How far each instance is.
        instances: Vec<GateReport>,
        /// Since the gate began.
        elapsed: Duration,
    },
    /// Answers [`Effect::Gate`].
    Gated {
        /// Of the question.
        operation: u64,
        /// How every instance stands; `Ok` when all of them are healthy.
        result: Result<Vec<GateReport>, Vec<GateReport>>,
        /// Since the gate began.
        elapsed: Duration,
    },
    /// `Pause::wake` has come.
    Tick,
    /// The process ends.
    Stop,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// To everybody who listens to this operation, and into the journal. After a final event nothing follows.
    Tell {
        /// Number of the operation.
        operation: u64,
        /// What to say.
        event: Event,
    },
    /// To one listener, as the only event.
    Refuse {
        /// Of [`Input::Resume`].
        listener: u64,
        /// What to say.
        event: Event,
    },
    /// From now on this listener hears what is told of the operation.
    Join {
        /// Of [`Input::Resume`].
        listener: u64,
        /// Number of the operation.
        operation: u64,
    },
    /// Into the journal: who asked for the end.
    Asked {
        /// Number of the operation.
        operation: u64,
        /// Who.
        caller: Caller,
    },
    /// Say [`Input::Left`] when the client that asked for this operation hangs up.
    Watch {
        /// Number of the operation.
        operation: u64,
    },
    /// Publish that new requests are held, with a new activation in the place of every live one; then close the old ones, and
    /// let their streams end politely. Of `writes`: publish that those are held, and see which activations have some inside; nothing
    /// is closed.
    Hold {
        /// Number of the operation.
        operation: u64,
        /// Whether requests that only read go on.
        writes: bool,
    },
    /// Count what is still inside of these.
    Count {
        /// Numbers of activations that were closed.
        leaving: Vec<usize>,
    },
    /// Ask the live instances for their health.
    Gate {
        /// Number of the operation.
        operation: u64,
        /// For how long.
        patience: Duration,
    },
    /// Answer the requests that are held now with 503.
    TurnAway,
    /// Publish that requests go to the app again.
    Release,
}
