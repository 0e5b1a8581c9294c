//! `auth.*`: who may enter. `"off"` takes away what a table further away has set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipnet::IpNet;

use super::plain::{self, Problems};
use super::{networks, values};
use crate::config::text::raw::{Kind, Value};
use crate::config::text::report::Diagnostic;

/// What is asked for, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted<T> {
    /// `"off"`.
    Nothing,
    /// This.
    This(T),
}

impl<T> Wanted<T> {
    pub(crate) fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Nothing => None,
            Self::This(it) => Some(it),
        }
    }
}

impl Wanted<String> {
    /// The path; relative ones start at `folder`.
    pub(crate) fn in_folder(&self, folder: &Path) -> Option<PathBuf> {
        self.as_ref().map(|name| folder.join(name))
    }
}

/// Reads `auth.basic`: the path of a file of users.
pub(crate) fn users(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<String>> {
    if plain::is_off(
        key,
        value,
        "the path of a file",
        "the path of a file, or `\"off\"`",
        problems,
    )? {
        return Some(Wanted::Nothing);
    }
    plain::text(key, value, problems).map(Wanted::This)
}

/// Reads `auth.allow`: networks and addresses.
pub(crate) fn allow(key: &str, value: &Value, problems: &mut Problems) -> Option<Wanted<Vec<IpNet>>> {
    if plain::is_off(
        key,
        value,
        "a list of networks",
        "a list of networks, or `\"off\"`",
        problems,
    )? {
        return Some(Wanted::Nothing);
    }
    networks::networks(key, value, problems).map(Wanted::This)
}

/// Reads `auth.except`: path prefixes. An empty list takes inherited ones away.
pub(crate) fn except(key: &str, value: &Value, problems: &mut Problems) -> Option<Vec<Arc<str>>> {
    if matches!(&value.kind, Kind::List(list) if list.is_empty()) {
        return Some(Vec::new());
    }
    let values = plain::one_or_many(key, value, "a list of path prefixes, as `[\"/hooks\"]`", problems)?;
    let prefixes = plain::each(key, values, problems, |value, problems| {
        let prefix = values::path_prefix(key, value, problems)?;
        if &*prefix == "/" {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` exempts every path"))
                    .expected("expected a longer prefix, as `\"/hooks\"`")
                    .hint("`auth.basic = \"off\"` and `auth.allow = \"off\"` ask nobody for anything"),
            );
            return None;
        }
        Some(prefix)
    })?;
    Some(prefixes.into_iter().map(|prefix| prefix.value).collect())
}
