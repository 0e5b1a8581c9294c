//! The process: from its arguments to its exit code.
//!
//! - `command` reads the arguments, and turns the outcome into an exit code
//! - `phases` the daemon's life in order: `prepared` has state and certificates, `bound` has ports, `serving` answers, `stop`
//!   ends what was begun
//! - `listeners` the sockets of the front door
//! - `paths` where state and control socket are when the configuration does not say
//! - `signals` what people and systemd ask for by signal; `reload_log` what a reload by signal says in the log
//! - `systemd` what systemd is told

mod bound;
mod command;
mod given;
mod handoff;
mod leaving;
mod listeners;
mod paths;
mod phases;
mod prepared;
mod reload_log;
mod serving;
mod signals;
mod stop;
mod systemd;
mod watchdog;

pub use command::{arguments, run};
pub(super) use paths::state_dir;
