//! Where a service runs: its slots, what is in them, and the folders that are looked into before.

use std::path::{Path, PathBuf};

use crate::model::slot::{Address, Slot};

/// The addresses behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slots {
    /// `blue` and `green`.
    Pair {
        /// Instances of blue, at least one.
        blue: Vec<Address>,
        /// Instances of green, at least one.
        green: Vec<Address>,
    },
    /// `upstream`: one slot, at least one instance, which cannot be swapped.
    Single(Vec<Address>),
}

impl Slots {
    /// The addresses of `slot`; `None` when the service does not have it.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&[Address]> {
        match (self, slot) {
            (Self::Pair { blue, .. }, Slot::Blue) => Some(blue),
            (Self::Pair { green, .. }, Slot::Green) => Some(green),
            (Self::Single(only), Slot::Upstream) => Some(only),
            _ => None,
        }
    }

    /// The addresses of every slot.
    pub fn all(&self) -> impl Iterator<Item = &Address> {
        let (first, second) = match self {
            Self::Pair { blue, green } => (blue.as_slice(), green.as_slice()),
            Self::Single(only) => (only.as_slice(), &[][..]),
        };
        first.iter().chain(second)
    }

    /// Whether a slot is a folder.
    #[must_use]
    pub fn has_folder(&self) -> bool {
        self.all().any(|address| address.folder().is_some())
    }

    /// Whether there is another slot to swap to.
    #[must_use]
    pub fn can_swap(&self) -> bool {
        matches!(self, Self::Pair { .. })
    }
}

/// `public`: a folder that is looked into before the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Public {
    /// The same for every slot.
    Same(PathBuf),
    /// One for each colour.
    Each {
        /// Blue's.
        blue: PathBuf,
        /// Green's.
        green: PathBuf,
    },
}

impl Public {
    /// The folder of a slot.
    #[must_use]
    pub fn of(&self, slot: Slot) -> Option<&Path> {
        match (self, slot) {
            (Self::Same(path), _) => Some(path),
            (Self::Each { blue, .. }, Slot::Blue) => Some(blue),
            (Self::Each { green, .. }, Slot::Green) => Some(green),
            (Self::Each { .. }, Slot::Upstream) => None,
        }
    }
}
