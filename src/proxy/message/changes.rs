//! What is changed of an answer's fields on its way: one change for each name.

use std::sync::Arc;

use crate::http1::head::Name;

/// Fields that are set in the place of all of their name, or taken away. Empty ones cost nothing.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<Change>);

/// The name of a field that is changed, in lower case.
#[derive(Debug, Clone)]
pub(crate) enum FieldName {
    /// One that we know.
    Ours(&'static str),
    /// One of the configuration.
    Configured(Arc<str>),
}

#[derive(Debug)]
struct Change {
    kind: Name,
    name: FieldName,
    value: Option<Vec<u8>>,
}

impl Changes {
    /// Puts a field in the place of all of its name; `None` takes them away. The last word counts.
    pub(crate) fn set(&mut self, name: FieldName, value: Option<Vec<u8>>) {
        let kind = Name::of(name.as_bytes());
        self.0.retain(|change| !change.is_of(kind, name.as_bytes()));
        self.0.push(Change { kind, name, value });
    }

    /// Whether fields of this name, in any case, do not leave as they are.
    pub(crate) fn concern(&self, kind: Name, name: &[u8]) -> bool {
        self.0.iter().any(|change| change.is_of(kind, name))
    }

    /// Every field that is set: which, its name, its value.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        let set = self
            .0
            .iter()
            .filter_map(|change| Some((change, change.value.as_deref()?)));
        set.map(|(change, value)| (change.kind, change.name.as_bytes(), value))
    }
}

impl Change {
    fn is_of(&self, kind: Name, name: &[u8]) -> bool {
        self.kind == kind && (kind != Name::Other || name.eq_ignore_ascii_case(self.name.as_bytes()))
    }
}

impl FieldName {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ours(name) => name.as_bytes(),
            Self::Configured(name) => name.as_bytes(),
        }
    }
}
