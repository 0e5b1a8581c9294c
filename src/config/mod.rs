//! Text → a [`Config`] that cannot be wrong. What a user typed stops here; everything behind it holds checked values.
//!
//! The way of a file: `raw` keeps what was typed and where; `settings`, `environments`, `server`, `acme` and `redirects` read the
//! values
//! (with `read` and `values`, and `keys` for the names); `merge` applies `extends` and lays the tables over one another; `service` fills
//! in the defaults; `hosts`, `addresses` and `certificates` compare the services with each other and the world. `check` calls
//! them in that order and collects every error, `report` shows them.

mod acme;
mod addresses;
mod certificates;
mod check;
mod checked;
mod describe;
pub mod diff;
mod environments;
mod host;
mod hosts;
mod keys;
mod merge;
mod raw;
mod read;
mod redirects;
pub mod report;
mod server;
mod service;
mod settings;
mod tls;
pub mod units;
mod unknown;
mod values;
mod words;

pub use checked::{
    AccessLogTarget, Acme, Bake, Challenge, Config, Drain, Eab, Environment, Health, Hold, Keepalive, Listen, Redirect,
    Reuse, Server, Service, Slots, StatusRange, Timeouts, Tls, VersionSource,
};
pub use report::{Diagnostic, LoadError, Severity};
