//! The table `deploy`, decided: a side of an environment and a version in; the commands that start it, stop it and show its log out.
//! They are run by `proxyctl`, as its caller.
//!
//! - `table` what the configuration says; `presets` how each tool is spoken to
//! - `words` the words of a command; `placeholders` what stands in braces in them
//! - `command` one command as it is run; `version` which texts may be called a version

mod command;
mod placeholders;
mod presets;
mod table;
mod version;
mod words;

#[cfg(test)]
mod tests;

pub use command::{CommandLine, Condition, Met};
pub use placeholders::{NoValue, Placeholder, Template, Values};
pub use presets::{Compose, Docker, Misfit, Plain, Pm2, Systemd};
pub use table::{Preset, Table};
pub use version::{BadVersion, check_version};
pub use words::{Words, WordsError};
