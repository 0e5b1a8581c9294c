//! Tells how every environment is.

use super::environment::Environment;
use super::owner::Owner;
use super::rules::side;
use crate::config::{self, Service, Tls};
use crate::model::api::{DrainingStatus, EnvironmentStatus, ServiceStatus};
use crate::proxy::{Live, Snapshot};

impl Owner {
    /// What an operator should know of all this.
    pub(super) fn told(&self) -> Vec<String> {
        let mut warnings: Vec<String> = [self.saves.trouble(), self.vigil.jump()]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        for environment in self.environments.iter().filter(|environment| environment.gone) {
            for DrainingStatus {
                service,
                requests,
                streams,
                ..
            } in draining(environment)
            {
                warnings.push(format!(
                    "`{service}` of `{}` is not in the file any more; {requests} requests and {streams} streams of it go on",
                    environment.name
                ));
            }
        }
        warnings
    }

    /// Every environment, in the order of the file. The certificates are another's to tell.
    pub(super) fn status(&self) -> Vec<EnvironmentStatus> {
        let snapshot = self.publisher.snapshot();
        let served = self.current.load();
        let known =
            |file: &config::Environment| Some((file.protected, self.environments.get(self.place(&file.name)?)?));
        let known = served.config.environments.iter().filter_map(known);
        known
            .map(|(protected, environment)| EnvironmentStatus {
                name: environment.name.to_string(),
                live: (!environment.pairs.is_empty()).then(|| environment.machines.state().live),
                generation: environment.machines.state().generation,
                since: environment.machines.state().since.clone(),
                protected,
                operation: environment.machines.holder(),
                waiting: environment.machines.deployments().waiting(),
                deployed: environment.machines.state().deployed.clone(),
                sleep: environment.machines.sleep_status(self.epoch.elapsed()),
                maintenance: self.maintenance_status(&environment.name),
                previews: self.preview_status(&environment.name),
                kept: self.publisher.keeping.kept(&environment.name),
                healthy_since: self.healthy_since(environment, &snapshot),
                can_roll_back: !environment.pairs.is_empty() && environment.machines.state().previous.is_some(),
                draining: draining(environment),
                services: self.services(environment, &snapshot),
            })
            .collect()
    }

    fn healthy_since(&self, environment: &Environment, snapshot: &Snapshot) -> Option<String> {
        let own = snapshot.services().iter();
        let own = own.filter(|live| live.service.environment == environment.name);
        let instances = own.flat_map(|live| {
            let addresses = live.activation.addresses.iter();
            addresses.map(|address| (live.activation.id, address))
        });
        // Told by the clock of now: it may have jumped since.
        let since = jiff::Timestamp::now().checked_sub(self.vigil.well(instances)?).ok()?;
        Some(format!("{since:.3}"))
    }

    fn services(&self, environment: &Environment, snapshot: &Snapshot) -> Vec<ServiceStatus> {
        let own = snapshot
            .services()
            .iter()
            .filter(|live| live.service.environment == environment.name);
        own.map(|live| self.service(live)).collect()
    }

    fn service(&self, live: &Live) -> ServiceStatus {
        let Live {
            service, activation, ..
        } = live;
        let (requests, streams) = activation.in_flight();
        let addresses = activation.addresses.iter();
        let waiting = self.publisher.plane.waiting(&service.environment, &service.name);
        let away_since = waiting
            .away_since
            .and_then(|since| jiff::Timestamp::try_from(since).ok());
        ServiceStatus {
            name: service.name.to_string(),
            routes: routes(service),
            live: side(activation),
            health: addresses
                .map(|address| self.vigil.health(activation.id, address))
                .collect(),
            names_version: service.health.version.is_some(),
            requests,
            streams,
            web_sockets: activation.counters().web_sockets,
            held: waiting.held as u64,
            away_since: away_since.map(|since| format!("{since:.3}")),
            traffic: activation.counters().traffic(),
            tls: match service.tls {
                Tls::Acme => "acme",
                Tls::Internal => "internal",
                Tls::Files { .. } => "files",
                Tls::Off => "off",
            }
            .into(),
            certificates: Vec::new(),
        }
    }
}

fn routes(service: &Service) -> Vec<String> {
    let path = if &*service.path == "/" { "" } else { &service.path };
    service.hosts.iter().map(|host| format!("{host}{path}")).collect()
}

fn draining(environment: &Environment) -> Vec<DrainingStatus> {
    let draining = environment.retired.iter().map(|retired| {
        let (requests, streams) = retired.activation.in_flight();
        DrainingStatus {
            service: retired.activation.service.to_string(),
            slot: retired.activation.slot,
            addresses: retired.activation.addresses.clone(),
            requests,
            streams,
        }
    });
    draining.collect()
}
