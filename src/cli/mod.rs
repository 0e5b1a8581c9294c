//! `proxyctl`: how people and CI jobs speak to the daemon.
//!
//! This room sees `model` and nothing else of ours: what a command needs from elsewhere comes in as a [`Host`].
//! Data goes to stdout, progress and messages to stderr, and every ending has its exit code ([`crate::model::api::exit`]).
//!
//! - `dispatch` the door: from what was typed to the command, and to the exit code
//! - `args` what may be typed
//! - `commands` one file a command
//! - `client` the way to the daemon, over its control socket; `io` lets hyper use it
//! - `output` everything that is printed
//! - `exit` how a command ends when it does not end well
//! - `runtime` and `signals` what a command needs to wait, and to be stopped
//! - `typed` a password, as somebody types it
//! - `host` what the binary lends

pub mod args;
pub mod client;
pub mod commands;
mod dispatch;
pub mod exit;
mod host;
mod io;
pub mod output;
mod runtime;
mod signals;
mod typed;

pub use dispatch::run;
pub use host::{Attributes, CheckOutcome, Host, ImportOutcome};
