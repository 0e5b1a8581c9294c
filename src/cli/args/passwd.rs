//! What may be typed for `passwd`.

use std::path::PathBuf;

use clap::Args;

use super::help::{TEMPLATE, examples};

/// `passwd`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "sudo proxyctl passwd /etc/greengate/dev.htpasswd anna",
    "pwgen 20 1 | proxyctl passwd dev.htpasswd ci          from standard input where that is no terminal",
    "proxyctl passwd dev.htpasswd anna --delete",
], after_help = "`auth.basic = \"FILE\"` in proxy.toml asks for these passwords. A running daemon reads a changed file by itself.")]
pub struct PasswdArgs {
    /// The file of users; it is made where it is missing
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whose password is set
    #[arg(value_name = "USER")]
    pub user: String,
    /// Take the user out of the file
    #[arg(long)]
    pub delete: bool,
    /// Print what was done as JSON
    #[arg(long)]
    pub json: bool,
}
