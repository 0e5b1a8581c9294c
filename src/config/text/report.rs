//! What is wrong with a configuration, and how it is shown: file, line, caret, what was expected, and a hint.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::veil::veil;
use crate::model::secrecy::Complaint;
use crate::model::treacherous::escape;

/// How serious a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// A certificate file is missing, unreadable, or does not fit. `check` counts this as an error. The daemon starts
    /// with a warning, because a missing certificate concerns only its own hosts (N27).
    Certificate,
    /// A file of users is missing, unreadable or wrong. `check` and a reload count this as an error. The daemon starts with a
    /// warning, and lets nobody into the environments that ask for it (N27).
    Users,
    /// A folder of error pages, or a page in it, is missing, unreadable or wrong. `check` and a reload count this as an error. The
    /// daemon starts with a warning, and answers with its own pages (N27).
    Pages,
    /// A folder that is a slot is missing, unreadable, or no folder. `check` and a reload count this as an error. The daemon starts
    /// with a warning, because such a folder concerns only its own service (N27).
    Folder,
    /// A file of `[[notify]]` with a URL or a secret is missing, unreadable or wrong. `check` and a reload count this as an error. The
    /// daemon starts with a warning, because it concerns only who is told of what (N27).
    Secret,
    /// The file can be used, but something in it is probably not what was meant.
    Warning,
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// Byte range in the text that the caret marks.
    pub span: Range<usize>,
    /// What is wrong: lower case, values in backticks, no final period.
    pub message: String,
    /// What was expected there, shown beside the caret.
    pub expected: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other byte ranges that help to understand it, each with a label.
    pub related: Vec<(Range<usize>, String)>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, span: &Range<usize>, message: impl Into<String>) -> Self {
        Self {
            severity,
            span: span.clone(),
            message: one_line(message.into()),
            expected: None,
            hint: None,
            related: Vec::new(),
        }
    }

    pub(crate) fn error(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, span, message)
    }

    pub(crate) fn warning(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, span, message)
    }

    /// Of a file with a secret that others get at.
    pub(crate) fn open(span: &Range<usize>, complaint: Complaint) -> Self {
        Self::warning(span, complaint.words).hint(complaint.hint)
    }

    pub(crate) fn certificate(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Certificate, span, message)
    }

    pub(crate) fn users(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Users, span, message)
    }

    pub(crate) fn pages(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Pages, span, message)
    }

    pub(crate) fn folder(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Folder, span, message)
    }

    pub(crate) fn secret(span: &Range<usize>, message: impl Into<String>) -> Self {
        Self::new(Severity::Secret, span, message)
    }

    pub(crate) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(one_line(expected.into()));
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(one_line(hint.into()));
        self
    }

    pub(crate) fn related(mut self, span: &Range<usize>, label: impl Into<String>) -> Self {
        self.related.push((span.clone(), one_line(label.into())));
        self
    }

    /// Whether `check` fails because of it.
    #[must_use]
    pub fn is_error_for_check(&self) -> bool {
        match self.severity {
            Severity::Error
            | Severity::Certificate
            | Severity::Users
            | Severity::Pages
            | Severity::Folder
            | Severity::Secret => true,
            Severity::Warning => false,
        }
    }

    /// Whether a reload is refused because of it, though the daemon would start.
    #[must_use]
    pub fn refuses_reload(&self) -> bool {
        match self.severity {
            Severity::Users | Severity::Pages | Severity::Folder | Severity::Secret => true,
            Severity::Error | Severity::Certificate | Severity::Warning => false,
        }
    }

    /// The line (from 1) in `text` that the caret marks.
    #[must_use]
    pub fn line(&self, text: &str) -> usize {
        let end = self.span.start.min(text.len());
        text.as_bytes()[..end].iter().filter(|&&byte| byte == b'\n').count() + 1
    }
}

impl fmt::Display for Diagnostic {
    /// One line for a log: the message and the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Why a file cannot be used: everything that is wrong with it, warnings included.
#[derive(Debug, Clone)]
pub struct LoadError {
    /// The file.
    pub file: PathBuf,
    /// Its text; empty when it could not be read.
    pub text: String,
    /// Sorted by position; at least one is a [`Severity::Error`].
    pub diagnostics: Vec<Diagnostic>,
}

impl LoadError {
    pub(crate) fn new(file: &Path, text: &str, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            file: file.to_path_buf(),
            text: text.to_owned(),
            diagnostics,
        }
    }

    /// Everything that is wrong, as [`render`] shows it. `color` adds ANSI colours.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render(&self.file.display().to_string(), &self.text, &self.diagnostics, color)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for LoadError {}

/// Sorts by position and drops repetitions: a wrong value in `[defaults]` is found once for each service.
pub(crate) fn tidy(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|one| (one.span.start, one.span.end));
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
    for one in diagnostics.drain(..) {
        let said = |other: &Diagnostic| other.span == one.span && other.message == one.message;
        if !kept.iter().rev().take_while(|other| other.span == one.span).any(said) {
            kept.push(one);
        }
    }
    *diagnostics = kept;
}

/// Diagnostics that are shown: each takes a look at the whole text, and nobody reads more.
const SHOWN: usize = 100;

/// Shows diagnostics with file, line, caret, what was expected and the hint: sorted by position, with an empty
/// line between two and a line end after the last; of more than a hundred, how many there are. `color` adds ANSI colours.
/// What is secret in the text is not shown.
#[must_use]
pub fn render(file_name: &str, text: &str, diagnostics: &[Diagnostic], color: bool) -> String {
    let text = &*veil(text);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|one| (one.span.start, one.span.end));
    let mut out = String::new();
    for one in sorted.iter().take(SHOWN) {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&render_one(&renderer, file_name, text, one));
        out.push('\n');
    }
    if sorted.len() > SHOWN {
        let more = sorted.len() - SHOWN;
        out.push_str(&format!("\n… and {more} more; these are the first {SHOWN}\n"));
    }
    out
}

fn render_one(renderer: &Renderer, file_name: &str, text: &str, one: &Diagnostic) -> String {
    let level = match one.severity {
        Severity::Error
        | Severity::Certificate
        | Severity::Users
        | Severity::Pages
        | Severity::Folder
        | Severity::Secret => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(one.message.as_str());
    let mut group = if text.is_empty() {
        title.element(Origin::path(file_name))
    } else {
        let primary = AnnotationKind::Primary
            .span(within(text, &one.span))
            .label(one.expected.as_deref());
        let related = one.related.iter().map(|(span, label)| {
            AnnotationKind::Context
                .span(within(text, span))
                .label(Some(label.as_str()))
        });
        title.element(
            Snippet::source(text)
                .path(file_name)
                .annotation(primary)
                .annotations(related),
        )
    };
    if let Some(hint) = &one.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
    }
    renderer.render(&[group])
}

/// A sentence quotes what the file says, and values may run over several lines.
fn one_line(sentence: String) -> String {
    match escape(&sentence) {
        Cow::Borrowed(_) => sentence,
        Cow::Owned(escaped) => escaped,
    }
}

/// The span, moved to character boundaries inside the text: the span of a syntax error may lie behind the last byte.
fn within(text: &str, span: &Range<usize>) -> Range<usize> {
    let boundary = |at: usize| {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = boundary(span.start);
    start..boundary(span.end).max(start)
}
