//! Decisions, and nothing but decisions: no runtime, no IO, no clock, no randomness. Time and chance are arguments.

pub mod api;
pub mod history;
pub mod host;
pub mod routes;
pub mod slot;
