//! The folders that a gate has opened, until they serve: what was gated is what serves, wherever its path leads by then.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::Service;
use crate::control::evidence::instance::Instance;
use crate::model::slot::Address;
use crate::model::switch::Ticket;
use crate::proxy::{Folder, Live, Snapshot};

/// Those of one gate.
#[derive(Debug, Default)]
pub(super) struct Gated {
    gate: Option<Ticket>,
    folders: BTreeMap<(usize, Address), Arc<Folder>>,
}

impl Gated {
    /// Whom a probe of this gate asks. What is live is asked as it is; another gate opens anew what is not.
    pub(super) fn probed(
        &mut self,
        gate: Ticket,
        number: usize,
        (service, address): (&Arc<Service>, Address),
        snapshot: &Snapshot,
    ) -> Instance {
        if self.gate != Some(gate) {
            self.gate = Some(gate);
            self.folders.clear();
        }
        if let Some(live) = serving(service, &address, snapshot) {
            return live;
        }
        let instance = self.warmed(number, service, address);
        if let Some(folder) = &instance.folder {
            self.folders.insert((number, instance.address.clone()), folder.clone());
        }
        instance
    }

    /// Whom the gate has asked, who is warmed up now.
    pub(super) fn warmed(&self, number: usize, service: &Arc<Service>, address: Address) -> Instance {
        let known = self.opened(number, &address);
        let mut instance = Instance::new(service.clone(), address);
        if known.is_some() {
            instance.folder = known;
        }
        instance
    }

    /// What the gate has opened at one of these addresses.
    pub(super) fn of(&self, number: usize, addresses: &[Address]) -> Option<Arc<Folder>> {
        addresses.iter().find_map(|address| self.opened(number, address))
    }

    /// They serve, or are not wanted any more.
    pub(super) fn forget(&mut self) {
        self.folders.clear();
    }

    fn opened(&self, number: usize, address: &Address) -> Option<Arc<Folder>> {
        self.folders.get(&(number, address.clone())).cloned()
    }
}

fn serving(service: &Service, address: &Address, snapshot: &Snapshot) -> Option<Instance> {
    let own = |live: &&Live| live.service.name == service.name && live.service.environment == service.environment;
    let live = snapshot.services().iter().find(own)?;
    Instance::serving(live).find(|instance| instance.address == *address)
}
