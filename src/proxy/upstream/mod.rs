//! The app's side.
//!
//! - `dial` connects to an address
//! - `connection` one connection to an app
//! - `pool` the idle ones of a core
//! - `retry` how often a request is sent again

pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod pool;
pub(crate) mod retry;
