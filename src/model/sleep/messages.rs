//! What the machine of a sleep hears, and what it wants done.

use std::time::Duration;

use super::rules::Rules;
use crate::model::api::{Action, CommonStep, Event};
use crate::model::handoff::Left;
use crate::model::state::Slept;

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// Somebody wants it asleep, or awake.
    Ask {
        /// Number of the operation.
        operation: u64,
        /// What is asked for.
        wanted: Wanted,
        /// Who asks.
        user: String,
    },
    /// A request waits for it.
    Called,
    /// What [`Effect::Count`] has counted.
    Counted(Sample),
    /// New requests are held, and these activations still have claims.
    Closed {
        /// Their numbers.
        leaving: Vec<usize>,
    },
    /// An activation has no claim any more.
    Drained {
        /// Its number.
        activation: usize,
    },
    /// What is still inside of those that were closed.
    Inside(Left),
    /// The number of what it has begun by itself.
    Numbered {
        /// The number.
        operation: u64,
    },
    /// What [`Effect::Save`] has come to.
    Saved {
        /// Which.
        ticket: u64,
        /// Or why not.
        result: Result<(), String>,
    },
    /// `stop` has run.
    Stopped(Result<(), StopFailed>),
    /// `start` has run and the app answers; or why not.
    Started(Result<(), String>),
    /// Other rules hold; `None` lets it sleep no more.
    Rules(Option<Rules>),
    /// The file has it no more. Until [`Input::Rules`] it is left as it is: whatever its app is by then, it may serve another environment.
    Gone,
    /// The process ends.
    Stop,
    /// `Sleep::wake` has come, or what held the environment has let go.
    Tick,
}

/// What somebody wants of an environment that may sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To sleep, once what was begun has ended.
    Asleep {
        /// How long that may take.
        patience: Duration,
    },
    /// To answer.
    Awake,
}

/// `stop` did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopFailed {
    /// In words.
    pub reason: String,
    /// Whether the app answers all the same.
    pub answers: bool,
}

/// Who needs an environment at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sample {
    /// Of each activation, its number and a count that grows with whatever keeps it awake.
    pub marks: Vec<(u64, u64)>,
    /// Claims, but for those of WebSockets.
    pub open: u64,
    /// WebSockets.
    pub web_sockets: u64,
}

/// What has to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Tell those who listen to an operation.
    Tell {
        /// Number of the operation.
        operation: u64,
        /// What.
        event: Event,
    },
    /// It begins by itself: give it a number.
    Number(Action),
    /// Say who needs it.
    Count,
    /// Hold new requests, let what was begun end, and close WebSockets politely.
    Close,
    /// Count what is inside of these.
    Look {
        /// Numbers of activations that were closed.
        leaving: Vec<usize>,
    },
    /// What [`super::Sleep::stance`] says is another: let everybody know.
    Publish,
    /// Answer the requests that are held with 503.
    TurnAway,
    /// Remember this across a restart.
    Save {
        /// Names it in the answer.
        ticket: u64,
        /// What.
        slept: Slept,
    },
    /// Run `stop`.
    RunStop {
        /// Program and arguments.
        command: Vec<String>,
        /// How long it may take.
        deadline: Duration,
    },
    /// Run `start`, and wait until the app answers.
    RunStart {
        /// Program and arguments.
        command: Vec<String>,
        /// How long it may take.
        deadline: Duration,
    },
    /// Say it in the log.
    Warn(String),
}

pub(super) fn failed(operation: u64, reason: String) -> Effect {
    let event = Event::Common(CommonStep::Failed { reason, live: None });
    Effect::Tell { operation, event }
}

pub(super) fn refused(operation: u64, code: u8, reason: String, hint: Option<String>) -> Effect {
    let event = Event::Common(CommonStep::Refused {
        code,
        reason,
        evidence: Vec::new(),
        hint,
        live: None,
        health: Vec::new(),
    });
    Effect::Tell { operation, event }
}
