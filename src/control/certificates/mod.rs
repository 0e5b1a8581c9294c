//! What the daemon does about certificates; how they are obtained, kept and shown is the `tls` room's.
//!
//! - `certificates` tells the `tls` room which hosts there are, and people how their certificates stand
//! - `renewer` has them obtained and renewed in time
//! - `online` asks, for `proxyctl check --online`, whether each host leads here

mod certificates;
mod online;
mod renewer;

pub(super) use certificates::Certificates;
pub use online::look;
