//! The control plane: the daemon's start and stop, and everything that is not a request.

pub mod api;
mod boot;
pub mod daemon;
pub mod fault;
pub mod journal;
pub mod limits;
mod office;
pub mod paths;
pub mod ports;
pub mod signals;
pub mod socket;
pub mod state_dir;
pub mod state_file;
