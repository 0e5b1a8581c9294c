//! `proxyctl`: arguments in, exit code out. Lends the commands what only other rooms have.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use greengate::cli::args::FrontDoor;
use greengate::cli::{self, Attributes, CheckOutcome, Host, ImportOutcome};
use greengate::config::{self, Config};
use greengate::control;
use greengate::durable;
use greengate::import::{self, Disk, Language};
use greengate::model::api::{Explanation, OnlineFinding};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let host = Host {
        check,
        explain,
        online,
        import,
        daemon,
        arguments: control::arguments,
        replace,
        backup: control::make_backup,
        is_backup: control::is_backup,
        restore: control::restore,
    };
    cli::run(std::env::args_os(), &host)
}

/// Reads and checks a configuration file.
fn check(file: &Path, color: bool) -> CheckOutcome {
    let (text, diagnostics) = match Config::load(file) {
        // Read again for the carets; a file that has changed since shows them elsewhere, and is checked again anyway.
        Ok((_, diagnostics)) => (std::fs::read_to_string(file).unwrap_or_default(), diagnostics),
        Err(error) => (error.text, error.diagnostics),
    };
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics.iter().partition(|one| one.is_error_for_check());
    CheckOutcome {
        report: config::render(&file.display().to_string(), &text, &diagnostics, color),
        errors: errors.len(),
        warnings: warnings.len(),
    }
}

/// Reads the configuration of another front door.
fn import(of: FrontDoor, file: &Path, color: bool) -> Result<ImportOutcome, String> {
    let language = match of {
        FrontDoor::Nginx => Language::Nginx,
        FrontDoor::Caddy => Language::Caddyfile,
    };
    match import::import(language, &Disk, file) {
        Ok(imported) => Ok(ImportOutcome {
            text: imported.text,
            carried: imported.carried,
            looks: imported.looks,
        }),
        Err(unreadable) => Err(unreadable.render(color)),
    }
}

/// Explains a URL. The file was checked a moment ago; what is wrong with it now is not what was asked.
fn explain(file: &Path, url: &str) -> Option<Explanation> {
    let text = std::fs::read_to_string(file).ok()?;
    config::explain(file, &text, url).ok().flatten()
}

/// Looks whether the hosts lead here.
fn online(file: &Path, probe: Option<&str>) -> Vec<OnlineFinding> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match (Config::load(file), runtime) {
        (Ok((config, _)), Ok(runtime)) => runtime.block_on(control::look_online(&config, probe)),
        // The file was checked a moment ago; what is wrong with it now is not what was asked.
        (Err(_), _) | (_, Err(_)) => Vec::new(),
    }
}

/// Runs the daemon until it ends.
fn daemon(arguments: &[OsString]) -> ExitCode {
    control::run(std::iter::once(OsString::from("proxyd")).chain(arguments.iter().cloned()))
}

/// Puts a file in the place of another, whole or not at all. A folder that could not be synced is no failure: the file is there.
fn replace(path: &Path, bytes: &[u8], attributes: Attributes) -> io::Result<()> {
    let Attributes { mode, owner, group } = attributes;
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(io::Error::from(io::ErrorKind::InvalidFilename));
    };
    durable::replace_as(folder, name, bytes, mode, (owner, group)).map(drop)
}
