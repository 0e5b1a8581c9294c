//! The control plane: the daemon's start and stop, and everything that is not a request.
//!
//! Each room sees those below it, and the files at the end:
//!
//! - `backup` everything that another machine needs to serve the same, in one archive, and back
//! - `daemon` the process: arguments, signals, start and stop
//! - `dashboard` the page that shows how things stand, `metrics` the figures that a Prometheus reads; `web` the small HTTP server under
//!   both
//! - `socket` the control socket, by which `proxyctl` asks for things
//! - `notify` tells operators what they asked to be told
//! - `switcher` owns every environment, and is the only one that changes what is routed where
//! - `evidence` what is seen of the apps: probes, the front door, counters
//! - `certificates` which hosts need one, when it is obtained, and how it stands
//! - `disk` state, journal and the folder that they are in
//! - `ports` what the switcher asks of disk, certificates and data plane, as traits
//! - `happenings` what happens, told at once to everybody who watches
//! - `commands` runs what the configuration lets the daemon run
//! - `users` the files of users, read when they change; `kept_assets` files of versions that are gone
//! - `sampler` what was done lately, second by second
//! - `served` the configuration in use; `fault` why there is no daemon; `limits` what the operating system allows; `clock` calendar
//!   time

mod backup;
mod certificates;
mod clock;
mod commands;
mod daemon;
mod dashboard;
mod disk;
mod evidence;
mod fault;
mod happenings;
mod kept_assets;
mod limits;
mod metrics;
mod notify;
mod ports;
mod sampler;
mod served;
mod socket;
mod switcher;
mod users;
mod web;

pub use backup::{is_backup, make as make_backup, restore};
pub use certificates::look as look_online;
pub use daemon::{arguments, run};
pub use disk::JournalFile;
pub use switcher::{Initial, initial};
