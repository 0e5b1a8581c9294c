//! What is said about certificates.

use serde::{Deserialize, Serialize};

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
