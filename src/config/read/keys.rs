//! What the readers say about keys: the kinds of tables, one table of the file, a key that may stand there, and one
//! that may not.

use crate::config::text::raw::At;

/// A kind of table in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The top of the file.
    Root,
    /// `[defaults]`.
    Defaults,
    /// `[env.NAME]`.
    Environment,
    /// `[env.NAME.service.NAME]`.
    Service,
    /// `[[env.NAME.service.NAME.at]]`.
    Part,
    /// `[server]`.
    Server,
    /// `[acme]`.
    Acme,
    /// `[[notify]]`.
    Notify,
}

/// One table of the file: what kind it is, and what it is called in messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section<'a> {
    pub(crate) place: Place,
    /// `[env.prod]`; empty for the top of the file.
    pub(crate) title: &'a str,
}

/// A key by its dotted path, and the kinds of tables that it may stand in.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) path: &'static str,
    pub(crate) places: &'static [Place],
}

/// A key that its table does not know.
#[derive(Debug)]
pub(crate) struct Unknown<'t> {
    /// The tables between the section and the key, as `health.`; empty for a key of the section itself.
    pub(crate) prefix: String,
    pub(crate) key: &'t At<String>,
}

/// Every key of `[[notify]]`.
pub(crate) const NOTIFY_KEYS: &[&str] = &[
    "url",
    "url_file",
    "command",
    "format",
    "events",
    "environments",
    "secret_file",
    "for",
];
