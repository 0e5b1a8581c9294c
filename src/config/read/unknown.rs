//! What is said about a key that its table does not know: which key was probably meant, or in which tables it may
//! stand.

use super::acme::ACME_KEYS;
use super::keys::{NOTIFY_KEYS, Place, Section, Unknown};
use super::server::SERVER_KEYS;
use super::settings::Settings;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;

/// Refuses each of these keys of a section.
pub(crate) fn refuse(section: Section<'_>, keys: &[Unknown<'_>], problems: &mut Vec<Diagnostic>) {
    problems.extend(keys.iter().map(|key| refusal(section, key)));
}

fn refusal(section: Section<'_>, unknown: &Unknown<'_>) -> Diagnostic {
    let Unknown { prefix, key } = unknown;
    let path = format!("{prefix}{}", key.value);
    let message = match section.place {
        Place::Root => format!("unknown key `{path}`"),
        Place::Defaults
        | Place::Environment
        | Place::Service
        | Place::Part
        | Place::Server
        | Place::Acme
        | Place::Notify => {
            format!("unknown key `{path}` in `{}`", section.title)
        }
    };
    let diagnostic = Diagnostic::error(&key.span, message);
    match suggestion(section.place, prefix, &key.value, &path) {
        Some(hint) => diagnostic.expected("unknown key").hint(hint),
        None => diagnostic.expected(format!("expected {}", words::one_of(&siblings(section.place, prefix)))),
    }
}

/// Names the other tables where exactly this key may stand, or else a similar key of this one.
fn suggestion(place: Place, prefix: &str, key: &str, path: &str) -> Option<String> {
    let elsewhere: Vec<&str> = Place::ALL
        .into_iter()
        .filter(|other| *other != place && knows(*other, path))
        .map(Place::describe)
        .collect();
    if elsewhere == [Place::Environment.describe()] {
        return Some(format!("`{path}` belongs to the environment, `[env.NAME]`"));
    }
    if !elsewhere.is_empty() {
        let (last, before) = elsewhere.split_last()?;
        return Some(match before {
            [] => format!("`{path}` belongs to {last}"),
            before => format!("`{path}` belongs to {} or {last}", before.join(", ")),
        });
    }
    // `interval` for `health.interval`, and `health_interval`.
    let meant = |known: &&str| known.rsplit('.').next() == Some(key) || known.replace('.', "_") == path;
    let here: Vec<&str> = place.keys().into_iter().filter(meant).collect();
    if !here.is_empty() {
        return Some(format!("did you mean {}?", words::one_of(&here)));
    }
    words::nearest(key, siblings(place, prefix)).map(|name| format!("did you mean `{prefix}{name}`?"))
}

/// Whether `path` is a key of this place, or a table of keys.
fn knows(place: Place, path: &str) -> bool {
    let below = |known: &str| known.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    place.keys().iter().any(|known| *known == path || below(known))
}

/// The names that may stand in this table, where keys with dots count by their first part.
fn siblings(place: Place, prefix: &str) -> Vec<&'static str> {
    let mut names: Vec<&str> = place
        .keys()
        .into_iter()
        .filter_map(|known| known.strip_prefix(prefix))
        .filter_map(|rest| rest.split('.').next())
        .collect();
    names.dedup();
    names
}

/// The tables of the file.
const ROOT_KEYS: &[&str] = &["acme", "defaults", "env", "notify", "redirect", "server"];

/// The keys of an environment as a whole, beside the settings.
const ENVIRONMENT_KEYS: &[&str] = &[
    "at",
    "deploy",
    "extends",
    "protected",
    "require_healthy",
    "require_parity",
    "service",
    "sleep",
];

/// The keys of a service, beside the settings.
const SERVICE_KEYS: &[&str] = &["at", "deploy"];

/// The keys of a part of a service, beside the settings.
const PART_KEYS: &[&str] = &["path"];

impl Place {
    /// The tables that a key may belong to. What a part may hold, its service may hold, too.
    const ALL: [Self; 7] = [
        Self::Root,
        Self::Defaults,
        Self::Environment,
        Self::Service,
        Self::Server,
        Self::Acme,
        Self::Notify,
    ];

    /// Every key that may stand here, by its dotted path.
    fn keys(self) -> Vec<&'static str> {
        let settings = Settings::KEYS
            .iter()
            .filter(|key| key.places.contains(&self))
            .map(|key| key.path);
        match self {
            Self::Root => ROOT_KEYS.to_vec(),
            Self::Server => SERVER_KEYS.to_vec(),
            Self::Acme => ACME_KEYS.to_vec(),
            Self::Notify => NOTIFY_KEYS.to_vec(),
            Self::Environment => settings.chain(ENVIRONMENT_KEYS.iter().copied()).collect(),
            Self::Service => settings.chain(SERVICE_KEYS.iter().copied()).collect(),
            Self::Part => PART_KEYS.iter().copied().chain(settings).collect(),
            Self::Defaults => settings.collect(),
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Root => "the top of the file",
            Self::Defaults => "`[defaults]`",
            Self::Environment => "`[env.NAME]`",
            Self::Service => "`[env.NAME.service.NAME]`",
            Self::Part => "`[[env.NAME.service.NAME.at]]`",
            Self::Server => "`[server]`",
            Self::Acme => "`[acme]`",
            Self::Notify => "`[[notify]]`",
        }
    }
}
