//! What may be typed for `check`.

use std::path::PathBuf;

use clap::Args;

use super::help::{TEMPLATE, examples};

/// Where `check` looks when no file is named, as the daemon does.
const CONFIG: &str = "/etc/greengate/proxy.toml";

/// `check`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl check",
    "proxyctl check --online                    do the hosts lead here, and is port 80 open?",
    "proxyctl check --explain https://app.example.com/uploads/x     what holds there, and which line says so",
    "proxyctl check proxy.toml && systemctl reload greengate",
])]
pub struct CheckArgs {
    /// The file
    #[arg(value_name = "FILE", default_value = CONFIG)]
    pub file: PathBuf,
    /// Print counts and report as JSON
    #[arg(long)]
    pub json: bool,
    /// Show what holds for a URL: who answers, which entries of `at` apply, and every key with its line
    #[arg(long, value_name = "URL")]
    pub explain: Option<String>,
    /// Look too whether the hosts lead to this machine, and whether port 80 answers
    #[arg(long)]
    pub online: bool,
}
