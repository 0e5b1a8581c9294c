//! What may be typed for `pause`.

use std::ffi::OsString;
use std::time::Duration;

use clap::Args;

use super::duration::parse_duration;
use super::help::{TEMPLATE, examples};

/// `pause`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl pause prod -- systemctl restart app     no request fails, whatever its method",
    "proxyctl pause prod --timeout 2m -- ./migrate.sh",
    "proxyctl pause prod --writes -- ./migrate.sh     readers see nothing of it",
    "proxyctl pause prod                              until `proxyctl resume prod`, at most 30 s",
], after_help = PAUSE)]
pub struct PauseArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// For all of it: what is under way, the command, and the app's health
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "30s")]
    pub timeout: Duration,
    /// Hold only what may write: GET, HEAD, OPTIONS and open streams go on
    #[arg(long)]
    pub writes: bool,
    /// Print the daemon's events as JSON lines (a command writes to the same stdout)
    #[arg(long)]
    pub json: bool,
    /// What to run while nobody needs the app; it runs as you, here
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<OsString>,
}

const PAUSE: &str = "\
With --writes, what only reads goes on, no stream is closed, and the command runs as soon as no write is
under way. Without it:
New requests wait, those under way finish (WebSockets are closed politely, their clients come back),
the command runs, and when the app is healthy again everybody goes on. If it is not healthy in time,
those who wait get 503.

\x1b[1m\x1b[4mExit codes with a command:\x1b[0m
  the command's own, or
  124  it took too long
  125  the pause itself failed (no daemon, no such environment, another operation)
  126  the command cannot be executed
  127  there is no such command";
