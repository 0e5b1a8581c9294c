//! What may be typed for `reload`, `resume`, `maintenance` and `upgrade`.

use std::path::PathBuf;

use clap::Args;

use super::help::{TEMPLATE, examples};

/// `resume`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl resume prod                       when the app is healthy",
    "proxyctl resume prod --force               whatever the health checks say",
])]
pub struct ResumeArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Do not wait for the app's health
    #[arg(long)]
    pub force: bool,
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// `maintenance`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl maintenance prod on --message \"Back at 14:00\"",
    "proxyctl maintenance prod on --allow 192.0.2.7 --allow 10.0.0.0/8",
    "proxyctl maintenance prod on --page soon.html",
    "proxyctl maintenance prod off",
])]
pub struct MaintenanceArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// On or off; it outlasts a restart of the daemon
    #[arg(value_name = "on|off", hide_possible_values = true)]
    pub toggle: Toggle,
    /// A sentence for the page
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
    /// An HTML page in place of ours; the daemon keeps a copy
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
    /// Who sees the site all the same: a network or an address; may be given more than once
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// `on` or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Toggle {
    /// Visitors get 503.
    On,
    /// They are served.
    Off,
}

/// `reload`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl reload --dry-run                  what would change?",
    "proxyctl reload                            serve the file as it is now, or refuse all of it",
])]
pub struct ReloadArgs {
    /// Show what would change, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// `upgrade`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl upgrade                           after a new proxyd was put in the place of the old one",
])]
pub struct UpgradeArgs {
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}
