//! The control plane: the daemon's start and stop, and everything that is not a request.

pub mod api;
pub mod fault;
mod hyper_io;
pub mod journal;
pub mod paths;
pub mod ports;
pub mod signals;
pub mod socket;
pub mod state_dir;
pub mod state_file;
