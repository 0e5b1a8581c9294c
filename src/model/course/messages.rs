//! What goes into a [`Course`](super::Course) and what comes out of it.

use std::time::Duration;

use super::ending::Ending;
use super::script::Task;
use crate::model::api::DeployOutcome;
use crate::model::slot::Generation;

/// What is to be done next. Each is answered by one [`Input`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Run a command, as a step of the deployment; [`Input::Ran`].
    Run(Task),
    /// Ask for the gate alone; [`Input::Gated`].
    Gate,
    /// Ask for the swap; [`Input::Swapped`].
    Swap,
    /// Show what the candidate has said; [`Input::Shown`].
    Explain(Vec<Task>),
    /// Take the lock again if nobody has switched since this generation, and both sides are where they were; [`Input::Locked`].
    Lock {
        /// What was published then.
        since: Generation,
        /// Whether the candidate is what has to be live.
        switched: bool,
    },
    /// Free the lock; [`Input::Released`].
    Release(DeployOutcome),
    /// Let the old side run on for so long; [`Input::Kept`].
    Keep(Duration),
    /// It is over.
    End(Ending),
}

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// A command.
    Ran(Ran),
    /// The gate of the candidate, with the exit code of its last event; `None` when the daemon went away.
    Gated(Option<u8>),
    /// The swap.
    Swapped(Swapped),
    /// The candidate's log was shown.
    Shown,
    /// Whether the lock was taken again.
    Locked(Locked),
    /// The lock is free.
    Released,
    /// The old side was kept for long enough.
    Kept,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// With exit code 0.
    Well,
    /// In any other way, or it could not be started.
    Badly,
    /// The daemon does not allow it: it was not begun.
    Denied,
}

/// How a swap ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swapped {
    /// The new side serves, and the old one has drained.
    Done(Generation),
    /// Nothing was switched, with the exit code.
    Refused(u8),
    /// Switched, and rolled back by itself, to this generation.
    RolledBack(Generation),
    /// A person has to look, or the daemon went away; whether it had switched before.
    Failed {
        /// Whether the new side was published.
        switched: bool,
    },
    /// The new side serves, and the old one's drain is not waited for.
    NotAwaited,
    /// Nobody watches it any more.
    Unwatched,
}

/// Whether the lock was taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It is ours, and what was live is live.
    Ours,
    /// The environment was switched meanwhile, as far as we know.
    Switched,
    /// What has to be live is, but sides have moved meanwhile, or it was switched to and fro.
    Changed,
    /// Another operation holds it.
    Held,
    /// The daemon does not answer.
    Unreachable,
}

/// What an interruption asks of the act that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// End it: it is a command, or a wait.
    End,
    /// Let it come to its end.
    Wait,
}
