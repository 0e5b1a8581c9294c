//! `GET /v1/status`: what is live, how it does, and what still drains.

use serde::{Deserialize, Serialize};

use super::{Kind, ProbeReport, Side, Traffic};
use crate::model::slot::{Address, Generation, Slot};

/// `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Process id of the daemon.
    pub pid: u32,
    /// When the daemon started, RFC 3339.
    pub started: String,
    /// The configuration file.
    pub config: String,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Client connections that are open.
    pub connections: u64,
    /// Access-log lines that were dropped because the writer could not follow.
    pub dropped_log_lines: u64,
    /// Every environment, in the order of the file.
    pub environments: Vec<EnvironmentStatus>,
    /// What an operator should know: torn operations, uncertain durability, certificates that stand in for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// One environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentStatus {
    /// Its name.
    pub name: String,
    /// The slot that is live; `None` when no service of it can be swapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Slot>,
    /// The number of its published state.
    pub generation: Generation,
    /// When that was published, RFC 3339.
    pub since: String,
    /// Whether swap and rollback ask for its name.
    pub protected: bool,
    /// The operation that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Holder>,
    /// Whether `rollback` has a previous side to go to.
    pub can_roll_back: bool,
    /// Old sides that still serve what they had begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<DrainingStatus>,
    /// Its services, in the order of the file.
    pub services: Vec<ServiceStatus>,
}

/// Who holds an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Number of the operation.
    pub operation: u64,
    /// Swap or rollback.
    pub kind: Kind,
    /// The name of the user who asked for it.
    pub user: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Which step it is in: `gate`, `warm-up`, `persist`, `verify`, `bake`.
    pub step: String,
}

/// An old side that still serves what it had begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainingStatus {
    /// The service.
    pub service: String,
    /// The slot it was.
    pub slot: Slot,
    /// Where it runs.
    pub addresses: Vec<Address>,
    /// Requests that wait for their response head.
    pub requests: u64,
    /// Streams: responses under way, event streams, tunnels.
    pub streams: u64,
}

/// One service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Hosts and path: `app.example.com`, `app.example.com/api`.
    pub routes: Vec<String>,
    /// The slot that serves, and where it runs.
    pub live: Side,
    /// Health of each live instance.
    pub health: Vec<HealthStatus>,
    /// Requests in flight on the live side.
    pub requests: u64,
    /// Streams on the live side.
    pub streams: u64,
    /// Everything since the live side became live.
    pub traffic: Traffic,
    /// `acme`, `internal`, `files` or `off`.
    pub tls: String,
    /// The certificate that clients are shown, per host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateStatus>,
}

/// Health of one instance, for status only: health never takes the only live slot away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthStatus {
    /// The instance.
    pub address: Address,
    /// `None` until the first probe: unknown is not healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
    /// When it was last checked, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked: Option<String>,
    /// What the last probe saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ProbeReport>,
}

/// The certificate that clients of one host are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// The host.
    pub host: String,
    /// `local CA`, or the issuer's common name.
    pub issuer: String,
    /// When it ends, RFC 3339.
    pub not_after: String,
    /// What is wrong with it, or why another stands in: `stands in until ACME is built`, `certs/app.pem: key does not fit; the last good one is kept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// `GET /v1/certificates`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificates {
    /// Every host that is served over TLS, by name.
    pub certificates: Vec<CertificateReport>,
    /// What this daemon answers to `GET /.well-known/acme-challenge/greengate` on port 80, so that `check --online` knows it again.
    pub probe: String,
}

/// How the certificate of one host stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateReport {
    /// A name, a wildcard or an address.
    pub host: String,
    /// `local CA`, or the issuer's common name.
    pub issuer: String,
    /// When it ends, RFC 3339.
    pub not_after: String,
    /// What is wrong with it, or why another stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Whether a certificate was obtained from a CA, or imported.
    pub obtained: bool,
    /// The challenge that worked: `http-01`, `tls-alpn-01`, `dns-01`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
    /// Whether another program obtained it.
    #[serde(default)]
    pub imported: bool,
    /// Whether an attempt is under way.
    pub running: bool,
    /// When the next attempt is, RFC 3339; `None` when there will be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Why then, or why never.
    pub why: String,
    /// Attempts that failed since one succeeded.
    pub failures: u32,
    /// The last failure, in the CA's own words where it had some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why it is served from memory alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsaved: Option<String>,
}

/// `POST /v1/certificates/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// The host.
    pub host: String,
}

/// `POST /v1/certificates/import`: a chain and its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRequest {
    /// What it is called where it comes from.
    pub name: String,
    /// The chain, leaf first, in PEM.
    pub chain: String,
    /// The private key, in PEM.
    pub key: String,
}

impl std::fmt::Debug for ImportRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // No key in any log (E35).
        f.debug_struct("ImportRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What `check --online` found out about a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnlineFinding {
    /// The host.
    pub host: String,
    /// Whether a CA would find this machine there.
    pub good: bool,
    /// Where it leads, and what answers there.
    pub what: String,
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// What it is called where it comes from.
    pub name: String,
    /// Hosts that are served with it from now on.
    pub hosts: Vec<String>,
    /// Hosts that have a better one, or cannot have it, each with why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}
