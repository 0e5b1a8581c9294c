//! What may be typed for `deploy` and `promote`.

use std::time::Duration;

use clap::Args;

use super::duration::parse_duration;
use super::help::{TEMPLATE, examples};
use super::switch::SwitchArgs;

/// `deploy`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl deploy prod                       start the idle side, check it, switch, stop the old one",
    "proxyctl deploy prod --dry-run             show every command that would run, and run none",
    "proxyctl deploy prod --version 8b71ff7",
    "proxyctl deploy prod --wait 10m            wait for another deploy to end",
    "proxyctl deploy prod --yes=prod            a protected environment, from a script",
], after_help = DEPLOY)]
pub struct DeployArgs {
    /// The environment
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// What is deployed, for `{version}`; the new side has to call itself this where `health.version` is set [default: `git describe
    /// --always --dirty`, not compared]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<String>,
    /// Wait so long for another operation on the environment to end; first come, first served
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub wait: Option<Duration>,
    /// What `deploy` and `promote` share.
    #[command(flatten)]
    pub common: DeployOptions,
}

/// `promote`.
#[derive(Debug, Args)]
#[command(help_template = TEMPLATE, before_help = examples![
    "proxyctl promote dev prod                  deploy to prod the version that dev runs",
    "proxyctl promote dev prod --wait 10m       wait until dev was healthy for long enough",
    "proxyctl promote dev prod --for 1h",
    "proxyctl promote dev prod --dry-run        may it be promoted? show every command, and run none",
    "proxyctl promote dev prod --yes=prod       a protected environment, from a script",
], after_help = PROMOTE)]
pub struct PromoteArgs {
    /// The environment whose version is promoted
    #[arg(value_name = "FROM")]
    pub from: String,
    /// The environment that it is deployed to
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// How long FROM has to have been healthy under this version, without a break
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration, default_value = "2m")]
    pub healthy_for: Duration,
    /// Wait so long for FROM to have been healthy for that time, and for another operation on ENV to end
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub wait: Option<Duration>,
    /// What `deploy` and `promote` share.
    #[command(flatten)]
    pub common: DeployOptions,
}

/// What `deploy` and `promote` share.
#[derive(Debug, Args)]
pub struct DeployOptions {
    /// Print what would move and every command that would run, in order, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// What every switch takes.
    #[command(flatten)]
    pub switch: SwitchArgs,
    /// For all of it: before the switch, what was begun is undone (exit 1); after it, the daemon goes on (exit 7)
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// Print events as JSON lines
    #[arg(long)]
    pub json: bool,
    /// How long a daemon that went away may take to come back
    #[arg(long, hide = true, value_name = "TIME", value_parser = parse_duration, default_value = PATIENCE)]
    pub patience: Duration,
}

/// Time for a daemon to be started again by systemd.
pub(super) const PATIENCE: &str = "15s";

const PROMOTE: &str = "\
FROM says its version by `health.version`, and has to have been healthy under it for `--for`. The
configuration and the certificates of both have to be of one shape (`proxyctl parity FROM ENV`). Then
this is `proxyctl deploy ENV` with that version; before the switch, FROM has to be healthy under it
still, and the new side's answers have to be of one shape with its. Where ENV runs that version
already, nothing is done.

\x1b[1m\x1b[4mExit codes:\x1b[0m
  those of `proxyctl deploy`, and before anything is begun:
  2  the file does not say how FROM tells its version
  4  FROM is not well, or not for long enough, or not of one shape with ENV; or it runs another
     version by now";

const DEPLOY: &str = "\
The commands stand in `[env.ENV.deploy]` of the file that the daemon serves; they run here, as you.
Steps: lock, start, gate, before, switch, stop, after. What fails before the switch stops the new
side again, and nothing was switched. Ctrl-C does the same; a second one ends at once.

\x1b[1m\x1b[4mExit codes:\x1b[0m
  0  the new version serves
  1  interrupted, or the daemon went away; the last line says what is live
  2  usage: no `deploy` for this environment, no version, or its name was not given
  3  the daemon cannot be reached
  4  a command failed, or the health checks or a rule refused; nothing was switched
  5  another operation holds the environment
  6  switched, and rolled back by itself; the new side is stopped
  7  stopped waiting after the switch was asked for; the daemon goes on";
