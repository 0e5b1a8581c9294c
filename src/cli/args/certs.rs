//! What may be typed for `certs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::help::{TEMPLATE, examples};

/// `certs`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl certs                             every host: issuer, days left, next attempt, last error",
    "proxyctl certs renew app.example.com       get a new one now",
    "sudo proxyctl certs import /etc/letsencrypt",
], subcommand_value_name = "COMMAND", disable_help_subcommand = true)]
pub struct CertsArgs {
    /// What to do [default: list]
    #[command(subcommand)]
    pub command: Option<CertsCommand>,
    /// Print what the daemon says as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum CertsCommand {
    /// Show how the certificate of every host stands
    List,
    /// Get a host's certificate anew, and wait for it
    Renew(RenewArgs),
    /// Serve what certbot obtained, and renew it when it is due
    Import(ImportArgs),
}

/// `certs renew`.
#[derive(Debug, Args)]
pub struct RenewArgs {
    /// The host, as it stands in the configuration
    #[arg(value_name = "HOST")]
    pub host: String,
}

/// `certs import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// certbot's folder, its `live` folder, or a folder with `fullchain.pem` and `privkey.pem`
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}
