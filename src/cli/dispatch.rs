//! From what was typed to the command that does it, and from its end to the exit code.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;

use super::args::{Cli, Command};
use super::client::{self, Client};
use super::exit::Outcome;
use super::host::Host;
use super::runtime::in_runtime;
use super::{commands, output};
use crate::model::api::exit as codes;

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
        Command::Status(args) if args.watch => {
            with_daemon(socket, async |client| commands::watch::run(&client, &args).await)
        }
        Command::Status(args) => with_daemon(socket, async |client| commands::status::run(&client, &args).await),
        Command::Pause(args) => with_daemon(socket, async |client| commands::pause::run(&client, &args).await),
        Command::Resume(args) => with_daemon(socket, async |client| commands::upkeep::resume(&client, &args).await),
        Command::Maintenance(args) => with_daemon(socket, async |client| {
            commands::upkeep::maintenance(&client, &args).await
        }),
        Command::Preview(args) => with_daemon(socket, async |client| commands::preview::run(&client, &args).await),
        Command::Sleep(args) => with_daemon(socket, async |client| commands::sleep::sleep(&client, &args).await),
        Command::Wake(args) => with_daemon(socket, async |client| commands::sleep::wake(&client, &args).await),
        Command::Reload(args) => with_daemon(socket, async |client| commands::upkeep::reload(&client, &args).await),
        Command::Upgrade(args) => with_daemon(socket, async |client| commands::upkeep::upgrade(&client, &args).await),
        Command::Deploy(args) => with_daemon(socket, async |client| commands::deploy::deploy(&client, &args).await),
        Command::Promote(args) => with_daemon(socket, async |client| commands::deploy::promote(&client, &args).await),
        Command::Swap(args) => with_daemon(socket, async |client| commands::swap::swap(&client, &args).await),
        Command::Rollback(args) => with_daemon(socket, async |client| commands::deploy::rollback(&client, &args).await),
        Command::Logs(args) => with_daemon(socket, async |client| commands::logs::run(&client, &args).await),
        Command::History(args) => with_daemon(socket, async |client| commands::history::run(&client, &args).await),
        Command::Parity(args) => with_daemon(socket, async |client| commands::parity::run(&client, &args).await),
        Command::Certs(args) => with_daemon(socket, async |client| commands::certs::run(&client, &args).await),
        Command::Notify(args) => with_daemon(socket, async |client| commands::notify::run(&client, &args).await),
        Command::Passwd(args) => commands::passwd::run(host, socket, &args),
        Command::Backup(args) => commands::backup::run(host, &args),
        Command::Restore(args) => commands::restore::run(host, &args),
        Command::Check(args) => Ok(commands::check::run(host, socket, &args)),
        Command::Import(args) => commands::import::run(host, &args),
        Command::Completions(args) => Ok(commands::completions::run(&args)),
        Command::Man(args) => commands::man::run(host, &args),
        Command::Demo(args) => in_runtime(commands::demo::run(&args)),
        Command::DemoApp { port, version } => in_runtime(commands::demo::app(port, version)),
        // Taken care of before: the daemon brings its own runtime.
        Command::Daemon { args: _ } => Ok(codes::USAGE),
    }
}

/// Finds the control socket and runs a command that talks to it.
fn with_daemon(flag: Option<PathBuf>, command: impl AsyncFnOnce(Client) -> Outcome) -> Outcome {
    let client = Client::new(client::socket_path(flag)?);
    in_runtime(command(client))
}
