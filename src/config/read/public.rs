//! `public`: a folder that is looked into before the app, or one for each colour. `"off"` takes away what a table further away has set.

use std::path::PathBuf;

use super::auth::Wanted;
use super::plain::{self, Problems};
use crate::config::slots::Public;
use crate::config::text::raw::{At, Kind, Table, Value};
use crate::config::text::report::Diagnostic;
use crate::config::text::words;

const EXPECTED: &str = "the whole path of a folder (`\"/srv/site/public\"`), `{ blue = …, green = … }`, or `\"off\"`";
const KEYS: [&str; 2] = ["blue", "green"];

/// What was written, with the place of each folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawPublic {
    pub(crate) public: Public,
    /// As many as the file names.
    pub(crate) folders: Vec<At<PathBuf>>,
}

/// Reads one of its forms.
pub(crate) fn public(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<RawPublic>> {
    if let Kind::Table(table) = &value.kind {
        return each(key, value, table, problems).map(Wanted::This);
    }
    if plain::is_off(key, value, "a text or a table", EXPECTED, problems)? {
        return Some(Wanted::Nothing);
    }
    let folder = folder(key, value, problems)?;
    Some(Wanted::This(RawPublic {
        public: Public::Same(folder.value.clone()),
        folders: vec![folder],
    }))
}

fn each(key: &str, value: &Value, table: &Table, problems: &mut Problems) -> Option<RawPublic> {
    let mut folders = [None, None];
    let mut complete = true;
    for entry in &table.entries {
        let name = entry.key.value.as_str();
        if let Some(place) = KEYS.iter().position(|known| *known == name) {
            folders[place] = folder(&format!("{key}.{name}"), &entry.value, problems);
            complete &= folders[place].is_some();
        } else {
            complete = false;
            let refusal = Diagnostic::error(&entry.key.span, format!("unknown key `{key}.{name}`"));
            problems.push(match words::nearest(name, KEYS) {
                Some(near) => refusal.expected("unknown key").hint(format!("did you mean `{near}`?")),
                None => refusal.expected("expected `blue` and `green`"),
            });
        }
    }
    match folders {
        [Some(blue), Some(green)] if complete => Some(RawPublic {
            public: Public::Each {
                blue: blue.value.clone(),
                green: green.value.clone(),
            },
            folders: vec![blue, green],
        }),
        _ => {
            if complete {
                problems.push(
                    Diagnostic::error(&value.span, format!("`{key}` has no folder for one of the colours"))
                        .expected("expected `{ blue = …, green = … }`")
                        .hint(format!("a folder for both is `{key} = \"/srv/site/public\"`")),
                );
            }
            None
        }
    }
}

fn folder(key: &str, value: &Value, problems: &mut Problems) -> Option<At<PathBuf>> {
    let path = plain::text(key, value, problems)?;
    if path.starts_with('/') {
        return Some(At {
            value: path.into(),
            span: value.span.clone(),
        });
    }
    let refusal = Diagnostic::error(&value.span, format!("`{key}` is not the whole path of a folder"));
    let refusal = refusal.expected(format!("expected {EXPECTED}"));
    problems.push(match path.strip_prefix("files:") {
        Some(path) if path.starts_with('/') => refusal.hint(format!("`files:` is for slots: write `\"{path}\"`")),
        Some(_) | None => refusal,
    });
    None
}
