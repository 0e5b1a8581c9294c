//! Caddy's configuration: its grammar, and what each directive is called here.
//!
//! - `lex` words, `read` directives, blocks, snippets and `import`
//! - `words` placeholders, times and addresses; `matcher` which requests
//! - `scope` a block of directives; `plain` those without a block, `entry` who may enter,
//!   `leading` what leads elsewhere, `proxy` a `reverse_proxy`, `folder` files
//! - `options` what holds for all sites; `site` its addresses and certificate

mod entry;
mod folder;
mod leading;
mod lex;
mod matcher;
mod options;
mod plain;
mod proxy;
mod read;
mod scope;
mod site;
mod words;

use super::draft::{Draft, Note};
use super::files::Files;
use super::reached::{self, Reached};
use super::source::{Flaw, Sources};

/// What was understood of the first file of `sources` and those that it imports.
pub(super) fn draft(files: &dyn Files, sources: &mut Sources) -> Result<Draft, Flaw> {
    let read = read::read(files, sources)?;
    let mut draft = Draft::default();
    for (place, path, why) in read.missing {
        draft.notes.push(Note {
            place,
            what: format!("`import {path}`"),
            nearest: format!("it cannot be read: {why}"),
        });
    }
    let options = options::read(&read.options, &mut draft);
    let mut ports = site::Ports::default();
    let mut reached = Vec::new();
    for directive in &read.sites {
        let own = site::reached(directive, &options);
        site::read(directive, &options, &mut ports, &mut draft);
        reached.resize(draft.sites.len(), own);
    }
    let all = Reached::all(reached.iter().cloned());
    ports.listen(&options, &all, &mut draft);
    reached::limit(&mut draft.sites, &reached, &all);
    Ok(draft)
}
