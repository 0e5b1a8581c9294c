//! What changes between two configurations.
//!
//! - `diff` the differences, and which services stay the same
//! - `deploy` what is told of how an environment is deployed, `sleep` of how it sleeps, `notify` of who is told what
//! - `describe` a configuration as keys and values, in the words of the file; `values` what is told of those that differ

mod deploy;
pub(crate) mod describe;
pub(crate) mod diff;
mod notify;
mod sleep;
pub(crate) mod values;
