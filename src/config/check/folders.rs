//! Whether the folders that are slots or `public` are there, and whether what the file says of folders is about one.
//!
//! A folder that cannot be entered keeps no daemon from starting (N27), so what is said of it is a [`Severity::Folder`]. It is
//! opened for use, and its files are read, by the data plane.
//!
//! [`Severity::Folder`]: crate::config::text::report::Severity::Folder

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};

use crate::config::build::merge::Merged;
use crate::config::read::auth::Wanted;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::model::slot::{Address, Slot};

/// How long a disk may take to say whether a folder is there: one that hangs keeps nobody from starting.
const PATIENCE: Duration = Duration::from_secs(2);

/// What tells a folder from every other: its device and its number there.
type Identity = (u64, u64);

/// A slot that is a folder.
struct Folder<'a> {
    service: &'a Merged,
    slot: Slot,
    path: &'a Path,
    span: &'a Range<usize>,
}

/// Checks the folders of every service. `file` is the configuration.
pub(crate) fn check(services: &[Merged], file: &Path, problems: &mut Vec<Diagnostic>) {
    let folders: Vec<Folder<'_>> = services.iter().flat_map(folders).collect();
    refuse_without_folder(services, problems);
    let of_slots = folders.iter().map(|folder| (folder.path, folder.span));
    let mut named: Vec<_> = of_slots.collect();
    for (path, span) in services.iter().flat_map(public) {
        // Several services may have it from one table.
        if !named.contains(&(path, span)) {
            named.push((path, span));
        }
    }
    let paths = named.iter().map(|(path, _)| (*path).to_owned()).collect();
    let seen = look(paths, identity, PATIENCE);
    for (path, span) in named {
        if path.parent().is_none() {
            problems.push(
                Diagnostic::error(span, "this folder would give away the whole machine")
                    .expected("expected a folder that everybody may read"),
            );
        } else if let Some(Err(error)) = seen.get(path) {
            problems.push(missing(path, span, error));
        } else if let Some(own) = file.canonicalize().ok().filter(|_| seen.contains_key(path))
            && path.canonicalize().is_ok_and(|path| own.starts_with(path))
        {
            problems.push(
                Diagnostic::warning(
                    span,
                    format!("`{}` is in this folder, for everybody to read", file.display()),
                )
                .hint("keep the configuration elsewhere, or let the folder be the one below that holds the site alone"),
            );
        }
    }
    refuse_twins(&folders, &seen, problems);
}

fn folders(service: &Merged) -> impl Iterator<Item = Folder<'_>> {
    let settings = &service.settings;
    let slots = [
        (Slot::Blue, &settings.blue),
        (Slot::Green, &settings.green),
        (Slot::Upstream, &settings.upstream),
    ];
    slots.into_iter().flat_map(move |(slot, addresses)| {
        let addresses = addresses.iter().flat_map(|addresses| &addresses.value);
        addresses.filter_map(move |address: &At<Address>| {
            Some(Folder {
                service,
                slot,
                path: address.value.folder()?,
                span: &address.span,
            })
        })
    })
}

/// The folders that are looked into before a service's app.
fn public(service: &Merged) -> impl Iterator<Item = (&Path, &Range<usize>)> {
    let written = service.settings.public.as_ref().map(|written| &written.value);
    let folders = written.into_iter().flat_map(|written| match written {
        Wanted::This(public) => public.folders.as_slice(),
        Wanted::Nothing => &[],
    });
    folders.map(|folder| (folder.value.as_path(), &folder.span))
}

/// What `enter` says of each folder. One that takes longer than `patience` is taken for one that hangs.
fn look(
    mut paths: Vec<PathBuf>,
    enter: fn(&Path) -> io::Result<Identity>,
    patience: Duration,
) -> BTreeMap<PathBuf, io::Result<Identity>> {
    paths.sort_unstable();
    paths.dedup();
    let mut seen = BTreeMap::new();
    // One that hangs costs its thread, and the others are looked at by a new one.
    while !paths.is_empty() {
        let (sender, receiver) = mpsc::channel();
        let asked = paths.clone();
        let thread = std::thread::Builder::new().name("folders".into());
        let look = move || asked.iter().map(|path| enter(path)).try_for_each(|it| sender.send(it));
        if thread.spawn(look).is_err() {
            break;
        }
        let mut done = 0;
        for path in &paths {
            let found = receiver.recv_timeout(patience);
            let hangs = found.is_err();
            seen.insert(path.clone(), found.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())));
            done += 1;
            if hangs {
                break;
            }
        }
        paths.drain(..done);
    }
    seen
}

/// Enters a folder, as it has to be for a file in it to be opened.
fn identity(path: &Path) -> io::Result<Identity> {
    let folder = openat(
        CWD,
        path,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let stat = statat(&folder, ".", AtFlags::empty())?;
    Ok((stat.st_dev, stat.st_ino))
}

fn missing(path: &Path, span: &Range<usize>, error: &io::Error) -> Diagnostic {
    let path = path.display();
    let (what, hint) = match error.kind() {
        ErrorKind::NotFound => (
            format!("`{path}` is not there"),
            "make it, or build into it, before it is named here",
        ),
        ErrorKind::NotADirectory => (
            format!("`{path}` is no folder"),
            "name the folder that the files are in",
        ),
        ErrorKind::PermissionDenied => (
            format!("`{path}` cannot be entered: permission denied"),
            "whom proxyd runs as has to be able to enter it, and every folder above it: `chmod o+x`",
        ),
        ErrorKind::TimedOut => (
            format!("`{path}` gave no answer within 2 s"),
            "a disk that hangs, or a server that it is mounted from",
        ),
        _ => (
            format!("`{path}` cannot be entered: {error}"),
            "name a folder that can be read",
        ),
    };
    Diagnostic::folder(span, what).expected("expected a folder").hint(hint)
}

/// Refuses one folder under two names where two names of one are refused: what is written into the idle side would be live.
fn refuse_twins(
    folders: &[Folder<'_>],
    seen: &BTreeMap<PathBuf, io::Result<Identity>>,
    problems: &mut Vec<Diagnostic>,
) {
    let identity = |folder: &Folder<'_>| seen.get(folder.path).and_then(|found| found.as_ref().ok());
    for (place, folder) in folders.iter().enumerate() {
        let is_twin = |first: &&Folder<'_>| {
            first.path != folder.path
                && first.service.environment == folder.service.environment
                && first.slot != folder.slot
                && identity(first).is_some_and(|found| Some(found) == identity(folder))
        };
        let Some(first) = folders[..place].iter().find(is_twin) else {
            continue;
        };
        problems.push(
            Diagnostic::folder(
                folder.span,
                format!(
                    "`{}` is the same folder as `{}`",
                    folder.path.display(),
                    first.path.display()
                ),
            )
            .expected(format!("{} of {}", folder.slot, folder.service.title()))
            .related(first.span, format!("{} of {}", first.slot, first.service.title()))
            .hint("give every version a folder of its own"),
        );
    }
}

/// Refuses keys about folders that are about none. In a table that several services take them from, one folder is enough.
fn refuse_without_folder(services: &[Merged], problems: &mut Vec<Diagnostic>) {
    let fallbacks = services.iter().map(|it| (it, it.settings.files_fallback.as_ref()));
    let pages = services.iter().map(|it| (it, it.settings.files_not_found.as_ref()));
    for (key, said) in [
        ("files.fallback", fallbacks.collect::<Vec<_>>()),
        ("files.not_found", pages.collect()),
    ] {
        for (_, written) in &said {
            let Some(written) = written.filter(|written| written.value != Wanted::Nothing) else {
                continue;
            };
            let same = said
                .iter()
                .filter(|(_, other)| other.is_some_and(|other| other.span == written.span));
            if same.map(|(service, _)| service).any(|service| may_have_folder(service)) {
                continue;
            }
            problems.push(
                Diagnostic::error(
                    &written.span,
                    format!("`{key}` is about a folder, and no slot that it holds for is one"),
                )
                .expected("expected beside a folder")
                .hint("a folder is `blue = \"files:/srv/site/blue\"`; what an app does not have, it answers itself"),
            );
        }
    }
}

/// Whether a slot is a folder, or cannot be read.
fn may_have_folder(service: &Merged) -> bool {
    let settings = &service.settings;
    let slots = [
        ("blue", &settings.blue),
        ("green", &settings.green),
        ("upstream", &settings.upstream),
    ];
    let unread = |(slot, read): &(&str, &Option<_>)| settings.seen(slot).is_some() && read.is_none();
    slots.iter().any(unread) || folders(service).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_hangs_holds_no_other_up() {
        let enter = |path: &Path| {
            if path.ends_with("hangs") {
                std::thread::sleep(Duration::from_secs(60));
            }
            Ok((0, 0))
        };
        let paths = ["/a", "/b/hangs", "/c", "/d/hangs", "/e"].map(PathBuf::from);
        let seen = look(paths.to_vec(), enter, Duration::from_millis(300));
        let hangs: Vec<_> = seen
            .iter()
            .filter(|(_, found)| found.is_err())
            .map(|(path, _)| path)
            .collect();
        assert_eq!(hangs, [&paths[1], &paths[3]]);
        assert_eq!(seen.len(), paths.len());
    }
}
