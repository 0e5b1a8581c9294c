//! Who has to wait: while an app cannot be reached (N12), or its environment is paused (N13).
//!
//! - `queue` where requests of a service wait
//! - `refusal` why one has waited in vain

pub(crate) mod queue;
pub(crate) mod refusal;
