//! What deployments see of their environment and of all others.

use crate::model::api::Holder;
use crate::model::slot::{Address, Slot};
use crate::model::state::EnvironmentState;
use crate::model::switch::Rules;

/// What deployments see of their environment.
#[derive(Debug)]
pub struct Scene<'a> {
    /// What has two sides, and where.
    pub rules: &'a Rules,
    /// What is published.
    pub state: &'a EnvironmentState,
    /// The reload or pause that holds it.
    pub aside: Option<Holder>,
    /// The operation that its switch is at.
    pub switch: Option<Holder>,
    /// Whether that is in its bake window.
    pub baking: bool,
    /// Slots that still serve what they had begun.
    pub draining: Vec<Slot>,
}

/// What serves and what is inside of apps, in all environments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Where something is live.
    pub live: Vec<Address>,
    /// Where something that was begun is not over, in this process or in one before it.
    pub inside: Vec<Address>,
}

impl Scene<'_> {
    /// Everywhere that a slot may run: as the file says, as `--to` said, and as it was when it was live last.
    #[must_use]
    pub fn addresses(&self, slot: Slot) -> Vec<Address> {
        let state = self.state;
        let mut all = Vec::new();
        for service in &self.rules.services {
            let file = service.file(slot);
            all.extend_from_slice(file);
            all.extend(state.addresses(&service.name, slot, file));
            if state.previous.as_ref().is_some_and(|previous| previous.slot == slot) {
                all.extend(state.previous_addresses(&service.name, file).unwrap_or_default());
            }
        }
        all.sort();
        all.dedup();
        all
    }
}
