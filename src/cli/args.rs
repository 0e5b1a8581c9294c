//! What may be typed. Every help text shows its examples first, because those are what people look for.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use self::upkeep::{MaintenanceArgs, PauseArgs, ReloadArgs, ResumeArgs, Switch};
use crate::model::api::{Kind, OperationRequest, Target, millis};
use crate::model::slot::{Address, Slot};

/// About, examples, usage, arguments.
const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// Where `check` looks when no file is named, as the daemon does.
const CONFIG: &str = "/etc/greengate/proxy.toml";

/// Examples with a heading like clap's own; clap drops the styling where there is no terminal.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!("\x1b[1m\x1b[4mExamples:\x1b[0m", $("\n  ", $line),+)
    };
}

// Behind the macro, which it uses.
mod upkeep;

const EXIT_CODES: &str = "\x1b[1m\x1b[4mExit codes:\x1b[0m
  0  done
  1  failed
  2  usage, or an invalid configuration
  3  the daemon cannot be reached
  4  refused by the health gate or a rule; nothing changed
  5  another operation holds the environment
  6  switched, and rolled back by itself
  7  stopped waiting; the operation goes on in the daemon";

/// Moves an environment from blue to green (or back) without a client noticing
#[derive(Debug, Parser)]
#[command(
    name = "proxyctl",
    version,
    help_template = TEMPLATE,
    before_help = examples![
        "proxyctl demo --once                       see it work: no root, no file, no network",
        "proxyctl check proxy.toml                  is this configuration right?",
        "proxyctl status                            what is live, and is it well?",
        "proxyctl swap prod                         check the idle side, switch, drain the old one",
        "proxyctl swap prod --expect-version 8b71ff7",
        "proxyctl rollback prod                     the way back",
    ],
    after_help = EXIT_CODES,
    disable_help_subcommand = true,
)]
pub struct Cli {
    /// The daemon's control socket [default: /run/greengate/control.sock; env: PROXYCTL_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is live, how it does, and what still drains
    Status(StatusArgs),
    /// Switch an environment to its idle side, once that is healthy
    Swap(SwapArgs),
    /// Switch back to the previous side, once that is healthy
    Rollback(RollbackArgs),
    /// Hold new requests while a command restarts the app in place
    Pause(PauseArgs),
    /// Let held requests go on, once the app is healthy
    Resume(ResumeArgs),
    /// Answer visitors with 503 and a page, or no longer
    Maintenance(MaintenanceArgs),
    /// Serve the configuration file as it is now; what did not change does not notice
    Reload(ReloadArgs),
    /// Show who switched what, when, and how it ended
    History(HistoryArgs),
    /// Show, renew and import certificates
    Certs(CertsArgs),
    /// Check a configuration file; every finding at once
    Check(CheckArgs),
    /// Watch swaps under load: a daemon, two apps and clients, all on this machine
    Demo(DemoArgs),
    /// The demo's daemon.
    #[command(name = "__proxyd", hide = true)]
    Daemon {
        /// Arguments of `proxyd`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// One of the demo's apps.
    #[command(name = "__demo-app", hide = true)]
    DemoApp {
        /// Where it listens, on 127.0.0.1.
        #[arg(long)]
        port: u16,
        /// What it calls itself.
        #[arg(long)]
        version: String,
    },
}

/// `status`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl status",
    "proxyctl status prod --exit-code           1 when something is not healthy",
    "proxyctl status --watch                    a table, once a second, until Ctrl-C",
    "proxyctl status --json | jq .environments",
])]
pub struct StatusArgs {
    /// Only this environment
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// Go on, once a second
    #[arg(long, short, conflicts_with = "exit_code")]
    pub watch: bool,
    /// Print what the daemon says as JSON (with `--watch`, a line each second)
    #[arg(long)]
    pub json: bool,
    /// Exit 1 when an instance is not healthy, or not known to be
    #[arg(long)]
    pub exit_code: bool,
}

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
    /// `blue`, `green`, an address (`3005`, `host:port`, `unix:/path`), or `SERVICE=ADDRESS,…` [default: the idle side]
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
])]
pub struct RollbackArgs {
    /// What every operation takes.
    #[command(flatten)]
    pub common: OperationArgs,
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
    /// Switch whatever the health checks say, once the new side accepts a connection
    #[arg(long)]
    pub force: bool,
    /// Answer a protected environment's question for its name
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub yes: Option<String>,
    /// How long the new side may take to become healthy (`90s`, `5m`) [default: `health.deadline`]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub deadline: Option<Duration>,
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

/// `history`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl history prod",
    "proxyctl history --limit 100 --json",
])]
pub struct HistoryArgs {
    /// Only this environment
    #[arg(value_name = "ENV")]
    pub environment: Option<String>,
    /// How many operations
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Print the journal's entries as JSON lines
    #[arg(long)]
    pub json: bool,
}

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

/// `check`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl check",
    "proxyctl check --online                    do the hosts lead here, and is port 80 open?",
    "proxyctl check proxy.toml && systemctl reload greengate",
])]
pub struct CheckArgs {
    /// The file
    #[arg(value_name = "FILE", default_value = CONFIG)]
    pub file: PathBuf,
    /// Print counts and report as JSON
    #[arg(long)]
    pub json: bool,
    /// Look too whether the hosts lead to this machine, and whether port 80 answers
    #[arg(long)]
    pub online: bool,
}

/// `demo`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl demo                              until Ctrl-C",
    "proxyctl demo --once                       five swaps, then exit 0 if no client saw one",
])]
pub struct DemoArgs {
    /// Five swaps and a verdict: exit 0 only if nothing failed
    #[arg(long)]
    pub once: bool,
    /// Print the verdict as JSON
    #[arg(long)]
    pub json: bool,
}

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
            environment: self.environment.clone(),
            kind,
            to: None,
            expect_version: None,
            dry_run: self.dry_run,
            force: self.force,
            confirmed,
            deadline_ms: self.deadline.map(millis),
        }
    }
}

/// Reads `500ms`, `90s`, `5m` or `1h`.
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let expected = "write `500ms`, `90s`, `5m` or `1h`";
    if number.is_empty() {
        return Err(expected.into());
    }
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("has no unit; {expected}")),
        _ => return Err(format!("has no unit that is known; {expected}")),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(millis)) {
        Some(0) => Err("has to be longer than nothing".into()),
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => Err("is too long".into()),
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
    if text.starts_with("unix:") || !text.contains('=') {
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
