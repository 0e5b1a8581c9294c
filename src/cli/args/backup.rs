//! What may be typed for `backup` and `restore`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::help::{TEMPLATE, examples};

/// The configuration that the daemon serves unless it is told otherwise.
const CONFIG: &str = "/etc/greengate/proxy.toml";

/// `backup`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "sudo proxyctl backup /root/greengate.tar.gz          while the daemon runs, or without one",
    "sudo proxyctl backup - | age -r age1… > greengate.tar.gz.age",
    "tar -xzOf greengate.tar.gz manifest.json             what is in it?",
], after_help = "Private keys are in it: the file is for its owner alone. It has to be run as root, or as the user that `proxyd` runs as.")]
pub struct BackupArgs {
    /// The archive (tar and gzip); `-` is standard output
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The configuration
    #[arg(long, short, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
    /// The state folder [default: as `proxyd` finds it]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Print what is in it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `restore`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl restore greengate.tar.gz --dry-run          what would it do here?",
    "sudo proxyctl restore /root/greengate.tar.gz && sudo systemctl start greengate",
    "age -d -i key.txt greengate.tar.gz.age | sudo proxyctl restore -",
], after_help = "Exit codes: 0 restored, or all is here already; 1 failed; 2 usage, or the file cannot be used; 4 refused, and nothing changed.")]
pub struct RestoreArgs {
    /// The archive that `proxyctl backup` made; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the configuration goes
    #[arg(long, short, value_name = "FILE", default_value = CONFIG)]
    pub config: PathBuf,
    /// Where the state goes [default: where a `proxyd` with that configuration looks for it]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Only show what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Overwrite what is here and different
    #[arg(long)]
    pub force: bool,
    /// What becomes of files that the configuration names outside of its folder
    #[arg(long, value_name = "write|leave", value_enum, hide_possible_values = true)]
    pub outside: Option<OutsideFiles>,
    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
}

/// What becomes of files outside of the configuration's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutsideFiles {
    /// Write them
    Write,
    /// Leave them as they are here
    Leave,
}
