//! What a deployment does, step after step, in `proxyctl`: from the table and the daemon's plan to commands in their order.
//!
//! - `script` all commands that there are to run
//! - `course` the order of the steps, and what undoes what; `messages` what goes in and what comes out
//! - `ending` how it ended, and with which exit code

#[expect(clippy::module_inception, reason = "the machine that the room is named after")]
mod course;
mod ending;
mod messages;
mod script;

#[cfg(test)]
mod tests;

pub use course::Course;
pub use ending::{Ending, Fate};
pub use messages::{Act, Input, Locked, Ran, Reaction, Swapped};
pub use script::{Part, Script, Task};
