//! One file a command.
//!
//! - `status`, `watch`, `logs`, `history`, `parity` and `certs` look; `check` reads a file, `passwd` writes one; `demo` shows the promise
//! - `backup` takes everything into one file, `restore` puts it back
//! - `deploy` runs commands around a swap, or a rollback; `promote` is a deploy of what another environment runs
//! - `swap` (with rollback), `pause`, `preview`, `sleep` (with wake) and `upkeep` (reload, resume, maintenance) ask for an operation, and watch it
//! - `notify` tries whether messages arrive
//! - `import` makes a configuration of another front door's
//! - `completions` and `man` are for shells and packages
//! - `watcher` shows an operation's events
//! - `environment` what to say to a name that no environment has

pub mod backup;
pub mod certs;
pub mod check;
pub mod completions;
pub mod demo;
pub mod deploy;
mod environment;
pub mod history;
pub mod import;
pub mod logs;
pub mod man;
pub mod notify;
pub mod parity;
pub mod passwd;
pub mod pause;
pub mod preview;
pub mod restore;
pub mod sleep;
pub mod status;
pub mod swap;
pub mod upkeep;
pub mod watch;
mod watcher;
