//! Which version is deployed: the one that was named, or what git says of the folder that the commands run in.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::cli::exit::Stop;
use crate::model::deploy::check_version;

/// The version that was named.
///
/// # Errors
/// Exit 2 when it cannot be one.
pub(super) fn named(version: &str) -> Result<String, Stop> {
    check_version(version).map_err(|error| Stop::usage(format!("`--version`: {error}")))?;
    Ok(version.to_owned())
}

/// What `git describe --always --dirty` says of a folder; `None` where it is no repository, or there is no git.
pub(super) async fn described(folder: Option<&Path>) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    if let Some(folder) = folder {
        git.current_dir(folder);
    }
    let output = git.output().await.ok().filter(|output| output.status.success())?;
    let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    check_version(&version).is_ok().then_some(version)
}
