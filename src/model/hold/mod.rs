//! Requests that wait because their app cannot be reached (N12) or their environment is paused (N13).
//!
//! ```text
//! enter → waiting → released, in order and at most 64 at a time → answered, or back in its place
//!                 → refused: the window is over, the queue is full, the pause ended badly, the proxy stops
//! ```
//!
//! `queue` knows the requests that wait for one service, and how much of them may. `keeper` decides for them: when to try to
//! connect, when to release the next, when nobody is needed any more. Both take the moment as an argument and hand back what has
//! to be done. The lock, the tasks and the connections are `proxy`'s.

mod keeper;
mod queue;
#[cfg(test)]
mod tests;

pub use keeper::{App, Keeper, News, Outlook, Step, Times, Turn};
pub use queue::{Bounds, Newcomer, Queue, Refusal, Verdict, Why};
