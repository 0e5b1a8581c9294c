//! What may be typed for `sleep` and `wake`.

use std::time::Duration;

use clap::Args;

use super::duration::parse_duration;
use super::help::{TEMPLATE, examples};

/// `sleep`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl sleep dev                         stop its app now; the next request starts it",
    "proxyctl sleep dev --timeout 5m            what is under way may take so long to end",
], after_help = SLEEP)]
pub struct SleepArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// For what is under way to end; if it does not, nothing is stopped
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "60s")]
    pub timeout: Duration,
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}

/// `wake`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl wake dev                          start its app now, and wait until it answers",
    "proxyctl wake dev && curl https://dev.example.com",
])]
pub struct WakeArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}

const SLEEP: &str = "\
Only an environment with `sleep` in the file can sleep: it says how the app is stopped and started.
Requests under way finish, WebSockets are closed politely, and `stop` runs when nothing is inside. A
request that comes before that calls it off; one that comes later is held until the app answers again.";
