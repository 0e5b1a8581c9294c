//! The text that the configuration accepts: what it refuses, a key or a whole table, becomes a comment that says why.

use std::path::Path;

use super::document::{Document, Out};
use super::text::{Of, lines};
use crate::config::{Config, Severity};
use crate::import::source::Sources;

/// The keys without which a table says nothing.
const NEEDED: &[&str] = &["host", "path", "blue", "green", "upstream", "strip_prefix"];

/// The text, and how many keys in it are comments.
pub(in crate::import) fn accepted(mut document: Document, sources: &Sources) -> (String, usize) {
    take_out_empty(&mut document);
    // Every round takes something out; there is nothing left after so many.
    let most = 1 + document.blocks.iter().map(|block| 1 + block.keys.len()).sum::<usize>();
    for _ in 0..most {
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
        let is_service = block.keys.iter().any(|key| key.setting.key == "host");
        let is_empty = block.keys.iter().all(|key| key.out.is_some());
        let below = format!("{}.service.", block.title.trim_end_matches(']'));
        let has_services = document
            .blocks
            .iter()
            .any(|other| other.out.is_none() && other.title.starts_with(&below));
        let is_environment = block.title.starts_with("[env.") && !block.title.contains(".service.");
        let is_part = block.title.starts_with("[[");
        let of = block.title.trim_start_matches("[[").trim_end_matches(".at]]");
        let parent_is_out = is_part
            && document
                .blocks
                .iter()
                .any(|other| other.out.is_some() && other.title == format!("[{of}]"));
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
                let block = &mut document.blocks[block];
                let is_needed = NEEDED.contains(&block.keys[key].setting.key.as_str());
                let place = if is_needed {
                    &mut block.out
                } else {
                    &mut block.keys[key].out
                };
                if place.is_none() {
                    *place = out;
                    found = true;
                }
            }
            Some(Of::Title(block)) => {
                if document.blocks[block].out.is_none() {
                    document.blocks[block].out = out;
                    found = true;
                }
            }
            Some(Of::Comment) | None => {}
        }
    }
    take_out_empty(document);
    found
}
