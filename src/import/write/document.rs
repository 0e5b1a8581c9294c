//! A `proxy.toml` before it is text: tables with their keys, and what stands between them.

use crate::import::draft::{Note, Setting};
use crate::import::value::Value;

/// The whole file.
#[derive(Debug, Default)]
pub(in crate::import) struct Document {
    /// Comments at its beginning.
    pub(in crate::import) head: Vec<String>,
    pub(in crate::import) notes: Vec<Note>,
    pub(in crate::import) blocks: Vec<Block>,
}

/// A table.
#[derive(Debug)]
pub(in crate::import) struct Block {
    /// `[env.prod]`.
    pub(in crate::import) title: String,
    pub(in crate::import) notes: Vec<Note>,
    pub(in crate::import) keys: Vec<Key>,
    /// Why all of it is a comment.
    pub(in crate::import) out: Option<Out>,
}

/// A key of a table.
#[derive(Debug)]
pub(in crate::import) struct Key {
    pub(in crate::import) setting: Setting,
    /// Why it is a comment.
    pub(in crate::import) out: Option<Out>,
}

/// Why something is a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::import) enum Out {
    /// Nothing of it is left.
    Emptied,
    /// It cannot be, for this reason.
    Refused(String),
    /// A note beside it says why.
    Said,
}

impl Block {
    pub(in crate::import) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            notes: Vec::new(),
            keys: Vec::new(),
            out: None,
        }
    }

    /// Whether it is an entry of `at`.
    pub(in crate::import) fn is_part(&self) -> bool {
        self.title.starts_with("[[")
    }

    /// Whether it says who answers.
    pub(in crate::import) fn is_service(&self) -> bool {
        self.get("host").is_some()
    }

    /// The title of the service whose part it is.
    pub(in crate::import) fn around(&self) -> String {
        let of = self.title.trim_start_matches("[[").trim_end_matches(".at]]");
        format!("[{of}]")
    }

    /// The value of a key, also where that is a comment.
    pub(in crate::import) fn get(&self, key: &str) -> Option<&Value> {
        let found = self.keys.iter().find(|one| one.setting.key == key);
        found.map(|one| &one.setting.value)
    }

    pub(in crate::import) fn push(&mut self, setting: Setting) {
        self.keys.push(Key { setting, out: None });
    }
}
