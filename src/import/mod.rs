//! From the configuration of another front door to a `proxy.toml`. Texts come in and a text goes out: nothing is executed, and no
//! daemon is asked.
//!
//! - `nginx` and `caddy` each read one language, and say what it means in the words of `draft`
//! - `arrange` makes environments and services of a draft, `write` the text, which the configuration accepts
//! - `directive` a directive as both have it; `fields` fields of answers
//! - `draft` sites, routes, settings, and what needs a look
//! - `source` the files that were read, and places in them; `files` where they are read from
//! - `closing` keeping clients out where what was said cannot be said again; `reached` at which addresses a site was
//! - `expression` regular expressions, `pattern` what of them `path` and `at` can say; `spell` and `value` addresses and times, and TOML

mod arrange;
mod caddy;
mod closing;
mod directive;
mod draft;
mod expression;
mod fields;
mod files;
mod nginx;
mod pattern;
mod reached;
mod source;
mod spell;
mod value;
mod write;

use std::path::Path;

pub use files::{Disk, Files};
pub use source::Unreadable;

use source::{Flaw, Sources};

/// What was made of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The `proxy.toml`.
    pub text: String,
    /// Directives that were carried over.
    pub carried: usize,
    /// What needs a look: comments with a file and a line, and keys that are comments.
    pub looks: usize,
}

/// A language that configurations are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// nginx's.
    Nginx,
    /// Caddy's.
    Caddyfile,
}

/// Reads a configuration and all that it includes, and writes the `proxy.toml` that does the same.
///
/// # Errors
/// The file cannot be read as what it claims to be.
pub fn import(language: Language, files: &dyn Files, path: &Path) -> Result<Imported, Unreadable> {
    let mut sources = Sources::open(files, path)?;
    let draft = match language {
        Language::Nginx => nginx::draft(files, &mut sources),
        Language::Caddyfile => caddy::draft(files, &mut sources),
    };
    let draft = draft.map_err(|flaw: Flaw| flaw.shown(&sources))?;
    let carried = draft.carried;
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let document = arrange::document(draft, &name);
    let noted = document.notes.len() + document.blocks.iter().map(|block| block.notes.len()).sum::<usize>();
    let (text, out) = write::accepted(document, &sources);
    Ok(Imported {
        text,
        carried,
        looks: noted + out,
    })
}
