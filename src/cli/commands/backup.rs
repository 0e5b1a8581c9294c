//! `proxyctl backup`: everything that another machine needs to serve the same, in one file for its owner alone.

use std::collections::BTreeSet;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::cli::args::BackupArgs;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::host::{Attributes, Host};
use crate::cli::output;
use crate::cli::output::text::{bytes, count, escape};
use crate::model::api::exit;
use crate::model::backup::{BackupOrder, MadeBackup, Manifest, Place, place};

/// Exit 0; 1 when something cannot be read or written; 2 for a configuration that cannot be used; 4 where another file would be
/// overwritten.
///
/// # Errors
/// Why there is no backup.
pub fn run(host: &Host, args: &BackupArgs) -> Outcome {
    let is_stdout = args.file.as_os_str() == "-";
    if is_stdout && args.json {
        return Err(Stop::usage(
            "`--json` and the archive cannot both go to standard output",
        ));
    }
    if is_stdout {
        check_stdout()?;
    }
    let place = if is_stdout { None } else { Some(free(host, &args.file)?) };
    let order = BackupOrder {
        config: args.config.clone(),
        state_dir: args.state_dir.clone(),
    };
    let made = (host.backup)(&order)?;
    match &place {
        None => std::io::stdout()
            .write_all(&made.archive)
            .and_then(|()| std::io::stdout().flush())
            .map_err(|error| Stop::failed(format!("standard output cannot be written: {error}")))?,
        Some(path) => {
            let private = Attributes {
                mode: 0o600,
                owner: None,
                group: None,
            };
            (host.replace)(path, &made.archive, private)
                .map_err(|error| Stop::failed(format!("`{}` cannot be written: {error}", path.display())))?;
        }
    }
    tell(args, place.as_deref(), &made)?;
    Ok(exit::DONE)
}

/// A shell makes files that others can read, and keys would be in one.
fn check_stdout() -> Result<(), Stop> {
    let stdout = std::io::stdout();
    if stdout.is_terminal() {
        return Err(Stop::usage("an archive is nothing for a terminal").hint("`proxyctl backup FILE`"));
    }
    let is_open = rustix::fs::fstat(&stdout)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o077 != 0);
    if is_open {
        return Err(
            Stop::usage("standard output is a file that others may read, and private keys would be in it")
                .hint("`proxyctl backup FILE` makes it for you alone, as does `umask 077` before"),
        );
    }
    Ok(())
}

/// Where the archive goes: a new file, or one that is a backup too.
fn free(host: &Host, file: &Path) -> Result<PathBuf, Stop> {
    let shown = file.display();
    match file.canonicalize() {
        Ok(path) if !path.is_file() => Err(Stop::failed(format!("`{shown}` is no file"))),
        Ok(path) if (host.is_backup)(&path) => Ok(path),
        Ok(_) => Err(Stop::new(
            exit::REFUSED,
            format!("`{shown}` is there, and no backup: it is not overwritten"),
        )
        .hint("name another file, or remove it first")),
        Err(error) if error.kind() == ErrorKind::NotFound && !file.is_symlink() => {
            std::path::absolute(file).map_err(|error| Stop::failed(format!("`{shown}` cannot be made: {error}")))
        }
        Err(error) => Err(Stop::failed(format!("`{shown}` cannot be used: {error}"))),
    }
}

fn tell(args: &BackupArgs, place: Option<&Path>, made: &MadeBackup) -> Result<(), Stop> {
    let size = made.archive.len();
    if args.json {
        let mut value = serde_json::to_value(&made.manifest).map_err(|error| Stop::failed(error.to_string()))?;
        value["file"] = serde_json::json!(place.map(Path::to_string_lossy));
        value["bytes"] = serde_json::json!(size);
        value["warnings"] = serde_json::json!(made.warnings);
        output::out_json(&value)?;
    }
    let style = output::err_style();
    if !args.json {
        let place = place.map_or_else(|| "standard output".to_owned(), |path| format!("`{}`", path.display()));
        output::err(&format!(
            "{} backed up to {}, {}: {}",
            style.green("✓"),
            escape(&place),
            bytes(size as u64),
            content(&made.manifest)
        ));
        output::err(&format!(
            "{} private keys are in it: keep it as you keep those",
            style.yellow("!")
        ));
    }
    for warning in &made.warnings {
        output::err(&format!("{} {}", style.yellow("!"), escape(warning)));
    }
    Ok(())
}

/// `configuration, state, journal, ACME account, 2 certificates, local CA, 1 file that the configuration names`.
#[must_use]
pub fn content(manifest: &Manifest) -> String {
    let (mut certificates, mut named) = (BTreeSet::new(), 0);
    let mut parts = BTreeSet::new();
    for member in &manifest.files {
        match place(&member.name) {
            Some(Place::State(path)) => match path.split('/').collect::<Vec<_>>()[..] {
                ["certificates", host, _] => drop(certificates.insert(host)),
                ["acme", ..] => drop(parts.insert((2, "ACME account"))),
                ["ca", ..] => drop(parts.insert((3, "local CA"))),
                ["state.json"] => drop(parts.insert((0, "state"))),
                _ => drop(parts.insert((1, "journal"))),
            },
            Some(Place::Named) => named += 1,
            Some(Place::Configuration) | None => {}
        }
    }
    let mut said = vec!["configuration".to_owned()];
    said.extend(parts.into_iter().map(|(_, part)| part.to_owned()));
    if !certificates.is_empty() {
        said.push(count(certificates.len() as u64, "certificate", "certificates"));
    }
    if named > 0 {
        said.push(count(
            named,
            "file that the configuration names",
            "files that the configuration names",
        ));
    }
    said.join(", ")
}
