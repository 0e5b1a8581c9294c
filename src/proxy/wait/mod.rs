//! Who has to wait: while an app cannot be reached (N12), or its environment is paused (N13).
//!
//! - `queue` where requests of a service wait; `queues` those of all services
//! - `refusal` what a client is told whose request has waited in vain
//!
//! What becomes of a request is decided in `model::hold`.

pub(crate) mod queue;
pub(crate) mod queues;
mod refusal;
