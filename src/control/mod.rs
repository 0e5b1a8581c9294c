//! The control plane: the daemon's start and stop, and everything that is not a request.

mod access;
pub mod api;
mod certificates;
mod clock;
pub mod command;
pub mod daemon;
pub mod drainer;
pub mod fault;
mod figures;
pub mod front_door;
mod gating;
pub mod journal;
pub mod limits;
mod listeners;
mod office;
pub mod online;
pub mod paths;
pub mod ports;
pub mod prober;
mod query;
mod renewer;
pub mod served;
pub mod signals;
pub mod socket;
pub mod state_dir;
pub mod state_file;
pub mod switcher;
