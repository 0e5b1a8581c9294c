//! What may be typed for everything that switches an environment: `swap`, `rollback`, `deploy`, `promote`.

use std::time::Duration;

use clap::Args;

use super::duration::parse_duration;

/// What every switch takes.
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// Answer a protected environment's question for its name
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub yes: Option<String>,
    /// How long the new side may take to become healthy (`90s`, `5m`) [default: `health.deadline`]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub deadline: Option<Duration>,
}
