//! `error_pages`: a folder of pages. `"off"` takes away what a table further away has set.

use super::auth::Wanted;
use super::plain::{self, Problems};
use crate::config::text::raw::Value;

const FOLDER: &str = "the path of a folder, or `\"off\"`";

/// Reads the path of a folder.
pub(crate) fn folder(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<String>> {
    if plain::is_off(key, value, "the path of a folder", FOLDER, problems)? {
        return Some(Wanted::Nothing);
    }
    plain::text(key, value, problems).map(Wanted::This)
}
