//! Where hosts and paths lead, by a checked configuration.

use std::sync::Arc;

use crate::config::checked::{Config, Service};
use crate::model::routes::{Lookup, RouteTable};

/// Every host and path of a configuration.
pub(crate) struct Map<'c> {
    pub(super) config: &'c Config,
    table: RouteTable<Place<'c>>,
}

/// What a host and path lead to.
pub(crate) enum Place<'c> {
    /// The redirect at this place of the configuration.
    Redirect(usize),
    /// This service.
    Service(&'c Arc<Service>),
}

impl<'c> Map<'c> {
    pub(crate) fn of(config: &'c Config) -> Self {
        let services = config.services().flat_map(|service| {
            let hosts = service.hosts.iter();
            hosts.map(move |host| (host.clone(), service.path.clone(), Place::Service(service)))
        });
        let redirects = config.redirects.iter().enumerate();
        let redirects =
            redirects.map(|(index, redirect)| (redirect.host.clone(), redirect.path.clone(), Place::Redirect(index)));
        Self {
            config,
            table: services.chain(redirects).collect(),
        }
    }

    /// What a canonical host and a path without its query lead to.
    pub(crate) fn find(&self, host: &str, path: &str) -> Lookup<'_, Place<'c>> {
        self.table.find(host, path.as_bytes())
    }
}
