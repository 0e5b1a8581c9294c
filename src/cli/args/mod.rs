//! What may be typed: for each command of `commands`, a file of the same name.
//!
//! - `command` all of them, and what stands before each
//! - `switch` what those have in common that switch an environment
//! - `help` how every help text looks; `duration` times as people type them

mod backup;
mod certs;
mod check;
mod command;
mod completions;
mod demo;
mod deploy;
mod duration;
mod help;
mod history;
mod import;
mod logs;
mod man;
mod notify;
mod parity;
mod passwd;
mod pause;
mod preview;
mod sleep;
mod status;
mod swap;
mod switch;
mod upkeep;

pub use backup::{BackupArgs, OutsideFiles, RestoreArgs};
pub use certs::{CertsArgs, CertsCommand, ImportArgs, RenewArgs};
pub use check::CheckArgs;
pub use command::{Cli, Command};
pub use completions::{CompletionsArgs, Shell};
pub use demo::DemoArgs;
pub use deploy::{DeployArgs, DeployOptions, PromoteArgs};
pub use duration::parse_duration;
pub use history::HistoryArgs;
pub use import::{FrontDoor, ImportConfigArgs};
pub use logs::LogsArgs;
pub use man::ManArgs;
pub use notify::{NotifyArgs, NotifyCommand, NotifyTestArgs};
pub use parity::ParityArgs;
pub use passwd::PasswdArgs;
pub use pause::PauseArgs;
pub use preview::PreviewArgs;
pub use sleep::{SleepArgs, WakeArgs};
pub use status::StatusArgs;
pub use swap::{OperationArgs, RollbackArgs, SwapArgs, parse_target};
pub use switch::SwitchArgs;
pub use upkeep::{MaintenanceArgs, ReloadArgs, ResumeArgs, Toggle, UpgradeArgs};
