//! Tables become services.
//!
//! - `merge` which settings hold for each service, after `extends` and `[defaults]`
//! - `service` the checked service from its settings

pub(crate) mod merge;
pub(crate) mod service;
