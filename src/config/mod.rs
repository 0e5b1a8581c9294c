//! From the text of a file to a [`Config`] that cannot be wrong. What was typed stops here; other rooms see checked
//! values only.
//!
//! [`Config::load`] reads a file, and [`diff`] compares two configurations for a reload. Each floor sees only those
//! that stand before it here:
//!
//! - `text` TOML with the place of every value, units, and the reports that point into the file
//! - `slots`, `policy`, `deploy`, `notify` and `checked` the types of a checked configuration
//! - `read` each table on its own: what was typed becomes checked values, or a diagnostic
//! - `build` services from their tables, with `extends` and defaults
//! - `check` the whole file, with its services compared with each other and the world; every error at once
//! - `reload` the differences between two configurations
//! - `parity` the shape of an environment, which another may be compared with
//! - `explain` what a file makes of a URL, line by line

mod build;
mod check;
mod checked;
mod deploy;
mod explain;
mod notify;
mod parity;
mod policy;
mod read;
mod reload;
mod slots;
mod text;

pub use checked::{
    AccessLogFormat, AccessLogTarget, Acme, Bake, Challenge, Config, Drain, Eab, Environment, Health, Hold, Keepalive,
    Listen, Redirect, Reuse, Server, Service, StatusRange, Tls, VersionSource,
};
pub use deploy::Deploy;
pub use explain::explain;
pub use notify::{Destination, SecretUrl, Way, secrets};
pub use parity::shape;
pub use policy::{
    Auth, Cache, Forward, HeaderRule, Limits, Part, Parts, PathPattern, Policy, Redirection, Scope, SecurityHeaders,
    Timeouts,
};
pub use reload::diff::{Diff, adopt, diff};
pub use slots::{Public, Slots};
pub use text::report::{Diagnostic, LoadError, Severity, render};
pub(crate) use text::units::parse_duration;
