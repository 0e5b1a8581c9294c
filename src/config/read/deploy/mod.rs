//! `deploy`: how `proxyctl deploy` starts and stops the sides of an environment, or of one of its services.
//!
//! - `table` the keys, and which of them go together; `presets` the values that say how a side is started
//! - `reading` texts with placeholders

mod presets;
mod reading;
mod table;

pub(crate) use reading::SHELL;
pub(crate) use table::{RawDeploy, deploy};
