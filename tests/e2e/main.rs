//! The product end to end, a module for each behaviour: the real binaries, started by [`common`], and what clients, apps and
//! operators see of them. They are one binary, so that all of them are linked once; tests run side by side, and none relies on
//! anything that a process has only one of: a folder, an environment, limits, or a network.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests spawn, panic and print freely"
)]

mod access;
mod access_log;
mod acme;
mod ahead;
mod backup;
mod browser;
mod common;
mod compress;
mod conformance;
mod control_side;
mod cost;
mod dashboard;
mod deploy;
mod deployed;
mod deployment;
mod draining;
mod error_pages;
mod exchange;
mod exhaustion;
mod field;
mod fields;
mod files;
mod folders;
mod forms;
mod forward;
mod framing;
mod full_disk;
mod gate;
mod harness;
mod hold;
mod hostile;
mod http2;
mod identity;
mod imported;
mod incident;
mod installed;
mod kept_assets;
mod kept_by_systemd;
mod label_ribbon;
mod limits;
mod logs;
mod maintenance;
mod metrics;
mod mutated;
mod notify;
mod packaged;
mod parity;
mod parts;
mod passwd;
mod pause;
mod pause_writes;
mod peers;
mod pm2;
mod preview;
mod process;
mod real_apps;
mod real_attackers;
mod real_clients;
mod recipes;
mod refusals;
mod reload;
mod relocation;
mod require;
mod resources;
mod restart;
mod restarts_in_place;
mod series;
mod shutdown;
mod sites;
mod sleep;
mod soak;
mod stale_assets;
mod stance;
mod swap;
mod swaps_under_load;
mod tls_store;
mod upgrade;
mod upstream;
mod verify_and_bake;
mod vite;
mod watch;
mod web_sockets;
