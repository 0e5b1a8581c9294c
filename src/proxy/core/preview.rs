//! An open preview as one core serves it: with connections and counters of its own.

use std::rc::Rc;
use std::sync::Arc;

use super::service::CoreService;
use super::shared::Shared;
use crate::model::preview::Preview;
use crate::proxy::route::preview::OpenPreview;
use crate::proxy::route::snapshot::Live;

/// An open preview on one core.
pub(crate) struct CorePreview {
    pub(crate) preview: Arc<Preview>,
    /// By the place of the service that they stand in for.
    services: Vec<(usize, Rc<CoreService>)>,
}

impl CorePreview {
    /// `live` is what serves everybody. What `before` served by the same activation and configuration is carried over.
    pub(super) fn new(open: &OpenPreview, live: &[Live], core: usize, shared: &Shared, before: Option<&Self>) -> Self {
        let services = open.candidates.iter().filter_map(|candidate| {
            let place = live.iter().position(|live| {
                live.service.environment == candidate.environment && live.service.name == candidate.service
            })?;
            let config = &live[place].service;
            let mut known = before.into_iter().flat_map(Self::services);
            let known =
                known.find(|known| Arc::ptr_eq(&known.activation, candidate) && Arc::ptr_eq(&known.config, config));
            let number = Some(open.preview.number);
            let service = known.cloned();
            let service = service.unwrap_or_else(|| Rc::new(CoreService::new(config, candidate, number, core, shared)));
            Some((place, service))
        });
        Self {
            services: services.collect(),
            preview: open.preview.clone(),
        }
    }

    /// What serves in the stead of the service at this place.
    pub(crate) fn at(&self, place: usize) -> Option<&Rc<CoreService>> {
        let found = self.services.iter().find(|(own, _)| *own == place);
        found.map(|(_, service)| service)
    }

    /// Everything that serves it.
    pub(super) fn services(&self) -> impl Iterator<Item = &Rc<CoreService>> {
        self.services.iter().map(|(_, service)| service)
    }
}
