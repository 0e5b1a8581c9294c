//! The words in which the readers speak of keys: the kinds of tables, one table, and a key that may stand in it or not.

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
    /// `[server]`.
    Server,
    /// `[acme]`.
    Acme,
}

/// One table of the file: what kind it is, and what it is called in messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section<'a> {
    pub(crate) place: Place,
    /// `[env.prod]`; empty for the top of the file.
    pub(crate) title: &'a str,
}

/// A key that settings know, and the tables it may stand in.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) path: &'static str,
    pub(crate) places: &'static [Place],
}

/// A key that its table does not know.
#[derive(Debug)]
pub(crate) struct Unknown<'t> {
    /// What stands before the key within the section: `health.`, or nothing.
    pub(crate) prefix: String,
    pub(crate) key: &'t At<String>,
}
