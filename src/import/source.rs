//! The files that were read, places in them, and what is wrong there.

use std::io;
use std::path::{Path, PathBuf};

use super::files::Files;
use crate::config::{self, Diagnostic};

/// Files that one import reads, the same one counted each time that it is included.
const MAX_FILES: usize = 512;

/// Bytes that one import reads in all.
const MAX_BYTES: usize = 16 << 20;

/// Every file that was read. The first one is the one that was named.
#[derive(Debug)]
pub(super) struct Sources {
    files: Vec<Source>,
    read: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: String,
}

/// A part of a file: its number, and a byte range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Something that makes a file unreadable as what it claims to be.
#[derive(Debug)]
pub(super) struct Flaw {
    file: usize,
    diagnostic: Box<Diagnostic>,
}

/// Why a file cannot be read as what it claims to be.
#[derive(Debug, Clone)]
pub struct Unreadable {
    file: String,
    text: String,
    diagnostic: Box<Diagnostic>,
}

impl Unreadable {
    /// What is wrong, with file, line and caret. `color` adds ANSI colours.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        config::render(&self.file, &self.text, std::slice::from_ref(&*self.diagnostic), color)
    }
}

impl Flaw {
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            file: place.file,
            diagnostic: Box::new(Diagnostic::error(&(place.start..place.end), message)),
        }
    }

    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.diagnostic.expected = Some(expected.into());
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.diagnostic.hint = Some(hint.into());
        self
    }

    /// The flaw as it is shown.
    pub(super) fn shown(self, sources: &Sources) -> Unreadable {
        Unreadable {
            file: sources.path(self.file).display().to_string(),
            text: sources.text(self.file).to_owned(),
            diagnostic: self.diagnostic,
        }
    }
}

impl Sources {
    /// Reads the file that was named.
    pub(super) fn open(files: &dyn Files, path: &Path) -> Result<Self, Unreadable> {
        let mut sources = Self {
            files: Vec::new(),
            read: 0,
            bytes: 0,
        };
        match sources.read(files, path) {
            Ok(_) => Ok(sources),
            Err(error) => Err(Unreadable {
                file: path.display().to_string(),
                text: String::new(),
                diagnostic: Box::new(Diagnostic::error(
                    &(0..0),
                    format!("cannot read `{}`: {error}", path.display()),
                )),
            }),
        }
    }

    /// Reads another file; the number that it has from now on. A file that was read before is not read again.
    pub(super) fn read(&mut self, files: &dyn Files, path: &Path) -> io::Result<usize> {
        self.read += 1;
        if self.read > MAX_FILES || self.bytes > MAX_BYTES {
            return Err(io::Error::other("too many files are included"));
        }
        let known = self.files.iter().position(|source| source.path == path);
        if let Some(known) = known {
            self.bytes += self.files[known].text.len();
            return Ok(known);
        }
        let text = files.read(path)?;
        self.bytes += text.len();
        self.files.push(Source {
            path: path.to_owned(),
            text,
        });
        Ok(self.files.len() - 1)
    }

    /// Whether no more files may be read.
    pub(super) fn is_exhausted(&self) -> bool {
        self.read > MAX_FILES || self.bytes > MAX_BYTES
    }

    pub(super) fn text(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |source| &source.text)
    }

    pub(super) fn path(&self, file: usize) -> &Path {
        self.files.get(file).map_or(Path::new(""), |source| &source.path)
    }

    /// The folder of the file that was named.
    pub(super) fn folder(&self) -> &Path {
        self.path(0).parent().unwrap_or(Path::new(""))
    }

    /// `nginx.conf:12`, or `conf.d/app.conf:3`: the file as seen from the folder of the one that was named.
    pub(super) fn at(&self, place: Place) -> String {
        let path = self.path(place.file);
        let shown = path.strip_prefix(self.folder()).unwrap_or(path).display();
        let before = self.text(place.file).as_bytes().get(..place.start).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        format!("{shown}:{line}")
    }
}
