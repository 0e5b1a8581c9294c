//! Who has to wait: while an app cannot be reached (N12), or its environment is paused (N13).
//!
//! - `queue` where requests of a service wait; `queues` those of all services
//! - `outage` what the log is told of an app that cannot be reached
//! - `refusal` what a client is told whose request has waited in vain
//!
//! What becomes of a request is decided in `model::hold`, what is told of an app in `model::outage`.

pub(crate) mod outage;
pub(crate) mod queue;
pub(crate) mod queues;
mod refusal;
