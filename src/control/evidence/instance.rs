//! One instance of a service, where traffic finds it: who is asked.

use std::sync::Arc;

use crate::config::Service;
use crate::model::slot::Address;
use crate::proxy::{Folder, Live};

/// An instance. Of a folder it keeps what was opened: what has passed a gate is what serves, wherever its path leads by then.
#[derive(Debug, Clone)]
pub(in crate::control) struct Instance {
    pub(in crate::control) service: Arc<Service>,
    pub(in crate::control) address: Address,
    pub(in crate::control) folder: Option<Arc<Folder>>,
}

impl Instance {
    /// One that serves nothing yet.
    pub(in crate::control) fn new(service: Arc<Service>, address: Address) -> Self {
        let folder = address.folder().map(Folder::new);
        Self {
            service,
            address,
            folder,
        }
    }

    /// The instances that serve.
    pub(in crate::control) fn serving(live: &Live) -> impl Iterator<Item = Self> {
        let activation = &live.activation;
        activation.addresses.iter().map(|address| Self {
            service: live.service.clone(),
            address: address.clone(),
            folder: activation.folder().cloned(),
        })
    }
}
