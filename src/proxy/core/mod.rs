//! What one worker thread has for itself.
//!
//! - `core` its view of the snapshot, and its end of the access log
//! - `ahead` connections to sides that are about to serve; `connector` makes them
//! - `shared` what the cores have in common
//! - `service` one service on one core; `claim` a request's hold on it
//! - `preview` what serves those who look at an idle side
//! - `keeper` looks after the queue of a service

pub(crate) mod ahead;
pub(crate) mod claim;
pub(crate) mod connector;
pub(crate) mod core;
pub(crate) mod keeper;
pub(crate) mod preview;
pub(crate) mod service;
pub(crate) mod shared;
