//! Each table of the file on its own: what was typed becomes checked values, each with its place in the text.
//!
//! - `plain` texts, lists, numbers, durations, sizes; `values` what has a grammar of its own; `host`, `networks`,
//!   `tls`, `auth`, `forward`, `compress`, `log_query`, `error_pages`, `headers`, `files`, `targets` and `command` likewise
//! - `keys` the kinds of tables, and where a key may stand
//! - `settings` the keys that `[defaults]`, environments and services share, with their defaults
//! - `environments`, `deploy`, `sleep`, `parts`, `server` with `listening` and `watching`, `acme`, `redirects`, `notify` the tables
//! - `unknown` what is said about a key that its table does not know

pub(crate) mod acme;
pub(crate) mod auth;
mod command;
pub(crate) mod compress;
pub(crate) mod deploy;
pub(crate) mod environments;
mod error_pages;
mod files;
pub(crate) mod forward;
pub(crate) mod headers;
mod host;
pub(crate) mod keys;
mod listening;
mod log_query;
mod networks;
pub(crate) mod notify;
pub(crate) mod parts;
pub(crate) mod plain;
pub(crate) mod public;
pub(crate) mod redirects;
pub(crate) mod server;
pub(crate) mod settings;
pub(crate) mod sleep;
mod stale_assets;
pub(crate) mod targets;
pub(crate) mod tls;
pub(crate) mod unknown;
mod values;
mod watching;
