//! `files.*`: the file that a folder answers with for what it does not have. `"off"` takes away what a table further away has set.

use std::sync::Arc;

use super::auth::Wanted;
use super::plain::{self, Problems};
use crate::config::text::raw::Value;
use crate::config::text::report::Diagnostic;

const EXPECTED: &str = "a file below the folder, as `\"/index.html\"`, or `\"off\"`";

/// Reads the name of a file, as it is called on disk. It begins with a slash and is below the folder.
pub(crate) fn file(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<Arc<str>>> {
    if plain::is_off(key, value, "a text", EXPECTED, problems)? {
        return Some(Wanted::Nothing);
    }
    let name = plain::text(key, value, problems)?;
    let segments = || name.split('/').skip(1);
    let wrong = if !name.starts_with('/') {
        Some("does not start with `/`")
    } else if name.ends_with('/') {
        Some("is a folder")
    } else if segments().any(str::is_empty) {
        Some("has an empty segment")
    } else if segments().any(|segment| matches!(segment, "." | "..")) {
        Some("has a `.` or `..` segment")
    } else if segments().any(|segment| segment.starts_with('.') && segment != ".well-known") {
        Some("is a dotfile, which no folder gives away")
    } else if name.contains(['?', '#']) {
        Some("has a query or a fragment")
    } else if name.contains(char::is_control) {
        Some("has a control character")
    } else {
        None
    };
    if let Some(wrong) = wrong {
        problems
            .push(Diagnostic::error(&value.span, format!("`{key}` {wrong}")).expected(format!("expected {EXPECTED}")));
        return None;
    }
    Some(Wanted::This(name.into()))
}
