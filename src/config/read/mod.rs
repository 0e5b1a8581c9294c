//! Each table of the file on its own: typed values become checked ones, each with its place. Compares nothing with anything else.
//!
//! - `plain` booleans, texts, numbers, durations, sizes; `values` what has a grammar of its own, `host` and `tls` among it
//! - `keys` where a key may stand; `settings` the keys that `[defaults]`, environments and services share
//! - `environments`, `server`, `acme`, `redirects` the tables
//! - `unknown` what is said about a key that its table does not know

pub(crate) mod acme;
pub(crate) mod environments;
mod host;
pub(crate) mod keys;
pub(crate) mod plain;
pub(crate) mod redirects;
pub(crate) mod server;
pub(crate) mod settings;
pub(crate) mod tls;
pub(crate) mod unknown;
mod values;
