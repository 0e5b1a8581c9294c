//! What may be typed for `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::help::{TEMPLATE, examples};

/// `import`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl import nginx /etc/nginx/nginx.conf > proxy.toml",
    "proxyctl import caddy /etc/caddy/Caddyfile > proxy.toml",
    "proxyctl import nginx sites-enabled/app        one site of them",
    "proxyctl check proxy.toml                      then: what is missing on this machine?",
], after_help = "Files that it includes are read, nothing is run, and nothing is changed. What has no counterpart stands in the result as a \
    comment, with its file and line.\nExit codes: 0 imported, also where something needs a look; 2 usage, or the file is not what it claims \
    to be.")]
pub struct ImportConfigArgs {
    /// Whose language the file is written in
    #[arg(value_name = "nginx|caddy", hide_possible_values = true)]
    pub language: FrontDoor,
    /// The file; what it includes is found beside it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the result and its counts as JSON
    #[arg(long)]
    pub json: bool,
}

/// Whose configuration is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FrontDoor {
    /// `nginx.conf`, or a file that it includes.
    Nginx,
    /// A Caddyfile.
    Caddy,
}
