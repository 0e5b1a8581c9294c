//! Greengate: a TLS front door for one server, that no deploy can be seen through.
//!
//! The crate is a library with two thin binaries, `proxyd` (the daemon) and `proxyctl` (how people and CI jobs speak to it).
//!
//! # The rooms, and the direction of their arrows
//!
//! An arrow points down only; `tests/tidy.rs` reads the `use` lines and fails on one that points up.
//!
//! ```text
//! bin      proxyd, proxyctl: arguments in, exit code out
//! cli      one file per command; sees `model` and nothing else
//! control  the daemon: swaps, probes, state, journal, control socket
//! proxy    the data plane            tls   certificates, tickets, local CA   (they never see each other)
//! telemetry  logs and access log
//! import   the configuration of nginx or Caddy → the text of a `proxy.toml`
//! config   text → a `Config` that cannot be wrong
//! model    PURE decisions            http1  PURE HTTP/1.1 as bytes; http2 the same for HTTP/2, on what heads are made of there
//! tasks    the only spawn            durable  files that survive a crash
//! ```

pub mod cli;
pub mod config;
pub mod control;
pub mod durable;
pub mod http1;
pub mod http2;
pub mod import;
pub mod model;
pub mod proxy;
pub mod tasks;
pub mod telemetry;
pub mod tls;
