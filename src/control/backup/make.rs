//! Makes a backup: the files are read here and not asked of the daemon, so that who may not read them gets none.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::archive::{FILES, pack, sha256};
use super::folder::reason;
use super::kept::{Taken, Unreadable};
use super::named::{Named, folder, invalid};
use super::owner::rights;
use super::picture::Picture;
use crate::config::Config;
use crate::control::clock;
use crate::control::daemon::state_dir;
use crate::control::disk;
use crate::control::fault::Fault;
use crate::model::api::{Problem, exit};
use crate::model::backup::{BackupOrder, CONFIGURATION, MadeBackup, Manifest, Member};
use crate::model::state::State;

/// The file of the state folder that says what is live.
const STATE: &str = "state.json";

/// Makes a backup, whether a daemon runs or not.
///
/// # Errors
/// Why there is none.
pub fn make(order: &BackupOrder) -> Result<MadeBackup, Problem> {
    let file = std::path::absolute(&order.config).unwrap_or_else(|_| order.config.clone());
    if let Some(fault) = disk::unfinished_restore(&file) {
        return Err(failed(fault));
    }
    let which = format!("`{}`", file.display());
    let (config, _, text) = Config::load_with_text(&file).map_err(|error| match std::fs::File::open(&file) {
        Ok(_) => invalid(&which, &error),
        Err(why) => unreadable(&Unreadable {
            path: file.clone(),
            error: why,
        }),
    })?;
    let named = Named::by(&text).map_err(|error| invalid(&which, &error))?;
    let state_dir = match &order.state_dir {
        Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
        None => state_dir(&config.server).map_err(failed)?,
    };
    let mut picture = Picture::take(&file, &named.present(folder(&file)), &state_dir).map_err(|unread| {
        if unread.path == state_dir && unread.error.kind() == ErrorKind::NotFound {
            no_state(&state_dir)
        } else {
            unreadable(&unread)
        }
    })?;
    if picture.config.bytes != text.as_bytes() {
        return Err(failed(
            Fault::new(format!("{which} was changed while it was read")).hint("try it again"),
        ));
    }
    if picture.kept.files.is_empty() {
        return Err(no_state(&state_dir));
    }
    forget_previews(&mut picture);
    let warnings = missing(&picture, &named, &file, &state_dir);
    write(&picture, &file, &state_dir, warnings)
}

fn write(picture: &Picture, file: &Path, state_dir: &Path, warnings: Vec<String>) -> Result<MadeBackup, Problem> {
    let mut members = vec![member(CONFIGURATION.into(), None, &picture.config, true)];
    let mut contents: Vec<&[u8]> = vec![&picture.config.bytes];
    for (path, taken) in &picture.kept.files {
        members.push(member(format!("state/{path}"), None, taken, false));
        contents.push(&taken.bytes);
    }
    let there = picture
        .named
        .iter()
        .filter_map(|(path, taken)| Some((path, taken.as_ref()?)));
    for (number, (path, taken)) in there.enumerate() {
        let name = format!("files/{}/{}", number + 1, plain_name(path));
        members.push(member(name, Some(path.clone()), taken, true));
        contents.push(&taken.bytes);
    }
    if members.len() > FILES {
        return Err(failed(Fault::new(format!("there are more than {FILES} files"))));
    }
    let manifest = Manifest::new(
        clock::now(),
        host(),
        file.display().to_string(),
        state_dir.display().to_string(),
        members,
    );
    let created = u64::try_from(clock::unix_now()).unwrap_or(0);
    let archive = pack(&manifest, &contents, created)
        .map_err(|error| failed(Fault::new(format!("the archive cannot be packed: {error}"))))?;
    Ok(MadeBackup {
        archive,
        manifest,
        warnings,
    })
}

/// A backup holds no key of a preview, and what is restored shows an idle side to nobody: what was ended meanwhile would be open again.
fn forget_previews(picture: &mut Picture) {
    let Some(taken) = picture.kept.files.get_mut(STATE) else {
        return;
    };
    // A file that is no state is for the restore to refuse.
    let state = State::parse(&taken.bytes).ok();
    let state = state.filter(|state| !state.previews.open.is_empty());
    let written = state.and_then(|mut state| {
        state.previews.open.clear();
        state.written().ok()
    });
    if let Some(bytes) = written {
        taken.bytes = bytes;
    }
}

/// The last part of a path, as a name that is neither hidden nor a surprise in a listing.
fn plain_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default().trim_start_matches('.');
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    if name.is_empty() { "file".to_owned() } else { name }
}

fn member(name: String, path: Option<String>, taken: &Taken, with_folder: bool) -> Member {
    Member {
        name,
        path,
        size: taken.bytes.len() as u64,
        sha256: sha256(&taken.bytes),
        rights: rights(&taken.stat),
        folder: with_folder.then(|| rights(&taken.folder)),
    }
}

/// What is not in the backup, and might be missed.
fn missing(picture: &Picture, named: &Named, file: &Path, state_dir: &Path) -> Vec<String> {
    let absent = picture.named.iter().filter(|(_, taken)| taken.is_none());
    let absent = absent.map(|(path, _)| {
        let path: PathBuf = folder(file).join(path);
        format!(
            "`{}` is named by the configuration and is not there, so it is not in the backup",
            path.display()
        )
    });
    let strange = picture.kept.strange.iter().map(|name| {
        format!(
            "`{}` is nothing that the daemon keeps, so it is not in the backup",
            state_dir.join(name).display()
        )
    });
    let command = named
        .command
        .iter()
        .map(|command| format!("the DNS command `{command}` is a program of this machine, and not in the backup"));
    absent.chain(strange).chain(command).collect()
}

fn failed(fault: Fault) -> Problem {
    Problem {
        code: exit::FAILED,
        reason: fault.reason,
        hint: fault.hint,
    }
}

fn unreadable(Unreadable { path, error }: &Unreadable) -> Problem {
    let hint = match error.kind() {
        ErrorKind::PermissionDenied => {
            "a backup holds private keys: run it as root, or as the user that `proxyd` runs as, with `--state-dir DIR`"
        }
        ErrorKind::NotFound => "`--config FILE` names the configuration that `proxyd` serves",
        _ => "nothing was written",
    };
    failed(Fault::new(format!("`{}` cannot be read: {}", path.display(), reason(error))).hint(hint))
}

fn no_state(state_dir: &Path) -> Problem {
    failed(
        Fault::new(format!("there is no state of a daemon in `{}`", state_dir.display()))
            .hint("run it as root or as the user that `proxyd` runs as; `--state-dir DIR` names another folder"),
    )
}

/// The machine's name.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}
