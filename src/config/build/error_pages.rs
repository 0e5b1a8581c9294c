//! Folders of error pages, read once each, however many services name them.
//!
//! A page that cannot be used keeps no daemon from starting (N27), so what is said of it is a [`Severity::Pages`].
//!
//! [`Severity::Pages`]: crate::config::text::report::Severity::Pages

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::merge::Merged;
use crate::config::read::auth::Wanted;
use crate::config::read::settings::Settings;
use crate::config::text::report::Diagnostic;
use crate::config::text::units::format_size;
use crate::model::error_pages::{ErrorPages, Page, PageName};

/// Bytes of a page.
const LONGEST: u64 = 64 << 10;
/// Files that are looked at in a folder: every status and class of errors, and some that are hidden.
const MOST: usize = 250;
/// What stands in such a folder.
const EXPECTED: &str = "expected pages as `404.html`, `503.html`, `4xx.html` or `5xx.html`, and nothing else";

/// The folders that a file names, as they are called there.
#[derive(Debug)]
pub(crate) struct Folders(BTreeMap<String, Arc<ErrorPages>>);

impl Folders {
    /// Reads every folder that `[defaults]`, an environment or a service names; relative ones start at `folder`.
    pub(crate) fn read(
        defaults: &Settings,
        merged: &[Option<Vec<Merged>>],
        folder: &Path,
        problems: &mut Vec<Diagnostic>,
    ) -> Self {
        let services = merged.iter().flatten().flatten();
        let named = services.flat_map(|service| [&service.of_environment, &service.settings.error_pages]);
        let named = std::iter::once(&defaults.error_pages).chain(named).flatten();
        let mut folders = BTreeMap::new();
        for written in named {
            if let Some(name) = written.value.as_ref()
                && !folders.contains_key(name)
            {
                let pages = Reading {
                    span: &written.span,
                    problems,
                }
                .folder(folder.join(name));
                folders.insert(name.clone(), Arc::new(pages));
            }
        }
        Self(folders)
    }

    /// What was read of a folder.
    pub(crate) fn of(&self, named: &Wanted<String>) -> Option<Arc<ErrorPages>> {
        self.0.get(named.as_ref()?).cloned()
    }
}

/// Reads one folder, and says what is wrong with it.
struct Reading<'a> {
    /// Where it is named.
    span: &'a Range<usize>,
    problems: &'a mut Vec<Diagnostic>,
}

impl Reading<'_> {
    fn folder(&mut self, folder: PathBuf) -> ErrorPages {
        let mut pages = BTreeMap::new();
        let before = self.problems.len();
        match names(&folder) {
            Ok(names) => {
                for name in names {
                    let path = folder.join(&name);
                    if let Some((name, page)) = self.page(&path, &name) {
                        pages.insert(name, Arc::new(page));
                    }
                }
                if pages.is_empty() && self.problems.len() == before {
                    self.refuse(format!("`{}` holds no page", folder.display()));
                }
            }
            Err(error) => {
                let message = format!("cannot read the folder `{}`: {error}", folder.display());
                let hint = match error.kind() {
                    ErrorKind::NotFound => "relative paths start at the folder of this file",
                    ErrorKind::NotADirectory => "name the folder that the pages are in",
                    _ => "the daemon's user has to be able to read it",
                };
                let diagnostic = Diagnostic::pages(self.span, message).expected("expected a folder of pages");
                self.problems.push(diagnostic.hint(hint));
            }
        }
        ErrorPages { folder, pages }
    }

    fn page(&mut self, path: &Path, name: &str) -> Option<(PageName, Page)> {
        let shown = path.display();
        let Some(parsed) = PageName::parse(name) else {
            let diagnostic = Diagnostic::pages(self.span, format!("`{shown}` is no page of an error"));
            let diagnostic = diagnostic.expected(EXPECTED);
            self.problems.push(if name.ends_with(".html") {
                diagnostic.hint("a page is for one status from 400 to 599, or for all that begin as it does")
            } else {
                diagnostic
                    .hint("nothing in the folder is served by itself: styles and pictures have to stand in the page")
            });
            return None;
        };
        let text = match read(path).map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => {
                self.refuse(format!("`{shown}` is no UTF-8"));
                return None;
            }
            Err(error) => {
                self.refuse(format!("cannot read `{shown}`: {error}"));
                return None;
            }
        };
        if text.trim().is_empty() {
            self.refuse(format!("`{shown}` is empty"));
            return None;
        }
        if !parsed.is_of_use() {
            let warning = Diagnostic::warning(self.span, format!("the proxy never answers {parsed} by itself"));
            let warning = warning.hint(format!(
                "`{shown}` is never shown: what an app answers is the app's own"
            ));
            self.problems.push(warning);
        }
        Some((parsed, Page::parse(text)))
    }

    fn refuse(&mut self, message: String) {
        let diagnostic = Diagnostic::pages(self.span, message);
        self.problems.push(diagnostic.expected(EXPECTED));
    }
}

/// What is in a folder, by name, but for hidden files.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for (count, entry) in fs::read_dir(folder)?.enumerate() {
        if count == MOST {
            return Err(io::Error::other(format!("more than {MOST} files")));
        }
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// All of a file; never waits for a pipe, never reads without end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("larger than {}", format_size(LONGEST))));
    }
    Ok(bytes)
}
