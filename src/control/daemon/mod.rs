//! The process: from its arguments to its exit code.
//!
//! - `command` reads the arguments, and turns the outcome into an exit code
//! - `phases` the start, the serving and the stop
//! - `listeners` the sockets of the front door
//! - `signals` what people and systemd ask for by signal
//! - `paths` where state and control socket are when the configuration does not say

mod command;
mod listeners;
mod paths;
mod phases;
mod signals;

pub use command::run;
