//! `proxyd` from its arguments to its exit code: here and not in the binary, because `proxyctl demo` runs a daemon too.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use super::paths;
use super::phases::{self, Failure, Options};
use super::systemd;
use crate::telemetry::logging;

const EXAMPLES: &str = "\
Examples:
  proxyd                           serve /etc/greengate/proxy.toml
  proxyd --config ./proxy.toml     serve another file
  GREENGATE_LOG=debug proxyd       say more on standard error
";

const MORE: &str = "\
`proxyctl check FILE` checks a configuration without serving it.

Signals:
  SIGTERM, SIGINT  finish what was begun and stop; a second one stops at once
  SIGHUP           read the configuration again, as `proxyctl reload` does
  SIGUSR1          open the log files again

Files:
  /etc/greengate/proxy.toml    the configuration
  /var/lib/greengate           state, journal, certificates
  /run/greengate/control.sock  where proxyctl speaks to the daemon

Exit codes:
  0  stopped as asked
  1  failed
  2  usage, or an invalid configuration";

/// The daemon of Greengate, a TLS front door that no deploy can be seen through.
#[derive(Debug, Parser)]
#[command(name = "proxyd", version, before_help = EXAMPLES, after_help = MORE)]
struct Arguments {
    /// The configuration to serve.
    #[arg(long, short, value_name = "FILE", default_value = paths::CONFIG)]
    config: PathBuf,
    /// Take over from the process at the other end of standard input, as `proxyctl upgrade` has it.
    #[arg(long, hide = true)]
    take_over: bool,
}

/// What the daemon may be given.
#[must_use]
pub fn arguments() -> clap::Command {
    Arguments::command()
}

/// Runs the daemon until it ends. The first argument is the program's name. Exits with 2 on its own when the arguments are wrong.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let Arguments { config, take_over } = Arguments::parse_from(arguments);
    logging::init();
    match phases::run(&Options { config, take_over }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let colors =
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            tell(&failure.render(colors));
            match failure {
                Failure::Configuration(_) => {
                    systemd::breathe();
                    ExitCode::from(2)
                }
                Failure::Fault(_) => ExitCode::FAILURE,
            }
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "why it does not start is for the person in front of it"
)]
fn tell(message: &str) {
    eprint!("{message}");
}
