//! Tells how every environment is.

use super::{Owner, Room};
use crate::config::{Environment, Service, Tls};
use crate::model::api::{DrainingStatus, EnvironmentStatus, ServiceStatus, Side};
use crate::proxy::{Live, Snapshot};

impl Owner {
    /// What an operator should know of all this.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = [self.saving.trouble(), self.vigil.jump()]
            .into_iter()
            .flatten()
            .map(str::to_owned)
            .collect();
        for room in self.rooms.iter().filter(|room| room.gone) {
            for DrainingStatus {
                service,
                requests,
                streams,
                ..
            } in draining(room)
            {
                warnings.push(format!(
                    "`{service}` of `{}` is not in the file any more; {requests} requests and {streams} streams of it go on",
                    room.name
                ));
            }
        }
        warnings
    }

    /// Every environment, in the order of the file. The certificates are another's to tell.
    pub(super) fn status(&self) -> Vec<EnvironmentStatus> {
        let snapshot = self.routing.load();
        let served = self.current.load();
        let of_room = |environment| {
            let room = self.rooms.iter().find(|room| is_of(room, environment));
            room.map(|room| (environment, room))
        };
        let pairs = served.config.environments.iter().filter_map(of_room);
        pairs
            .map(|(environment, room)| EnvironmentStatus {
                name: environment.name.to_string(),
                live: (!room.pairs.is_empty()).then(|| room.switch.state().live),
                generation: room.switch.state().generation,
                since: room.switch.state().since.clone(),
                protected: environment.protected,
                operation: room.holder(),
                maintenance: self.maintenance_status(&room.name),
                can_roll_back: !room.pairs.is_empty() && room.switch.state().previous.is_some(),
                draining: draining(room),
                services: self.services(room, &snapshot),
            })
            .collect()
    }

    fn services(&self, room: &Room, snapshot: &Snapshot) -> Vec<ServiceStatus> {
        let own = snapshot
            .services()
            .iter()
            .filter(|live| live.service.environment == room.name);
        own.map(|live| self.service(live)).collect()
    }

    fn service(&self, live: &Live) -> ServiceStatus {
        let Live {
            service, activation, ..
        } = live;
        let (requests, streams) = activation.in_flight();
        let addresses = activation.addresses.iter();
        let waiting = self.plane.waiting(&service.environment, &service.name);
        let away_since = waiting
            .away_since
            .and_then(|since| jiff::Timestamp::try_from(since).ok());
        ServiceStatus {
            name: service.name.to_string(),
            routes: routes(service),
            live: Side {
                slot: activation.slot,
                addresses: activation.addresses.clone(),
            },
            health: addresses
                .map(|address| self.vigil.health(activation.id, address))
                .collect(),
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

fn is_of(room: &Room, environment: &Environment) -> bool {
    room.name == environment.name && !room.gone
}

fn routes(service: &Service) -> Vec<String> {
    let path = if &*service.path == "/" { "" } else { &service.path };
    service.hosts.iter().map(|host| format!("{host}{path}")).collect()
}

fn draining(room: &Room) -> Vec<DrainingStatus> {
    let draining = room.retired.iter().map(|retired| {
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
