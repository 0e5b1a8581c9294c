//! Where a request goes.
//!
//! - `route` host and path → destination
//! - `snapshot` what every request reads once; published with one store
//! - `activation` one period in which a slot is live; `gate` who is inside of it, with the atomics of `atomic`
//! - `maintenance` the page of an environment under maintenance
//! - `bell` how a request calls for an environment that sleeps
//! - `preview` what serves those who look at an idle side

pub(crate) mod activation;
pub(crate) mod atomic;
pub(crate) mod bell;
pub(crate) mod gate;
pub(crate) mod maintenance;
pub(crate) mod preview;
pub(crate) mod route;
pub(crate) mod snapshot;
