//! What the data plane is told at its start: bounds, trusted peers, and what it needs of the TLS room without knowing it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What the data plane is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads; at least one.
    pub workers: usize,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether trusted peers send a PROXY header first.
    pub proxy_protocol: bool,
    /// Client connections in all.
    pub max_connections: usize,
    /// Client connections per address; loopback and trusted proxies are exempt.
    pub max_connections_per_client: usize,
    /// The port that 308 answers lead to; `None` stands for 443.
    pub https_port: Option<u16>,
}

/// Whether the certificate that is shown for the first name covers the second.
pub type Covers = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;
/// The key authorization of an ACME token.
pub type AcmeLookup = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What the data plane needs from the TLS room, without knowing it.
#[derive(Clone)]
pub struct Front {
    /// Certificates, protocols, tickets.
    pub tls: Arc<rustls::ServerConfig>,
    /// Whether one host's certificate covers another host.
    pub covers: Covers,
    /// Answers below `/.well-known/acme-challenge/`.
    pub acme: AcmeLookup,
    /// Certificates for CAs that check a host on the TLS port (RFC 8737).
    pub challenge: TlsChallenges,
}

/// The configuration that answers a CA's handshake for a name.
pub type ChallengeLookup = Arc<dyn Fn(&str) -> Option<Arc<rustls::ServerConfig>> + Send + Sync>;

/// What a CA is shown that asks by `acme-tls/1`: a configuration of its own, so that the main one never offers that protocol.
#[derive(Clone)]
pub struct TlsChallenges {
    /// How many there are; while it is 0, handshakes are spared the look at the name.
    pub pending: Arc<AtomicUsize>,
    /// By server name.
    pub lookup: ChallengeLookup,
}

impl Default for TlsChallenges {
    /// No host is being checked, and none will be.
    fn default() -> Self {
        Self {
            pending: Arc::default(),
            lookup: Arc::new(|_| None),
        }
    }
}
