//! `[[env.NAME.service.NAME.at]]`: rules for parts of a service, each as it was written.

use super::keys::{Place, Section};
use super::plain::{self, Problems};
use super::settings::Settings;
use super::{unknown, values};
use crate::config::policy::PathPattern;
use crate::config::text::raw::{At, Kind, Value};
use crate::config::text::report::Diagnostic;

const ENTRIES: &str = "`[[env.NAME.service.NAME.at]]` with `path` and the keys that hold there";
const PATH: &str = "a path prefix, as `\"/uploads\"`, an ending, as `\"*.css\"`, or a list of these";

/// Entries that a service may have.
const MOST: usize = 200;
/// Paths that they may name, all together: each prefix is laid over each ending.
const MOST_PATHS: usize = 1000;

/// One entry.
#[derive(Debug, Clone)]
pub(crate) struct RawPart {
    pub(crate) paths: Vec<At<PathPattern>>,
    pub(crate) settings: Settings,
}

/// Reads every entry.
pub(crate) fn parts(value: &Value, problems: &mut Problems) -> Option<Vec<RawPart>> {
    let Kind::List(entries) = &value.kind else {
        let mismatch = plain::mismatch("at", value, "a list of tables", ENTRIES);
        problems.push(match &value.kind {
            Kind::Table(_) => mismatch.hint("two brackets on each side make a list: `[[env.NAME.service.NAME.at]]`"),
            Kind::Text(_) | Kind::Integer(_) | Kind::Float(_) | Kind::Boolean(_) | Kind::Date | Kind::List(_) => {
                mismatch
            }
        });
        return None;
    };
    if entries.len() > MOST {
        problems.push(
            Diagnostic::error(&value.span, format!("`at` has more than {MOST} entries"))
                .hint("one entry may name several paths: `path = [\"/a\", \"/b\", \"*.css\"]`"),
        );
        return None;
    }
    let parts: Option<Vec<RawPart>> = entries.iter().map(|entry| part(entry, problems)).collect();
    let named: usize = parts.iter().flatten().map(|part| part.paths.len()).sum();
    if named > MOST_PATHS {
        let message = format!("the entries of `at` name more than {MOST_PATHS} paths");
        problems
            .push(Diagnostic::error(&value.span, message).hint("a prefix takes everything below it: `path = \"/a\"`"));
        return None;
    }
    parts
}

fn part(value: &Value, problems: &mut Problems) -> Option<RawPart> {
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch("at", value, "a list of tables", ENTRIES));
        return None;
    };
    let mut seen = false;
    let mut paths = None;
    let (settings, unknown) = Settings::read(table, Place::Part, problems, |entry, problems| {
        if entry.key.value == "path" {
            seen = true;
            paths = patterns(&entry.value, problems);
        }
        entry.key.value == "path"
    });
    let section = Section {
        place: Place::Part,
        title: "at",
    };
    unknown::refuse(section, &unknown, problems);
    if !seen {
        problems.push(
            Diagnostic::error(&value.span, "an entry of `at` has no `path`")
                .expected("expected `path` in this table")
                .hint("write `path = \"/uploads\"`, or `path = [\"/static\", \"*.css\"]`"),
        );
    }
    Some(RawPart {
        paths: paths?,
        settings,
    })
}

fn patterns(value: &Value, problems: &mut Problems) -> Option<Vec<At<PathPattern>>> {
    let values = plain::one_or_many("path", value, PATH, problems)?;
    plain::each("path", values, problems, pattern)
}

fn pattern(value: &Value, problems: &mut Problems) -> Option<PathPattern> {
    let Kind::Text(text) = &value.kind else {
        problems.push(plain::mismatch("path", value, "a text or a list", PATH));
        return None;
    };
    let Some((before, ending)) = text.split_once('*') else {
        return values::path_prefix("path", value, problems).map(PathPattern::Prefix);
    };
    let refuse =
        |what: &str| Diagnostic::error(&value.span, format!("`{text}` {what}")).expected(format!("expected {PATH}"));
    if !before.is_empty() {
        let diagnostic = refuse("has an asterisk that is not its first character");
        problems.push(match before.strip_suffix('/').filter(|_| ending.is_empty()) {
            Some(prefix) if prefix.starts_with('/') => {
                diagnostic.hint(format!("a prefix takes everything below it: write `\"{prefix}\"`"))
            }
            Some(_) | None => diagnostic,
        });
        return None;
    }
    if !is_ending(ending) {
        problems.push(refuse("is not an ending"));
        return None;
    }
    Some(PathPattern::Ending(ending.into()))
}

/// Whether names end so: with `.css`, or as all that are called `/composer.json`, or as the leftovers of editors do, `~` and `#`.
/// Letters alone are none: `css` is what somebody writes who means `.css`.
fn is_ending(text: &str) -> bool {
    let is_plain =
        |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'*' | b'?' | b'#' | b'%' | b'\\' | b';');
    let name = text.strip_prefix('/').unwrap_or(text);
    let says_so = name.len() < text.len() || name.contains(['.', '~']);
    text == "#" || (says_so && !matches!(name, "" | ".") && name.bytes().all(is_plain))
}
