//! What may be typed for `status`.

use clap::Args;

use super::help::{TEMPLATE, examples};

/// `status`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl status",
    "proxyctl status prod --exit-code           1 when something is not healthy",
    "proxyctl status --watch                    a table, once a second, until Ctrl-C",
    "proxyctl status prod --watch               all of one environment, for an incident",
    "proxyctl status --json | jq .environments",
])]
pub struct StatusArgs {
    /// Only this environment
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// The same, as an option
    #[arg(
        long = "environment",
        value_name = "ENV",
        hide = true,
        conflicts_with = "environment"
    )]
    pub of: Option<String>,
    /// Go on, once a second
    #[arg(long, short, conflicts_with = "exit_code")]
    pub watch: bool,
    /// Print what the daemon says as JSON (with `--watch`, a line each second)
    #[arg(long)]
    pub json: bool,
    /// Exit 1 when an instance is not healthy, or not known to be
    #[arg(long)]
    pub exit_code: bool,
}

impl StatusArgs {
    /// The environment, however it was named.
    pub fn only(&self) -> Option<&str> {
        self.environment.as_deref().or(self.of.as_deref())
    }
}
