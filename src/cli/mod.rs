//! `proxyctl`: how people and CI jobs speak to the daemon.
//!
//! This room sees `model` and nothing else of ours: what a command needs from elsewhere comes in as a [`Host`].
//! Data goes to stdout, progress and messages to stderr, and every ending has its exit code ([`crate::model::api::exit`]).

pub mod args;
pub mod client;
pub mod commands;
pub mod exit;
mod io;
pub mod output;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Cli, Command};
use self::client::Client;
use self::exit::{Outcome, Stop};
use crate::model::api::{OnlineFinding, exit as codes};

/// What the binary lends to the commands, so that `cli` need not know `config` and `control`.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    /// Reads and checks a configuration file; the flag asks for colour in the report.
    pub check: fn(&Path, bool) -> CheckOutcome,
    /// Looks whether the hosts of a configuration that can be used lead here; with what the running daemon calls itself.
    pub online: fn(&Path, Option<&str>) -> Vec<OnlineFinding>,
    /// Runs the daemon with these arguments (the program's name is not among them) until it ends, for the demo, which starts
    /// itself a second time.
    pub daemon: fn(&[OsString]) -> ExitCode,
}

/// What is to say about a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckOutcome {
    /// Every finding with its place in the file, ready to print; empty when there is none.
    pub report: String,
    /// Findings that make the file unusable.
    pub errors: usize,
    /// Findings that do not.
    pub warnings: usize,
}

/// Runs `proxyctl` with these arguments, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>, host: &Host) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // A closed stdout is no reason to fail over a help text.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(codes::USAGE));
        }
    };
    if let Command::Daemon { args } = &cli.command {
        return commands::demo::daemon(host, args);
    }
    match dispatch(cli, host) {
        Ok(code) => ExitCode::from(code),
        Err(stop) => {
            output::message(&stop);
            ExitCode::from(stop.code)
        }
    }
}

/// Hands over to the command, inside a runtime where it needs one.
fn dispatch(cli: Cli, host: &Host) -> Outcome {
    let socket = cli.socket;
    match cli.command {
        Command::Status(args) => with_daemon(socket, async |client| commands::status::run(&client, &args).await),
        Command::Swap(args) => with_daemon(socket, async |client| commands::swap::swap(&client, &args).await),
        Command::Rollback(args) => with_daemon(socket, async |client| commands::swap::rollback(&client, &args).await),
        Command::History(args) => with_daemon(socket, async |client| commands::history::run(&client, &args).await),
        Command::Certs(args) => with_daemon(socket, async |client| commands::certs::run(&client, &args).await),
        Command::Check(args) => Ok(commands::check::run(host, socket, &args)),
        Command::Demo(args) => in_runtime(commands::demo::run(&args)),
        Command::DemoApp { port, version } => in_runtime(commands::demo::app(port, version)),
        // Taken care of before: the daemon brings its own runtime.
        Command::Daemon { args: _ } => Ok(codes::USAGE),
    }
}

/// Finds the control socket and runs a command that talks to it.
fn with_daemon(flag: Option<std::path::PathBuf>, command: impl AsyncFnOnce(Client) -> Outcome) -> Outcome {
    let client = Client::new(client::socket_path(flag)?);
    in_runtime(command(client))
}

/// One thread is enough for a client, and for the demo's load.
fn in_runtime<T>(command: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::failed(format!("no runtime: {error}")))?;
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, command);
    // A prompt that still waits for a line must not hold the process.
    runtime.shutdown_background();
    outcome
}
