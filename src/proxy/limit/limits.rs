//! Which counters belong to a service, by what its limits count: itself alone, or its whole environment. They are kept by name, so
//! that a reload or a swap forgets nothing of what is under way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::clients::Clients;
use super::in_flight::{InFlight, Token};
use crate::config::{Scope, Service};
use crate::model::rate::Rate;
use crate::proxy::message::error::ProxyError;

/// The counters of all services.
#[derive(Default)]
pub(crate) struct Limits(Mutex<Counters>);

#[derive(Default)]
struct Counters {
    in_flight: HashMap<Name, Arc<InFlight>>,
    clients: HashMap<Name, Arc<Clients>>,
}

/// An environment, and one service of it or all.
type Name = (Arc<str>, Option<Arc<str>>);

/// The limits of one service, with the counters that they go by.
#[derive(Default)]
pub(crate) struct ServiceLimits {
    in_flight: Option<(Arc<InFlight>, usize)>,
    clients: Option<(Arc<Clients>, Rate)>,
}

impl Limits {
    /// The limits of a service. Called where a view is made: no request waits for this.
    pub(crate) fn of(&self, service: &Service) -> ServiceLimits {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody goes by any more, since a reload; what is under way still holds its own.
        counters.in_flight.retain(|_, kept| Arc::strong_count(kept) > 1);
        counters.clients.retain(|_, kept| Arc::strong_count(kept) > 1);
        let name = |scope| {
            let own = match scope {
                Scope::Environment => None,
                Scope::Service => Some(service.name.clone()),
            };
            (service.environment.clone(), own)
        };
        ServiceLimits {
            in_flight: service.limits.concurrent.map(|(most, scope)| {
                let counter = counters.in_flight.entry(name(scope)).or_default();
                (counter.clone(), most)
            }),
            clients: service.limits.rate.map(|(rate, scope)| {
                let entry = counters.clients.entry(name(scope));
                let clients = entry.or_insert_with(|| Arc::new(Clients::new()));
                (clients.clone(), rate)
            }),
        }
    }
}

impl ServiceLimits {
    /// Lets a request in. The token is to be kept until its last byte; there is none where nothing counts it.
    ///
    /// # Errors
    /// It is one too many.
    pub(crate) fn admit(&self, client: IpAddr) -> Result<Option<Token>, ProxyError> {
        if let Some((clients, rate)) = &self.clients {
            clients.ask(client, rate).map_err(ProxyError::OverRate)?;
        }
        match &self.in_flight {
            None => Ok(None),
            Some((in_flight, most)) => in_flight.enter(*most).map(Some).ok_or(ProxyError::OverConcurrent),
        }
    }
}
