//! A document as text, as a person would have written it: keys in the order of the manual, equals signs below each other, comments
//! beside what they are about.

use super::document::{Block, Document, Key, Out};
use crate::import::draft::Note;
use crate::import::source::Sources;
use crate::model::treacherous::is_treacherous;

/// Columns that a line of comments has.
const WIDTH: usize = 118;

/// Where comments behind a value begin.
const BEHIND: usize = 40;

/// Keys in the order of the manual. What is not here comes behind them.
const ORDER: &[&str] = &[
    "http",
    "https",
    "trusted_proxies",
    "proxy_protocol",
    "host",
    "path",
    "strip_prefix",
    "blue",
    "green",
    "upstream",
    "tls",
    "health",
    "timeout",
    "limit",
    "auth",
    "redirect",
    "rewrite",
    "public",
    "files",
    "compress",
    "cache",
    "headers",
    "error_pages",
    "log",
];

/// A line of the text, and what it shows.
#[derive(Debug)]
pub(in crate::import) struct Line {
    pub(in crate::import) text: String,
    pub(in crate::import) of: Of,
}

/// What a line shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) enum Of {
    Comment,
    /// The title of this block.
    Title(usize),
    /// This key of this block.
    Key(usize, usize),
}

/// The lines of a document.
pub(in crate::import) fn lines(document: &Document, sources: &Sources) -> Vec<Line> {
    let mut lines = Vec::new();
    for comment in &document.head {
        push_wrapped(&mut lines, comment, "");
    }
    if !document.notes.is_empty() {
        lines.push(comment(String::new()));
    }
    for note in &document.notes {
        push_note(&mut lines, note, sources);
    }
    for (number, block) in document.blocks.iter().enumerate() {
        lines.push(comment(String::new()));
        push_block(&mut lines, number, block, sources);
    }
    lines
}

fn push_block(lines: &mut Vec<Line>, number: usize, block: &Block, sources: &Sources) {
    for note in &block.notes {
        push_note(lines, note, sources);
    }
    let out = match &block.out {
        Some(Out::Refused(why)) => {
            push_wrapped(lines, &format!("Left out: {why}."), "  ");
            true
        }
        Some(Out::Emptied | Out::Said) => true,
        None => false,
    };
    let hash = if out { "# " } else { "" };
    lines.push(Line {
        text: format!("{hash}{}", block.title),
        of: Of::Title(number),
    });
    let mut keys: Vec<(usize, &Key)> = block.keys.iter().enumerate().collect();
    keys.sort_by_key(|(at, key)| (rank(&key.setting.key), *at));
    let width = |group: &str| {
        let members = keys.iter().filter(|(_, key)| self::group(&key.setting.key) == group);
        let widths = members.map(|(_, key)| key.setting.key.chars().count());
        // One that is wider moves no other line; and none of a column may be wider than 65,535.
        widths.filter(|width| *width <= BEHIND).max().unwrap_or(0)
    };
    for (at, key) in &keys {
        let setting = &key.setting;
        let width = match setting.key.starts_with("headers.") {
            true => 0,
            false => width(group(&setting.key)),
        };
        let hash = if out || key.out.is_some() { "# " } else { "" };
        let mut text = format!("{hash}{:width$} = {}", setting.key, setting.value);
        let refused = match &key.out {
            Some(Out::Refused(why)) => Some(why.clone()),
            Some(Out::Emptied | Out::Said) | None => None,
        };
        if let Some(remark) = refused.as_ref().or(setting.remark.as_ref()) {
            let blanks = BEHIND.saturating_sub(text.chars().count()).max(1);
            text.push_str(&format!("{}# {}", " ".repeat(blanks), printable(remark)));
        }
        lines.push(Line {
            text,
            of: Of::Key(number, *at),
        });
    }
}

/// `# nginx.conf:12: what: nearest`.
fn push_note(lines: &mut Vec<Line>, note: &Note, sources: &Sources) {
    push_wrapped(
        lines,
        &format!("{}: {}: {}.", sources.at(note.place), note.what, note.nearest),
        "  ",
    );
}

/// A comment over as many lines as it takes, those behind the first indented. What stands in backticks is not broken.
fn push_wrapped(lines: &mut Vec<Line>, text: &str, indent: &str) {
    let mut line = String::from("#");
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let mut word = word.to_owned();
        while word.matches('`').count() % 2 == 1 && word.len() < WIDTH {
            let Some(more) = words.next() else { break };
            word = format!("{word} {more}");
        }
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 + indent.len() {
            lines.push(comment(std::mem::replace(&mut line, format!("#{indent}"))));
        }
        line.push(' ');
        line.push_str(&printable(&word));
    }
    lines.push(comment(line));
}

/// What came from a file may hold what no comment holds.
fn printable(text: &str) -> String {
    text.chars()
        .map(|char| if is_treacherous(char) { '\u{fffd}' } else { char })
        .collect()
}

fn comment(text: String) -> Line {
    Line { text, of: Of::Comment }
}

fn first(key: &str) -> &str {
    key.split('.').next().unwrap_or(key)
}

fn rank(key: &str) -> usize {
    let place = ORDER.iter().position(|one| *one == first(key));
    place.unwrap_or(ORDER.len())
}

/// What is written in one group: keys without a dot, and those of one table.
fn group(key: &str) -> &str {
    if key.contains('.') && !key.starts_with('"') {
        first(key)
    } else {
        ""
    }
}
