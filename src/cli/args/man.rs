//! What may be typed for `man`.

use std::path::PathBuf;

use clap::Args;

use super::help::{TEMPLATE, examples};

/// `man`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "sudo proxyctl man /usr/local/share/man     then `man proxyd`, `man proxy.toml`",
])]
pub struct ManArgs {
    /// Where the folders `man1`, `man5` and `man8` are, or are made
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}
