//! Stub of the data plane's handle.
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use super::routing::Routing;
use crate::config::Listen;
use crate::telemetry::access_log::AccessLog;

/// What the data plane is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads.
    pub workers: usize,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether trusted peers send a PROXY header first.
    pub proxy_protocol: bool,
    /// Client connections in all.
    pub max_connections: usize,
    /// Client connections per address.
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
}

/// One request through the front door's own routing.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The real hostname.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// Whether it counts as https.
    pub secure: bool,
    /// For all of it.
    pub timeout: Duration,
}

/// Its answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
}

/// The running workers.
#[derive(Debug)]
pub struct DataPlane {
    _private: (),
}

/// Binds listening sockets.
///
/// # Errors
/// With the address in the text.
pub fn bind(_listen: &Listen) -> io::Result<Vec<TcpListener>> {
    todo!()
}

#[allow(missing_docs, clippy::missing_errors_doc, clippy::unused_async, reason = "a stub")]
impl DataPlane {
    pub fn start(
        _settings: Settings,
        _http: Vec<TcpListener>,
        _https: Vec<TcpListener>,
        _routing: Arc<Routing>,
        _front: Front,
        _log: &AccessLog,
    ) -> io::Result<Self> {
        todo!()
    }
    /// Every core looks at patience and snapshot again.
    pub fn poke(&self) {
        todo!()
    }
    /// Open client connections.
    pub fn connections(&self) -> usize {
        todo!()
    }
    /// One request, inside the process.
    pub async fn ask(&self, _ask: Ask) -> Result<Answer, String> {
        todo!()
    }
    /// The next response of each connection says `Connection: close`; newcomers are still accepted.
    pub fn drain(&self) {
        todo!()
    }
    /// Connections from before `drain` that are still open.
    pub fn connections_before_drain(&self) -> usize {
        todo!()
    }
    /// Closes listeners and connections and joins the threads; at most 2 s.
    pub fn stop(self) {
        todo!()
    }
}
