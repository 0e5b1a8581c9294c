//! Text → a [`Config`] that cannot be wrong. What a user typed stops here; everything behind it holds checked values.
//!
//! [`Config::load`] is the door for a file, [`diff`] for a second one. Each floor sees only those above it in this list:
//!
//! - `text` TOML with the place of every word, units, and how errors are shown
//! - `checked` the types of a checked configuration
//! - `read` each table on its own: typed values → checked ones
//! - `build` `extends`, defaults: tables → services
//! - `check` the whole file: services compared with each other and the world, every error at once
//! - `reload` what differs between two configurations

mod build;
mod check;
mod checked;
mod read;
mod reload;
mod text;

pub use checked::{
    AccessLogTarget, Acme, Bake, Challenge, Config, Drain, Eab, Environment, Health, Hold, Keepalive, Listen, Redirect,
    Reuse, Server, Service, Slots, StatusRange, Timeouts, Tls, VersionSource,
};
pub use reload::diff::{Diff, adopt, diff};
pub use text::report::{Diagnostic, LoadError, Severity, render};
