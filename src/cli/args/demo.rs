//! What may be typed for `demo`.

use clap::Args;

use super::help::{TEMPLATE, examples};

/// `demo`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl demo                              until Ctrl-C",
    "proxyctl demo --once                       five swaps, then exit 0 if no client saw one",
])]
pub struct DemoArgs {
    /// Five swaps and a verdict: exit 0 only if nothing failed
    #[arg(long)]
    pub once: bool,
    /// Print the verdict as JSON
    #[arg(long)]
    pub json: bool,
}
