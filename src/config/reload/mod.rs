//! What changes between two configurations.
//!
//! - `diff` the differences, and which services stay the same
//! - `describe` a configuration as keys and values, in the words of the file

pub(crate) mod describe;
pub(crate) mod diff;
