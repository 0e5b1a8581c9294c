//! Decisions, and nothing but decisions: no runtime, no IO, no clock, no randomness. Time and chance are arguments.

pub mod access;
pub mod api;
pub mod bake;
pub mod client;
pub mod clock;
pub mod drain;
pub mod environment;
pub mod gate;
pub mod health;
pub mod history;
pub mod hold;
pub mod host;
pub mod outage;
pub mod pace;
pub mod paths;
pub mod pause;
pub mod probing;
pub mod proxy_protocol;
pub mod public_name;
pub mod rate;
pub mod reload;
pub mod renewal;
pub mod routes;
pub mod slot;
pub mod state;
pub mod switch;
