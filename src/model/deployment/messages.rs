//! What goes into [`Deployments`](super::Deployments) and what comes out of them.

use super::scene::Surroundings;
use crate::model::api::{DeployPlan, DeployRequest, Event, Problem, ReleaseRequest, StepRequest};
use crate::model::history::Caller;

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// Somebody asks to hold the environment.
    Ask {
        /// Number of the operation.
        operation: u64,
        /// What is asked for.
        request: DeployRequest,
        /// Who asks.
        caller: Caller,
    },
    /// Answers [`Effect::Look`].
    Looked {
        /// As in the effect.
        operation: u64,
        /// The plan, complete.
        plan: Box<DeployPlan>,
    },
    /// A command of a deployment is about to run, or has run.
    Step {
        /// Names who is waiting for the answer.
        reply: u64,
        /// What is asked or reported.
        request: StepRequest,
        /// Who says so.
        caller: Caller,
        /// What else serves or is inside of apps.
        surroundings: Surroundings,
    },
    /// A deployment is over.
    Release {
        /// Names who is waiting for the answer.
        reply: u64,
        /// How it ended.
        request: ReleaseRequest,
        /// Who says so.
        caller: Caller,
    },
    /// The client that [`Effect::Watch`] watches hung up.
    Left {
        /// Of the deployment that was attached to it.
        operation: u64,
    },
    /// The environment is not in the file any more.
    Gone,
    /// `Deployments::wake` has come, or the environment may be free.
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
    /// Say [`Input::Left`] when the client that asked for this operation hangs up.
    Watch {
        /// Number of the operation.
        operation: u64,
    },
    /// Fill in how the file says to deploy, and whether the idle side takes connections.
    Look {
        /// Number of the operation.
        operation: u64,
        /// The plan, without these.
        plan: Box<DeployPlan>,
    },
    /// Answer who waits for it.
    Reply {
        /// Of the input.
        reply: u64,
        /// Why not, if not.
        result: Result<(), Problem>,
    },
}
