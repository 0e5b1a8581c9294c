//! The commands, and what stands before each.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::backup::{BackupArgs, RestoreArgs};
use super::certs::CertsArgs;
use super::check::CheckArgs;
use super::completions::CompletionsArgs;
use super::demo::DemoArgs;
use super::deploy::{DeployArgs, PromoteArgs};
use super::help::{TEMPLATE, examples};
use super::history::HistoryArgs;
use super::import::ImportConfigArgs;
use super::logs::LogsArgs;
use super::man::ManArgs;
use super::notify::NotifyArgs;
use super::parity::ParityArgs;
use super::passwd::PasswdArgs;
use super::pause::PauseArgs;
use super::preview::PreviewArgs;
use super::sleep::{SleepArgs, WakeArgs};
use super::status::StatusArgs;
use super::swap::{RollbackArgs, SwapArgs};
use super::upkeep::{MaintenanceArgs, ReloadArgs, ResumeArgs, UpgradeArgs};

const EXIT_CODES: &str = "\x1b[1m\x1b[4mExit codes:\x1b[0m
  0  done
  1  failed
  2  usage, or an invalid configuration
  3  the daemon cannot be reached
  4  refused by the health checks or a rule; nothing changed
  5  another operation holds the environment
  6  switched, and rolled back by itself
  7  stopped waiting; the operation goes on in the daemon";

/// Moves an environment from blue to green (or back) without a client noticing
#[derive(Debug, Parser)]
#[command(
    name = "proxyctl",
    version,
    help_template = TEMPLATE,
    before_help = examples![
        "proxyctl demo --once                       see it work: no root, no file, no network",
        "proxyctl import nginx /etc/nginx/nginx.conf > proxy.toml",
        "proxyctl check proxy.toml                  is this configuration right?",
        "proxyctl status                            what is live, and is it well?",
        "proxyctl deploy prod                       start a new version, switch to it, stop the old one",
        "proxyctl promote dev prod                  deploy what dev runs, once it has proven itself there",
        "proxyctl swap prod                         check the idle side, switch, drain the old one",
        "proxyctl swap prod --expect-version 8b71ff7",
        "proxyctl rollback prod                     the way back",
        "proxyctl logs prod --fault app -f          what the app gets wrong, as it happens",
    ],
    after_help = EXIT_CODES,
    disable_help_subcommand = true,
)]
pub struct Cli {
    /// The daemon's control socket [default: /run/greengate/control.sock; env: PROXYCTL_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is live, how it does, and what still drains
    Status(StatusArgs),
    /// Start a new version beside the old one, switch to it once it is healthy, and stop the old one
    Deploy(DeployArgs),
    /// Deploy to one environment the version that another one runs, once that has proven itself there
    Promote(PromoteArgs),
    /// Switch an environment to its idle side, once that is healthy
    Swap(SwapArgs),
    /// Switch back to the previous side, once that is healthy
    Rollback(RollbackArgs),
    /// Hold new requests while a command restarts the app in place
    Pause(PauseArgs),
    /// Let held requests go on, once the app is healthy
    Resume(ResumeArgs),
    /// Answer visitors with 503 and a page, or no longer
    Maintenance(MaintenanceArgs),
    /// Show the idle side to whoever has a link, before it is switched to
    Preview(PreviewArgs),
    /// Stop an app that nobody needs; the next request starts it
    Sleep(SleepArgs),
    /// Start the app of an environment that sleeps, and wait until it answers
    Wake(WakeArgs),
    /// Serve the configuration file as it is now; what did not change does not notice
    Reload(ReloadArgs),
    /// Replace the running proxyd by the one on disk, without a refused connection
    Upgrade(UpgradeArgs),
    /// Show requests as they come, and the newest ones: what fails, what is slow, and whose fault it is
    Logs(LogsArgs),
    /// Show who switched what, when, and how it ended
    History(HistoryArgs),
    /// Show what differs between two environments, and should not
    Parity(ParityArgs),
    /// Show, renew and import certificates
    Certs(CertsArgs),
    /// Try whether those who are told of trouble get a message
    Notify(NotifyArgs),
    /// Set or delete a password in a file of users, for `auth.basic`
    Passwd(PasswdArgs),
    /// Put configuration, state, account and certificates into one file
    Backup(BackupArgs),
    /// Put back what is in such a file, here or on another machine
    Restore(RestoreArgs),
    /// Check a configuration file; every finding at once
    Check(CheckArgs),
    /// Make a proxy.toml of the configuration of nginx or Caddy
    Import(ImportConfigArgs),
    /// Watch swaps under load: a daemon, two apps and clients, all on this machine
    Demo(DemoArgs),
    /// Print what a shell needs to complete these commands
    Completions(CompletionsArgs),
    /// Write the manual pages, for packages
    #[command(hide = true)]
    Man(ManArgs),
    /// The demo's daemon.
    #[command(name = "__proxyd", hide = true)]
    Daemon {
        /// Arguments of `proxyd`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// One of the demo's apps.
    #[command(name = "__demo-app", hide = true)]
    DemoApp {
        /// Where it listens, on 127.0.0.1.
        #[arg(long)]
        port: u16,
        /// What it calls itself.
        #[arg(long)]
        version: String,
    },
}
