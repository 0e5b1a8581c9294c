//! What may be typed for `history`.

use clap::Args;

use super::help::{TEMPLATE, examples};

/// `history`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl history prod",
    "proxyctl history prod --verbose --limit 1",
    "proxyctl history --limit 100 --json",
])]
pub struct HistoryArgs {
    /// Only this environment
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// How many operations
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Show the commands of a deployment too, with their exit codes and what they wrote
    #[arg(long, short)]
    pub verbose: bool,
    /// Print the journal's entries as JSON lines
    #[arg(long)]
    pub json: bool,
}
