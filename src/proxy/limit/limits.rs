//! Which counters belong to a policy, by what its limits count: a part of a service, the service alone, or its whole environment. They are kept by name, so
//! that a reload or a swap forgets nothing of what is under way. What clients owe is kept by the rate too: it is time that they have
//! to wait, and would lock them out under a rate that lets more through.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::clients::Clients;
use super::in_flight::{InFlight, Token};
use crate::config::{self, Scope, Service};
use crate::model::rate::Rate;
use crate::proxy::message::error::ProxyError;

/// The counters of all services.
#[derive(Default)]
pub(crate) struct Limits(Mutex<Counters>);

#[derive(Default)]
struct Counters {
    in_flight: HashMap<Name, Arc<InFlight>>,
    /// Also by the interval of their rate.
    clients: HashMap<(Name, u64), Arc<Clients>>,
}

/// An environment; one service of it, or all; a part of that, or all of it.
type Name = (Arc<str>, Option<Arc<str>>, Option<Arc<str>>);

/// The limits of one policy, with the counters that they go by.
#[derive(Default)]
pub(crate) struct PolicyLimits {
    in_flight: Option<(Arc<InFlight>, usize)>,
    clients: Option<(Arc<Clients>, Rate)>,
}

impl Limits {
    /// The limits of each policy of a service. Called where a view is made: no request waits for this.
    pub(crate) fn of(&self, service: &Service) -> Vec<PolicyLimits> {
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody goes by any more, since a reload; what is under way still holds its own.
        counters.in_flight.retain(|_, kept| Arc::strong_count(kept) > 1);
        counters.clients.retain(|_, kept| Arc::strong_count(kept) > 1);
        service
            .policies()
            .map(|policy| counters.of_policy(service, &policy.limits))
            .collect()
    }
}

impl Counters {
    fn of_policy(&mut self, service: &Service, limits: &config::Limits) -> PolicyLimits {
        let name = |scope: &Scope| {
            let (environment, own) = (service.environment.clone(), service.name.clone());
            match scope {
                Scope::Environment => (environment, None, None),
                Scope::Service => (environment, Some(own), None),
                Scope::Part(part) => (environment, Some(own), Some(part.clone())),
            }
        };
        PolicyLimits {
            in_flight: limits.concurrent.as_ref().map(|(most, scope)| {
                let counter = self.in_flight.entry(name(scope)).or_default();
                (counter.clone(), *most)
            }),
            clients: limits.rate.as_ref().map(|(rate, scope)| {
                let entry = self.clients.entry((name(scope), rate.interval()));
                let clients = entry.or_insert_with(|| Arc::new(Clients::new()));
                (clients.clone(), *rate)
            }),
        }
    }
}

impl PolicyLimits {
    /// Lets a request in. The token is to be kept until its last byte; there is none where nothing counts it.
    ///
    /// # Errors
    /// It is one too many.
    pub(crate) fn admit(&self, client: IpAddr) -> Result<Option<Token>, ProxyError> {
        self.count(client)?;
        self.enter()
    }

    /// Counts one more request of a client.
    ///
    /// # Errors
    /// It is one too many.
    pub(crate) fn count(&self, client: IpAddr) -> Result<(), ProxyError> {
        match &self.clients {
            None => Ok(()),
            Some((clients, rate)) => clients.ask(client, rate).map_err(ProxyError::OverRate),
        }
    }

    /// Lets a request in that was counted before. The token is to be kept as that of [`PolicyLimits::admit`].
    ///
    /// # Errors
    /// As many as may are in flight.
    pub(crate) fn enter(&self) -> Result<Option<Token>, ProxyError> {
        match &self.in_flight {
            None => Ok(None),
            Some((in_flight, most)) => in_flight.enter(*most).map(Some).ok_or(ProxyError::OverConcurrent),
        }
    }
}
