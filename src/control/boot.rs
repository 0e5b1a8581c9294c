//! From the configuration and the remembered state to the first snapshot.

use std::sync::Arc;

use crate::config::Config;
use crate::model::slot::Slot;
use crate::model::state::{EnvironmentState, State};
use crate::proxy::activation::Activation;
use crate::proxy::routing::Snapshot;
use crate::tls;

/// What is served first: the recorded slots, at their recorded addresses unless the file says something new (N27). Completes the
/// state with environments that it does not know yet, and logs what the file overtook.
pub(super) fn first_snapshot(config: &Config, state: &mut State, now: &str, cores: usize) -> Snapshot {
    for environment in &config.environments {
        let known = state.environments.entry(environment.name.to_string());
        let known = known.or_insert_with(|| EnvironmentState::first(now.into()));
        let file = |name: &str, slot: Slot| {
            let service = environment.services.iter().find(|service| &*service.name == name)?;
            service.slots.get(slot)
        };
        for forgotten in known.reconcile(file) {
            tracing::warn!(environment = &*environment.name, "{forgotten}");
        }
    }
    Snapshot::new(config, |service| {
        let known = state.environments.get(&*service.environment);
        let slot = match known {
            Some(known) if service.slots.can_swap() => known.live,
            None if service.slots.can_swap() => Slot::Blue,
            Some(_) | None => Slot::Upstream,
        };
        let file = service.slots.get(slot).unwrap_or_default();
        let addresses = known.map_or_else(|| file.to_vec(), |known| known.addresses(&service.name, slot, file));
        let generation = known.map(|known| known.generation).unwrap_or_default();
        Activation::new(service.environment.clone(), service.name.clone(), slot, generation, addresses, cores)
    })
}

/// Every host that is served, with where its certificate comes from.
pub(super) fn hosts(config: &Config) -> Vec<tls::Host> {
    let services = config.environments.iter().flat_map(|environment| &environment.services);
    let of_services = services.flat_map(|service| service.hosts.iter().map(|host| (host, &service.tls)));
    let of_redirects = config.redirects.iter().map(|redirect| (&redirect.host, &redirect.tls));
    let host = |(name, tls): (&Arc<str>, &crate::config::Tls)| tls::Host { name: name.clone(), tls: tls.clone() };
    of_services.chain(of_redirects).map(host).collect()
}
