//! Who may enter: what a service's guard wants of a request, and passwords that are checked off the data plane.
//!
//! A request whose credentials are known passes by its core's own memory, without a lock. Others wait at the desk, where threads of the
//! lowest priority check one password after the other; what may wait there is bounded, for everybody and for each client.
//!
//! - `guard` what a service wants of a request
//! - `users` the files of users, as the control plane has read them last
//! - `visitors` who was let in before, by one core
//! - `desk` the lock and the threads around `model::access`
//! - `key` credentials → a keyed digest, so that no password is kept
//! - `familiar` all that a bench needs of this room

pub(crate) mod desk;
pub(crate) mod familiar;
pub(crate) mod guard;
mod key;
pub(crate) mod users;
pub(crate) mod visitors;
