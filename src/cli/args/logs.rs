//! What may be typed for `logs`.

use std::time::Duration;

use clap::Args;

use super::duration::parse_duration;
use super::help::{TEMPLATE, examples};
use crate::model::log_filter::parse_status;

/// `logs`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl logs prod                         the newest 50 requests",
    "proxyctl logs prod -f                      and every one that comes",
    "proxyctl logs prod --fault app             what the app got wrong, and how",
    "proxyctl logs prod --path /api --slower 1s -f",
    "proxyctl logs --status 500-503 -n 10000    of everything that is kept",
    "proxyctl logs prod --json | jq -r .user_agent",
], after_help = "The daemon keeps the newest 10,000 lines of its access log in memory (8 MiB at most), wherever the log \
    itself goes; what has `log = false` has none. After a restart it begins anew.")]
pub struct LogsArgs {
    /// Only this environment
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// Go on with what comes, also over a restart of the daemon, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// How many of those that are there already
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub lines: u32,
    /// Only this service
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// Only such answers: `404`, `5xx` or `500-503`
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Option<String>,
    /// Only what took longer than this: `1s`, `250ms`
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub slower: Option<Duration>,
    /// Only this path, and what lies below it
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Only what failed by this one's fault: `app`, `proxy` or `client`
    #[arg(long, value_name = "WHO", value_parser = ["app", "proxy", "client"], hide_possible_values = true)]
    pub fault: Option<String>,
    /// Print the lines as the daemon has them: JSON, with every field
    #[arg(long)]
    pub json: bool,
}

/// As it was typed, once it is one.
fn status(text: &str) -> Result<String, String> {
    parse_status(text).map(|_| text.to_owned())
}
