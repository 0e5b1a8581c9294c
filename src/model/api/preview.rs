//! A look at the idle side: what is asked for, what it is asked with, and how it stands.

use serde::{Deserialize, Serialize};

use crate::model::slot::{Generation, Slot};

/// `POST /v1/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The environment's name.
    pub environment: String,
    /// For how long it is opened, in milliseconds; `None` ends all that are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

/// The way to a preview on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewLink {
    /// The host; `*.example.com` stands for any of its kind.
    pub host: String,
    /// What a browser opens; `None` on a host that is served over plain HTTP, where no browser would keep the cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// An open preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewStatus {
    /// The number of the operation that has opened it.
    pub operation: u64,
    /// The side that it shows.
    pub slot: Slot,
    /// The generation with which it ends at the latest.
    pub generation: Generation,
    /// Who has opened it.
    pub user: String,
    /// When, RFC 3339.
    pub since: String,
    /// When it ends, RFC 3339.
    pub until: String,
    /// Its requests in flight.
    pub requests: u64,
    /// Its streams.
    pub streams: u64,
}

/// Why a preview has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PreviewEnd {
    /// The environment was switched.
    Switch,
    /// A new configuration has moved what is live, or has no idle side there.
    Reload,
    /// Its time was over.
    Time,
    /// Somebody has asked for that.
    Asked,
}

impl std::fmt::Display for PreviewEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Switch => "the environment was switched",
            Self::Reload => "a reload has moved its environment",
            Self::Time => "its time was over",
            Self::Asked => "it was ended by hand",
        })
    }
}
