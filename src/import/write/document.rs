//! A `proxy.toml` before it is text: tables with their keys, and what stands between them.

use crate::import::draft::{Note, Setting};

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

    pub(in crate::import) fn push(&mut self, setting: Setting) {
        self.keys.push(Key { setting, out: None });
    }
}
