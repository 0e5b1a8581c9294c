//! What all cores see. Connections touch it when they begin and end, requests read one flag of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

use crate::model::client::network;
use crate::proxy::access::desk::Desk;
use crate::proxy::auth_service::standing::Standings;
use crate::proxy::limit::limits::Limits;
use crate::proxy::settings::{Front, Settings};
use crate::proxy::stock::seldom::Seldom;
use crate::proxy::stock::weakened::Weakened;
use crate::proxy::wait::queues::Queues;
use crate::telemetry::{CoreConnections, CoreCounters};

/// The state that the cores have in common.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) front: Front,
    /// Where passwords are checked.
    pub(crate) desk: Desk,
    /// Client connections of each core.
    pub(crate) connections: Box<[CachePadded<AtomicUsize>]>,
    /// What each core has counted of them.
    pub(crate) counted: Box<[CachePadded<CoreConnections>]>,
    /// How requests have ended on each core that were for no service.
    pub(crate) unserved: Box<[CachePadded<CoreCounters>]>,
    /// Connections that were open when draining began and still are.
    pub(crate) connections_before_drain: AtomicUsize,
    /// Cores that have noticed that draining began.
    pub(crate) cores_draining: AtomicUsize,
    pub(crate) draining: AtomicBool,
    pub(crate) stopping: AtomicBool,
    /// How often each core has looked after what it has.
    pub(crate) rounds: Box<[AtomicUsize]>,
    /// Wakes each core's caretaker.
    pub(crate) pokes: Box<[Notify]>,
    /// Requests that wait for their app.
    pub(crate) queues: Queues,
    /// Whether the services that are asked for leave answer.
    pub(crate) standings: Standings,
    /// How much of each service its clients have.
    pub(crate) limits: Limits,
    /// Entity tags that are weak because answers are encoded.
    pub(crate) weakened: Weakened,
    /// More clients come than `max_connections` lets, and of one client than `max_connections_per_client` does.
    pub(crate) crowd: Seldom,
    pub(crate) greed: Seldom,
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
