//! `proxyctl`: arguments in, exit code out. Lends the commands what only other rooms have.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use greengate::cli::{self, CheckOutcome, Host};
use greengate::config::{self, Config, Severity};
use greengate::model::api::OnlineFinding;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), &Host { check, online, daemon })
}

/// Reads and checks a configuration file.
fn check(file: &Path, color: bool) -> CheckOutcome {
    let (text, diagnostics) = match Config::load(file) {
        // Read again for the carets; a file that has changed since shows them elsewhere, and is checked again anyway.
        Ok((_, diagnostics)) => (std::fs::read_to_string(file).unwrap_or_default(), diagnostics),
        Err(error) => (error.text, error.diagnostics),
    };
    let of = |severity: Severity| diagnostics.iter().filter(|one| one.severity == severity).count();
    CheckOutcome {
        report: config::render(&file.display().to_string(), &text, &diagnostics, color),
        errors: of(Severity::Error) + of(Severity::Certificate),
        warnings: of(Severity::Warning),
    }
}

/// Looks whether the hosts lead here.
fn online(file: &Path, probe: Option<&str>) -> Vec<OnlineFinding> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match (Config::load(file), runtime) {
        (Ok((config, _)), Ok(runtime)) => runtime.block_on(greengate::control::look_online(&config, probe)),
        // The file was checked a moment ago; what is wrong with it now is not what was asked.
        (Err(_), _) | (_, Err(_)) => Vec::new(),
    }
}

/// Runs the daemon until it ends.
fn daemon(arguments: &[OsString]) -> ExitCode {
    greengate::control::run(std::iter::once(OsString::from("proxyd")).chain(arguments.iter().cloned()))
}
