//! Tables become services.
//!
//! - `merge` which settings hold for each service, after `extends` and `[defaults]`
//! - `policy` what its requests are under, from the same settings
//! - `parts` the same for each set of parts that a path may lie in
//! - `error_pages` the folders of error pages, each read once
//! - `deploy` how the sides of an environment are started and stopped
//! - `service` the checked service from its settings

pub(crate) mod deploy;
pub(crate) mod error_pages;
pub(crate) mod merge;
pub(crate) mod parts;
pub(crate) mod policy;
pub(crate) mod service;
