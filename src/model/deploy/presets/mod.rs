//! How each tool is told to start a side, to stop it, and to show its log.

mod compose;
mod docker;
mod plain;
mod pm2;
mod systemd;

pub use compose::Compose;
pub use docker::{Docker, Misfit};
pub use plain::Plain;
pub use pm2::Pm2;
pub use systemd::Systemd;
