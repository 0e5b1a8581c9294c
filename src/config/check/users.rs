//! Whether files of users are there and in order, and whether environments are guarded as they seem to be meant.
//!
//! A file that cannot be used keeps no daemon from starting (N27), so what is said of it is a [`Severity::Users`]. It is loaded for
//! use, and again when it changes, by the daemon.
//!
//! [`Severity::Users`]: crate::config::text::report::Severity::Users

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::config::build::merge::Merged;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::access::Users;
use crate::model::public_name::objection;

/// A user needs some eighty bytes; what is larger than this is another kind of file.
const MAX_BYTES: u64 = 1 << 20;

/// A service that asks for a file's users, and where it says so.
type Asking<'a> = (&'a Merged, &'a Range<usize>);

/// Checks the files of `[server]` and of every service, and what services have in common.
pub(crate) fn check(server: &[At<PathBuf>], services: &[Merged], folder: &Path, problems: &mut Vec<Diagnostic>) {
    for file in server {
        check_file(&file.value, &file.span, problems);
    }
    // Two ways to one file are one file; where there is none, its name has to do. Shown is the way that is written first.
    let mut files: BTreeMap<PathBuf, (PathBuf, Vec<Asking<'_>>)> = BTreeMap::new();
    for service in services {
        let parts = service.parts.iter().flat_map(|parts| &parts.value);
        let settings = std::iter::once(&service.settings).chain(parts.map(|part| &part.settings));
        for written in settings.filter_map(|settings| settings.auth_basic.as_ref()) {
            if let Some(path) = written.value.in_folder(folder) {
                let file = path.canonicalize().unwrap_or_else(|_| path.clone());
                let (_, asking) = files.entry(file).or_insert_with(|| (path, Vec::new()));
                asking.push((service, &written.span));
            }
        }
    }
    for (path, asking) in files.values() {
        if let Some((_, span)) = asking.first() {
            check_file(path, span, problems);
        }
        warn_shared(path, asking, problems);
    }
    for service in services {
        warn_open(service, problems);
    }
}

fn check_file(path: &Path, span: &Range<usize>, problems: &mut Vec<Diagnostic>) {
    let shown = path.display();
    let text = match read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| (format!("`{shown}` is no UTF-8"), None)),
        Err(error) => {
            let hint = match error.kind() {
                ErrorKind::NotFound => format!("`proxyctl passwd {shown} NAME` makes it"),
                _ => "the daemon's user has to be able to read it; relative paths start at the folder of this file"
                    .into(),
            };
            Err((format!("cannot read `{shown}`: {error}"), Some(hint)))
        }
    };
    let text = match text {
        Ok(text) => text,
        Err((what, hint)) => {
            let diagnostic = Diagnostic::users(span, what).expected("expected a readable file of users");
            problems.push(match hint {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            });
            return;
        }
    };
    match Users::parse(&text) {
        Ok(users) if users.is_empty() => problems.push(
            Diagnostic::warning(span, format!("`{shown}` has no user, so nobody gets in"))
                .hint(format!("`proxyctl passwd {shown} NAME` adds one")),
        ),
        Ok(_) => {}
        Err(flaws) => {
            for flaw in flaws {
                let diagnostic = Diagnostic::users(span, format!("`{shown}`, {flaw}"))
                    .expected("expected a line `name:hash` for each user, the hash by bcrypt");
                problems.push(match &flaw.user {
                    Some(user) => diagnostic.hint(format!("`proxyctl passwd {shown} {user}` sets the password anew")),
                    None => diagnostic,
                });
            }
        }
    }
}

/// All of a file; never waits for a pipe, never reads without end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    Ok(bytes)
}

/// Warns of a file that lets the same people into two environments.
fn warn_shared(path: &Path, asking: &[Asking<'_>], problems: &mut Vec<Diagnostic>) {
    let Some((first, first_span)) = asking.first() else {
        return;
    };
    let mut environments: Vec<&str> = Vec::new();
    for (service, _) in asking {
        if !environments.contains(&&*service.environment) {
            environments.push(&service.environment);
        }
    }
    let Some((_, span)) = asking.iter().find(|(other, _)| other.environment != first.environment) else {
        return;
    };
    let mut diagnostic = Diagnostic::warning(
        span,
        format!(
            "`{}` opens {}: who knows a password for one gets into all",
            path.display(),
            words::all_of(environments.iter().copied())
        ),
    )
    .hint("give each environment a file of its own");
    if span != first_span {
        diagnostic = diagnostic.related(first_span, "the same file here");
    }
    problems.push(diagnostic);
}

/// Warns of an environment that is no production, has a public name, and asks nobody who he is. Who wants that says `"off"`.
fn warn_open(service: &Merged, problems: &mut Vec<Diagnostic>) {
    let settings = &service.settings;
    let is_asked = ["auth.basic", "auth.allow", "auth.forward"]
        .iter()
        .any(|key| settings.seen(key).is_some());
    let is_public = service.hosts().iter().any(|host| objection(&host.value).is_none());
    let (Some(label), false, true) = (&settings.label, is_asked, is_public) else {
        return;
    };
    let name = &service.environment;
    problems.push(
        Diagnostic::warning(
            &label.span,
            format!("`{name}` has a `label`, and everybody on the internet may read it"),
        )
        .expected("no `auth` beside this")
        .hint(format!(
            "`auth.basic = \"{name}.htpasswd\"` asks for a password (`proxyctl passwd` makes the file); `auth.basic = \"off\"` \
             says that it is meant so"
        )),
    );
}
