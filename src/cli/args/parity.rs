//! What may be typed for `parity`.

use clap::Args;

use super::help::{TEMPLATE, examples};

/// `parity`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl parity prod dev                   1 when they differ",
    "proxyctl parity prod dev --json | jq '.differences[] | .key'",
])]
pub struct ParityArgs {
    /// An environment
    #[arg(value_name = "A")]
    pub a: String,
    /// The one that it is compared with
    #[arg(value_name = "B")]
    pub b: String,
    /// Print what the daemon says as JSON
    #[arg(long)]
    pub json: bool,
}
