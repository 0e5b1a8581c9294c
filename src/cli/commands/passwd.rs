//! `proxyctl passwd`: sets or deletes a user's password in a file of users, and keeps everything else in it.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::args::PasswdArgs;
use crate::cli::client::socket_path;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::host::{Attributes, Host};
use crate::cli::output;
use crate::cli::output::text::{count, escape};
use crate::cli::typed;
use crate::model::access::{Hash, Users, check_name, with_user, without_user};
use crate::model::api::exit;

/// The user and the group that the packages run the daemon as.
const DAEMON: &str = "greengate";

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Done {
    Added,
    Changed,
    Deleted,
}

/// A file of users, as it is before.
struct Before {
    /// Where it is, behind all symbolic links.
    path: PathBuf,
    /// Its text; `None` where there is none yet.
    text: Option<String>,
    attributes: Attributes,
    /// What somebody should know of who may read a new file.
    note: Option<String>,
}

/// Exit 0; 1 when the file cannot be read or written, or has no such user; 2 for what can be no name or no password.
///
/// # Errors
/// Why nothing was written.
pub fn run(host: &Host, socket: Option<PathBuf>, args: &PasswdArgs) -> Outcome {
    let file = args.file.display();
    check_name(&args.user).map_err(|why| Stop::usage(why.to_string()))?;
    // What is wrong with the file is said before somebody types.
    let place = Before::read(&args.file, socket.clone())?.path;
    let hash = if args.delete { None } else { Some(hash(&args.user)?) };
    let _alone = alone_at(&place)?;
    let before = Before::read(&args.file, socket)?;
    let text = before.text.as_deref().unwrap_or_default();
    let (text, done) = match hash {
        None => {
            let text = without_user(text, &args.user)
                .ok_or_else(|| Stop::failed(format!("`{file}` has no user `{}`", args.user)))?;
            (text, Done::Deleted)
        }
        Some(hash) => {
            let (text, is_new) = with_user(text, &args.user, &hash);
            (text, if is_new { Done::Added } else { Done::Changed })
        }
    };
    (host.replace)(&before.path, text.as_bytes(), before.attributes)
        .map_err(|error| Stop::failed(format!("`{file}` cannot be written: {error}; it is as it was")))?;
    tell(args, done, &text, before.note.filter(|_| before.text.is_none()))?;
    Ok(exit::DONE)
}

/// Waits until nobody else changes a file in the folder of this one, for as long as what it returns is held. The file itself is
/// replaced, so a lock on it would be one on the file before.
fn alone_at(place: &Path) -> Result<File, Stop> {
    let folder = place.parent().unwrap_or(Path::new("/"));
    let locked = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    locked.map_err(|error| Stop::failed(format!("`{}` cannot be locked: {error}", folder.display())))
}

/// The hash of a password that somebody types.
fn hash(user: &str) -> Result<Hash, Stop> {
    let password = typed::password(user)?;
    let mut salt = [0; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| Stop::failed("the system has no randomness to give"))?;
    Hash::of(&password, salt).map_err(|why| Stop::usage(format!("{why}; nothing was written")))
}

fn tell(args: &PasswdArgs, done: Done, text: &str, note: Option<String>) -> Result<(), Stop> {
    let file = args.file.display().to_string();
    let (users, flaws) = match Users::parse(text) {
        Ok(users) => (Some(users.len()), Vec::new()),
        Err(flaws) => (None, flaws),
    };
    if args.json {
        let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
        output::out_json(&serde_json::json!({
            "file": file, "user": args.user, "done": done, "users": users, "flaws": flaws,
        }))?;
    } else {
        let what = match done {
            Done::Added => "added",
            Done::Changed => "changed",
            Done::Deleted => "deleted",
        };
        let among = users.map_or_else(String::new, |users| {
            format!(": {}", count(users as u64, "user", "users"))
        });
        let style = output::err_style();
        output::err(&format!(
            "{} {what} `{}` in `{}`{among}",
            style.green("✓"),
            escape(&args.user),
            escape(&file)
        ));
        for flaw in &flaws {
            output::err(&format!("{} {file}, {flaw}", style.yellow("!")));
        }
    }
    if let Some(note) = note {
        output::err(&format!("{} {note}", output::err_style().yellow("!")));
    }
    Ok(())
}

impl Before {
    fn read(file: &Path, socket: Option<PathBuf>) -> Result<Self, Stop> {
        let failed = |why: String| Stop::failed(format!("`{}` cannot be used: {why}", file.display()));
        let path = match file.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == ErrorKind::NotFound => return Self::missing(file, socket),
            Err(error) => return Err(failed(error.to_string())),
        };
        let metadata = path.metadata().map_err(|error| failed(error.to_string()))?;
        if !metadata.is_file() {
            return Err(failed("it is no file".to_owned()));
        }
        let bytes = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| failed("it is no UTF-8".to_owned()))?;
        Ok(Self {
            path,
            text: Some(text),
            attributes: Attributes {
                mode: metadata.mode() & 0o7777,
                owner: Some(metadata.uid()),
                group: Some(metadata.gid()),
            },
            note: None,
        })
    }

    /// A file that is to be made: for its owner, and where that can be had, for the daemon's group.
    fn missing(file: &Path, socket: Option<PathBuf>) -> Result<Self, Stop> {
        let failed = |why: &str| Stop::failed(format!("`{}` cannot be made: {why}", file.display()));
        let name = file.file_name().ok_or_else(|| failed("it names no file"))?;
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            Some(_) | None => Path::new("."),
        };
        let folder = folder
            .canonicalize()
            .map_err(|error| failed(&format!("its folder: {error}")))?;
        let (group, note) = match daemon(socket) {
            Reader::Ourselves => (None, None),
            Reader::Group(group) => (Some(group), None),
            Reader::Other(name) => {
                let note =
                    format!("the daemon's user, `{name}`, has to be able to read it: `chgrp {name}`, `chmod 640`");
                (None, Some(note))
            }
        };
        Ok(Self {
            path: folder.join(name),
            text: None,
            attributes: Attributes {
                mode: if group.is_some() { 0o640 } else { 0o600 },
                owner: None,
                group,
            },
            note,
        })
    }
}

/// Who reads the file for the daemon.
enum Reader {
    /// The user who runs us, or root.
    Ourselves,
    /// A group that the file can be given to.
    Group(u32),
    /// A user whom it cannot be given to.
    Other(String),
}

/// The daemon runs as the owner of its control socket, or as the packages have it.
fn daemon(socket: Option<PathBuf>) -> Reader {
    let (uid, groups) = (rustix::process::geteuid().as_raw(), rustix::process::getgroups());
    let owner = socket_path(socket).ok().and_then(|socket| socket.metadata().ok());
    let user = match owner {
        Some(owner) => uzers::get_user_by_uid(owner.uid()),
        None => uzers::get_user_by_name(DAEMON),
    };
    let Some(user) = user.filter(|user| user.uid() != uid && user.uid() != 0) else {
        return Reader::Ourselves;
    };
    let group = user.primary_group_id();
    let is_ours = groups.is_ok_and(|groups| groups.iter().any(|of| of.as_raw() == group));
    if uid == 0 || is_ours {
        Reader::Group(group)
    } else {
        Reader::Other(user.name().to_string_lossy().into_owned())
    }
}
