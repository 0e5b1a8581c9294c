//! The text that the configuration accepts: what it refuses, a key or a whole table, becomes a comment that says why.

use std::path::Path;

use super::closed;
use super::document::{Document, Out};
use super::text::{Of, lines};
use crate::config::{Config, Severity};
use crate::import::closing;
use crate::import::source::Sources;

/// The keys without which a table says nothing.
const NEEDED: &[&str] = &["host", "path", "blue", "green", "upstream", "strip_prefix"];

/// The text, and how many keys in it are comments.
pub(in crate::import) fn accepted(mut document: Document, sources: &Sources) -> (String, usize) {
    take_out_empty(&mut document);
    closed::leave_closed(&mut document);
    // Every round takes something out, and what it adds for that is said once for each pair of services.
    loop {
        let text = text(&document, sources);
        if !refuse(&mut document, &text, sources) {
            break;
        }
    }
    let out = document.blocks.iter().map(|block| match block.out {
        Some(Out::Said) => 0,
        Some(Out::Emptied | Out::Refused(_)) => block.keys.len(),
        None => block.keys.iter().filter(|key| key.out.is_some()).count(),
    });
    let out = out.sum();
    (text(&document, sources), out)
}

fn text(document: &Document, sources: &Sources) -> String {
    let mut text = String::new();
    for line in lines(document, sources) {
        text.push_str(&line.text);
        text.push('\n');
    }
    text
}

/// Makes comments of tables that have nothing left, or whose service is a comment.
fn take_out_empty(document: &mut Document) {
    for at in 0..document.blocks.len() {
        let block = &document.blocks[at];
        if block.out.is_some() {
            continue;
        }
        let is_service = block.is_service();
        let is_empty = block.keys.iter().all(|key| key.out.is_some());
        let below = format!("{}.service.", block.title.trim_end_matches(']'));
        let has_services = document
            .blocks
            .iter()
            .any(|other| other.out.is_none() && other.title.starts_with(&below));
        let is_environment = block.title.starts_with("[env.") && !block.title.contains(".service.");
        let parent_is_out = block.is_part()
            && document
                .blocks
                .iter()
                .any(|other| other.out.is_some() && other.title == block.around());
        if is_empty || (is_environment && !is_service && !has_services) || parent_is_out {
            let reason = if is_empty && !block.keys.is_empty() {
                Out::Emptied
            } else {
                Out::Said
            };
            document.blocks[at].out = Some(reason);
        }
    }
}

/// Takes out what the configuration refuses; whether there was something.
fn refuse(document: &mut Document, text: &str, sources: &Sources) -> bool {
    let diagnostics = match Config::parse(Path::new("proxy.toml"), text) {
        Ok(_) => return false,
        Err(error) => error.diagnostics,
    };
    let shown = lines(document, sources);
    let mut found = false;
    for one in diagnostics.iter().filter(|one| one.severity == Severity::Error) {
        let of = shown.get(one.line(text) - 1).map(|line| line.of);
        let out = Some(Out::Refused(one.message.clone()));
        match of {
            Some(Of::Key(block, key)) => {
                let found_here = &document.blocks[block];
                let name = found_here.keys[key].setting.key.as_str();
                let is_part = found_here.is_part();
                let is_asked = closing::is_asked(name);
                let is_whole = NEEDED.contains(&name) || (is_asked && found_here.is_service());
                let place = match is_whole {
                    true => &mut document.blocks[block].out,
                    false => &mut document.blocks[block].keys[key].out,
                };
                if place.is_none() {
                    *place = out;
                    found = true;
                    match (is_asked, is_part) {
                        (true, true) => closed::close(document, block, "what it asked for cannot be"),
                        (true, false) => closed::take_out_below(document, block, &one.message),
                        (false, true) if is_whole => closed::take_out_around(document, block, &one.message),
                        (false, _) => {}
                    }
                }
            }
            Some(Of::Title(block)) => {
                if document.blocks[block].out.is_none() {
                    document.blocks[block].out = out;
                    found = true;
                    closed::take_out_around(document, block, &one.message);
                    closed::take_out_below(document, block, &one.message);
                }
            }
            Some(Of::Comment) | None => {}
        }
    }
    take_out_empty(document);
    closed::leave_closed(document);
    found
}
