//! What may be typed for `preview`.

use std::time::Duration;

use clap::Args;

use super::duration::parse_duration;
use super::help::{TEMPLATE, examples};

/// `preview`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl preview prod                      a link for each host, for an hour",
    "proxyctl preview prod --for 10m",
    "proxyctl preview prod --end                nobody sees the idle side any more",
], after_help = PREVIEW)]
pub struct PreviewArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// For how long, at most `168h`; it ends with the switch in any case
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "1h")]
    pub period: Duration,
    /// End all that are open
    #[arg(long, conflicts_with = "period")]
    pub end: bool,
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}

const PREVIEW: &str = "\
Whoever opens a link sees the idle side of the environment, on the real hostname, until the preview
ends; everybody else is served as ever. Scripts send the last part of a link as the header
X-Greengate-Preview. A link is a secret: give it to those who are to look.";
