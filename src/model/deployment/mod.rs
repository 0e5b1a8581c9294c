//! The deployments of one environment: which one holds it, and which wait for their turn (N5, N32, N34).
//!
//! ```text
//! Ask → Waiting → Held → Released          the client is gone: Abandoned, at any moment
//! ```
//!
//! A deployment is attached to the connection that asked for it. Its commands run at the client, which asks before it touches a side
//! and reports what became of it. What serves, what drains and what is being switched to is neither started nor stopped; while a
//! side is being started or stopped, nobody switches to it.
//!
//! Deployments come in the order in which they asked. A rollback alone overtakes, once a deployment has switched: it stands
//! *above* that one, which holds the environment again when the rollback is over. Every asker is answered by exactly one final event.
//!
//! - `deployments` the machine: who asks, who holds, who waits
//! - `held` the deployment that holds the environment; `touch` which side its commands may touch
//! - `queue` the ones that wait
//! - `scene` what they see of their environment and of all others
//! - `plan` what a deployment is told of both sides, or why there is nothing to deploy
//! - `messages` what goes in and what comes out

mod deployments;
mod held;
mod messages;
mod plan;
mod queue;
mod scene;
#[cfg(test)]
mod tests;
mod touch;

pub use deployments::Deployments;
pub use messages::{Effect, Input};
pub use plan::refused;
pub use scene::{Scene, Surroundings};
