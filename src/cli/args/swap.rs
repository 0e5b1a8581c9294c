//! What may be typed for `swap` and `rollback`, and the request that it becomes.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use super::deploy::PATIENCE;
use super::duration::parse_duration;
use super::help::{TEMPLATE, examples};
use super::switch::SwitchArgs;
use crate::model::api::{Kind, OperationRequest, Target, millis};
use crate::model::slot::{Address, Slot};

/// `swap`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl swap prod                         to the idle side",
    "proxyctl swap prod --dry-run               show what would move, and stop",
    "proxyctl swap prod --expect-version 8b71ff7",
    "proxyctl swap prod --to 3005               to an address that is not in the file",
    "proxyctl swap prod --to web=3005,api=8012",
    "proxyctl swap prod --yes=prod              a protected environment, from a script",
])]
pub struct SwapArgs {
    /// What every operation takes.
    #[command(flatten)]
    pub common: OperationArgs,
    /// `blue`, `green`, an address (`3005`, `host:port`, `unix:/path`, `files:/folder`), or `SERVICE=ADDRESS,…` [default: the idle side]
    #[arg(long, value_name = "TO", value_parser = parse_target)]
    pub to: Option<Target>,
    /// Refuse unless the new side calls itself this (see `health.version`)
    #[arg(long, value_name = "VERSION")]
    pub expect_version: Option<String>,
}

/// `rollback`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl rollback prod",
    "proxyctl rollback prod --no-wait           return once the previous side serves",
    "proxyctl rollback prod --yes=prod          a protected environment, from a script",
], after_help = ROLLBACK)]
pub struct RollbackArgs {
    /// What every operation takes.
    #[command(flatten)]
    pub common: OperationArgs,
    /// How long a daemon that went away may take to come back
    #[arg(long, hide = true, value_name = "TIME", value_parser = parse_duration, default_value = PATIENCE)]
    pub patience: Duration,
}

/// What `swap` and `rollback` share.
#[derive(Debug, Args)]
pub struct OperationArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Switch whatever the health checks and `require_*` say, once the new side accepts a connection
    #[arg(long)]
    pub force: bool,
    /// What every switch takes.
    #[command(flatten)]
    pub switch: SwitchArgs,
    /// Stop waiting after this time; the operation goes on (exit 7)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Return once the new side serves; the old one drains by itself
    #[arg(long)]
    pub no_wait: bool,
    /// Print the daemon's events as JSON lines
    #[arg(long)]
    pub json: bool,
}

const ROLLBACK: &str = "\
Where `[env.ENV.deploy]` says how, the previous side is started first if it was stopped, and the side that
is left is stopped as after a deploy.";

impl SwapArgs {
    /// What the daemon is asked for; `confirmed` is the name that was typed or given.
    #[must_use]
    pub fn request(&self, confirmed: Option<String>) -> OperationRequest {
        OperationRequest {
            to: self.to.clone(),
            expect_version: self.expect_version.clone(),
            ..self.common.request(Kind::Swap, confirmed)
        }
    }
}

impl OperationArgs {
    /// What the daemon is asked for; `confirmed` is the name that was typed or given.
    #[must_use]
    pub fn request(&self, kind: Kind, confirmed: Option<String>) -> OperationRequest {
        OperationRequest {
            dry_run: self.dry_run,
            force: self.force,
            confirmed,
            deadline_ms: self.switch.deadline.map(millis),
            ..OperationRequest::new(self.environment.clone(), kind)
        }
    }
}

/// Reads what `--to` takes.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_target(text: &str) -> Result<Target, String> {
    match text {
        "blue" => return Ok(Target::Slot(Slot::Blue)),
        "green" => return Ok(Target::Slot(Slot::Green)),
        _ => {}
    }
    let address = |text: &str| text.parse::<Address>().map_err(|error| error.to_string());
    if text.starts_with("unix:") || text.starts_with("files:") || !text.contains('=') {
        return Ok(Target::Address(address(text)?));
    }
    let mut services = BTreeMap::new();
    for part in text.split(',') {
        let Some((service, at)) = part.split_once('=').filter(|(service, _)| !service.is_empty()) else {
            return Err(format!("`{part}` is not `SERVICE=ADDRESS`"));
        };
        if services.insert(service.to_owned(), address(at)?).is_some() {
            return Err(format!("names `{service}` twice"));
        }
    }
    Ok(Target::Services(services))
}
