//! The daemon: arguments → configuration → start, serve, stop → exit code.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use greengate::control::daemon::{Daemon, Failure, Options};
use greengate::control::paths;
use greengate::telemetry::logging;

const EXAMPLES: &str = "\
Examples:
  proxyd                           serve /etc/greengate/proxy.toml
  proxyd --config ./proxy.toml     serve another file
  GREENGATE_LOG=debug proxyd       say more on standard error
";

const MORE: &str = "\
SIGTERM and SIGINT finish what was begun and stop; a second one stops at once. SIGUSR1 opens the log files again.
Exit codes: 0 stopped as asked, 1 failed, 2 usage or invalid configuration.
`proxyctl check FILE` checks a configuration without serving it.";

/// The daemon of Greengate, a TLS front door that no deploy can be seen through.
#[derive(Debug, Parser)]
#[command(name = "proxyd", version, before_help = EXAMPLES, after_help = MORE)]
struct Arguments {
    /// The configuration to serve.
    #[arg(long, short, value_name = "FILE", default_value = paths::CONFIG)]
    config: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { config } = Arguments::parse();
    logging::init();
    match Daemon::run(&Options { config }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let colors =
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            tell(&failure.render(colors));
            match failure {
                Failure::Configuration(_) => ExitCode::from(2),
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
