//! What all cores see. Connections touch it when they begin and end, requests read one flag of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

use crate::proxy::settings::{Front, Settings};
use crate::proxy::wait::queues::Queues;

/// The state that the cores have in common.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) front: Front,
    /// Client connections of each core.
    pub(crate) connections: Box<[CachePadded<AtomicUsize>]>,
    /// Connections that were open when draining began and still are.
    pub(crate) connections_before_drain: AtomicUsize,
    /// Cores that have noticed that draining began.
    pub(crate) cores_draining: AtomicUsize,
    pub(crate) draining: AtomicBool,
    pub(crate) stopping: AtomicBool,
    /// Wakes each core's caretaker.
    pub(crate) pokes: Box<[Notify]>,
    /// Requests that wait for their app.
    pub(crate) queues: Queues,
    /// Connections of each client address; loopback and trusted proxies are not in it.
    pub(crate) per_client: Mutex<HashMap<IpAddr, usize>>,
}

impl Shared {
    pub(crate) fn connections(&self) -> usize {
        self.connections.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Takes a place for one more connection of a client, unless it has its share already.
    pub(crate) fn admit(&self, client: IpAddr) -> bool {
        if self.is_exempt(client) {
            return true;
        }
        let mut per_client = self.per_client.lock().unwrap_or_else(PoisonError::into_inner);
        let count = per_client.entry(network(client)).or_insert(0);
        let admitted = *count < self.settings.max_connections_per_client;
        *count += usize::from(admitted);
        admitted
    }

    /// Gives the place back.
    pub(crate) fn dismiss(&self, client: IpAddr) {
        if self.is_exempt(client) {
            return;
        }
        let mut per_client = self.per_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = per_client.get_mut(&network(client)) {
            *count -= 1;
            if *count == 0 {
                per_client.remove(&network(client));
            }
        }
    }

    /// A trusted proxy carries many clients, and so does a tunnel that ends on this machine.
    fn is_exempt(&self, client: IpAddr) -> bool {
        client.is_loopback() || self.is_trusted(client)
    }

    /// Whether a peer's forwarding headers are believed.
    pub(crate) fn is_trusted(&self, peer: IpAddr) -> bool {
        self.settings
            .trusted_proxies
            .iter()
            .any(|network| network.contains(&peer))
    }
}

/// What counts as one client: an IPv4 address, or the /64 that one IPv6 customer has.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_by_its_64() {
        assert_eq!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8::ffff".parse().unwrap())
        );
        assert_ne!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8:0:1::1".parse().unwrap())
        );
        assert_ne!(
            network("192.0.2.1".parse().unwrap()),
            network("192.0.2.2".parse().unwrap())
        );
    }
}
