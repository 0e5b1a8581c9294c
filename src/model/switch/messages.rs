//! What goes into a [`Switch`](super::Switch) and what comes out of it.

use std::time::Duration;

use super::elsewhere::Elsewhere;
use super::plan::Requires;
use crate::model::api::{self, Check, Difference, Event, GateReport, Move, OperationRequest, ProbeReport, Traffic};
use crate::model::bake::Sample;
use crate::model::probing::Look;
use crate::model::slot::{Address, Generation};
use crate::model::state::{Durability, EnvironmentState};

/// Names what an answer belongs to. An answer whose question is no longer asked changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(pub(super) u64);

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// A user asks for an operation.
    Ask {
        /// Its number.
        operation: u64,
        /// What is asked for.
        request: OperationRequest,
        /// The name of the user who asks.
        user: String,
        /// What the operator should know before it begins, such as trouble with certificates.
        warnings: Vec<String>,
        /// What is live in other environments.
        elsewhere: Vec<Elsewhere>,
    },
    /// `Switch::wake` has come.
    Tick,
    /// Answers [`Effect::Probe`].
    Probed {
        /// As in the effect.
        ticket: Ticket,
        /// As in the effect.
        service: usize,
        /// As in the effect.
        address: Address,
        /// What was seen.
        report: ProbeReport,
    },
    /// Answers [`Effect::Require`].
    Required {
        /// As in the effect.
        ticket: Ticket,
        /// What stands against the swap.
        found: Found,
    },
    /// Answers [`Effect::Warm`].
    Warmed {
        /// As in the effect.
        ticket: Ticket,
        /// Requests made.
        requests: u32,
        /// How many of them failed or were answered with a status of 400 and above.
        failed: u32,
    },
    /// Answers [`Effect::ConnectAhead`].
    ConnectedAhead {
        /// As in the effect.
        ticket: Ticket,
    },
    /// Answers [`Effect::Persist`]; an error says that the old state is still the saved one.
    Persisted {
        /// As in the effect.
        ticket: Ticket,
        /// How it went.
        result: Result<Durability, String>,
    },
    /// Answers [`Effect::Verify`].
    Verified {
        /// As in the effect.
        ticket: Ticket,
        /// What was seen, at least one for each service.
        seen: Vec<Seen>,
    },
    /// Answers [`Effect::Measure`].
    Measured {
        /// As in the effect.
        generation: Generation,
        /// One for each service with two sides, in their order.
        figures: Vec<Figures>,
        /// The new side since the switch.
        traffic: Traffic,
        /// The old side before it.
        before: Traffic,
        /// All of the environment since the switch.
        served: Traffic,
    },
    /// An old side still holds claims; comes about once a second.
    Draining {
        /// The generation that replaced it.
        left: Generation,
        /// Its place in `Rules::services`.
        service: usize,
        /// Requests that wait for their response head.
        requests: u64,
        /// Streams.
        streams: u64,
    },
    /// An old side's drain is over.
    Drained {
        /// The generation that replaced it.
        left: Generation,
        /// Its place in `Rules::services`.
        service: usize,
        /// How it went.
        ended: Ended,
        /// All of the environment since that generation.
        served: Traffic,
    },
    /// The operation that only asks for the gate is of no use any more.
    GateUnwanted {
        /// Its number.
        operation: u64,
    },
    /// The daemon stops: every operation that is not over gets its final event.
    Stop,
}

/// What stands against a swap in the environments that it depends on; nothing when all is well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Nobody can be asked in one of them, which sleeps or is gone: why, and what helps.
    pub nobody: Option<(String, String)>,
    /// Instances of the one that has to be healthy, which are not.
    pub unhealthy: Vec<GateReport>,
    /// What differs between the candidate and the one that it has to be of one shape with.
    pub differences: Vec<Difference>,
}

/// What a check through the front door found.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What was asked, and what came back.
    pub check: Check,
    /// Why that is not good.
    pub problem: Option<String>,
}

/// What both sides of one service did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// The new side since the switch.
    pub new: Sample,
    /// The old side before it, over a period as long as the bake window or since its start.
    pub before: Sample,
}

/// How a drain went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Exchanges that ended by themselves.
    pub finished: u64,
    /// Streams that were ended politely.
    pub ended: u64,
    /// Exchanges that had to be cut.
    pub cut: u64,
    /// Exchanges that could not even be cut.
    pub left: u64,
    /// What is kept of its files.
    pub kept: Kept,
}

/// What is kept of the files of an old side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Not all could be kept that may; the log says why.
    pub failed: bool,
}

/// What has to be done. Effects are carried out in their order.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Send this to the clients that watch the operation, and record it unless it is progress.
    Tell {
        /// The operation.
        operation: u64,
        /// The event. Nothing follows a final one.
        event: Event,
    },
    /// Ask an instance.
    Probe {
        /// For the answer.
        ticket: Ticket,
        /// Its service's place in `Rules::services`.
        service: usize,
        /// The instance: it is asked at exactly this address (N6).
        address: Address,
        /// What it is asked for.
        look: Look,
    },
    /// Look at the environments that the swap depends on.
    Require {
        /// For the answer.
        ticket: Ticket,
        /// Which of them, and why.
        requires: Requires,
        /// What the healthy one has to call itself, where it says its version.
        version: Option<String>,
        /// What would serve: that is compared.
        moves: Vec<Move>,
    },
    /// Ask each instance of these sides for its warm-up paths.
    Warm {
        /// For the answer.
        ticket: Ticket,
        /// Service's place in `Rules::services` and instance.
        instances: Vec<(usize, Address)>,
    },
    /// Connect to the `to` sides, as often as connections to the `from` sides are kept. Whatever comes of it, and after a short time in
    /// any case, there is an answer.
    ConnectAhead {
        /// For the answer.
        ticket: Ticket,
        /// One for each service with two sides, in their order.
        moves: Vec<Move>,
    },
    /// Save this state of the environment.
    Persist {
        /// For the answer.
        ticket: Ticket,
        /// The state.
        state: EnvironmentState,
    },
    /// One snapshot with new activations of the `to` sides; then close the gates of the old ones and drain them.
    Publish {
        /// Of the new activations.
        generation: Generation,
        /// One for each service with two sides, in their order.
        moves: Vec<Move>,
    },
    /// Ask for each service through the front door.
    Verify {
        /// For the answer.
        ticket: Ticket,
        /// Where each service's new side runs, for those that no client can ask.
        moves: Vec<Move>,
    },
    /// Read the counters.
    Measure {
        /// The generation whose new side is watched.
        generation: Generation,
    },
}

/// Tells the clients that watch an operation.
pub(super) fn tell(effects: &mut Vec<Effect>, operation: u64, event: impl Into<Event>) {
    let event = event.into();
    effects.push(Effect::Tell { operation, event });
}

/// Whole milliseconds from one moment to another.
pub(super) fn millis(from: Duration, to: Duration) -> u64 {
    api::millis(to.saturating_sub(from))
}
