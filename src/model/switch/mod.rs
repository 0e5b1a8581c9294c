//! The swap's state machine: one [`Switch`] for each environment decides everything and does nothing. Inputs come with the
//! moment they came at; what has to be done goes out as [`Effect`]s, and their results come back as inputs.
//!
//! ```text
//! Idle → Gating → Requiring → Warming → Connecting → Persisting → Verifying → Baking → Idle          Undoing: the new side is bad, the old one comes back
//! ```
//!
//! The operation that is in a phase holds the lock (N5). Old sides that still drain are kept *beside* the phases, because a
//! rollback may begin while an older side still drains. Every operation gets exactly one final event, and it is always its last.
//!
//! - `switch` the switch itself: what it knows, what comes in, who may begin
//! - `steps` the steps under the lock, from the gate to the check through the front door; `baking` the bake window after them
//! - `requiring` what an environment asks of others before a swap
//! - `undo` the automatic rollback
//! - `draining` old sides on their way out, and the operations that still wait for them; `watch` what is kept of both
//! - `phase` what an operation is at
//! - `plan` lock and preflight: what would move where, or why nothing will; `elsewhere` what is live in other environments
//! - `messages` what goes in and what comes out
//! - `example` what tests begin with

mod baking;
mod draining;
mod elsewhere;
#[cfg(test)]
pub(in crate::model) mod example;
mod messages;
mod phase;
mod plan;
mod requiring;
mod steps;
mod switch;
#[cfg(test)]
mod tests;
mod undo;
mod watch;

pub use elsewhere::Elsewhere;
pub use messages::{Effect, Ended, Figures, Found, Input, Kept, Seen, Ticket};
pub use plan::{Bake, Requires, Rules, Service};
pub use switch::Switch;

pub use super::probing::Look;
