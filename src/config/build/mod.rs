//! Tables become services: `merge` lays `[defaults]`, environment and service over one another, `service` fills in the defaults.

pub(crate) mod merge;
pub(crate) mod service;
