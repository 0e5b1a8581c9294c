//! `GET /v1/status`: what is live, how it does, and what still drains.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::deploy::Deployed;
use super::logs::LogsStatus;
use super::notify::NotifyStatus;
use super::operation::{Kind, Side};
use super::preview::PreviewStatus;
use super::seen::{ProbeReport, Traffic};
use super::series::SeriesStatus;
use super::sleep::{SleepState, SleepStatus};
use super::upkeep::Action;
use crate::model::handoff::EarlierProcess;
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
    /// What is kept for charts.
    #[serde(default)]
    pub series: SeriesStatus,
    /// What is kept of the access log.
    #[serde(default)]
    pub logs: LogsStatus,
    /// Who is told by messages, in the order of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyStatus>,
    /// Whether the file still says what is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ConfigurationStatus>,
    /// Processes that were replaced by an upgrade and still drain, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierProcess>,
    /// Every environment, in the order of the file.
    pub environments: Vec<EnvironmentStatus>,
    /// What an operator should know: torn operations, uncertain durability, certificates that stand in for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The configuration that is served, beside its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationStatus {
    /// When it was read, RFC 3339.
    pub loaded: String,
    /// Why the file is not what is served: it changed since, or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
    /// Keys whose new value takes effect at the next restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart: Vec<String>,
    /// Lists of others that `trusted_proxies` names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_lists: Vec<TrustedList>,
}

/// A list of networks that somebody publishes, as this version knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedList {
    /// Its name in the file.
    pub name: String,
    /// The day on which it was published so, as `2026-10-14`.
    pub published: String,
    /// How many networks it has.
    pub networks: usize,
}

/// Maintenance of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceStatus {
    /// Since when, RFC 3339.
    pub since: String,
    /// Who switched it on.
    pub user: String,
    /// The sentence on the page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Whether the operator's own page is shown.
    #[serde(default)]
    pub page: bool,
    /// Clients that are served as ever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

/// Files of versions that are gone, which are kept for clients that still ask for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptStatus {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
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
    /// Deployments that wait for their turn, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingStatus>,
    /// What was deployed to each side, as far as that is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deployed: BTreeMap<Slot, Deployed>,
    /// Maintenance, while it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<MaintenanceStatus>,
    /// How it sleeps, where it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sleep: Option<SleepStatus>,
    /// Looks at the idle side that are open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previews: Vec<PreviewStatus>,
    /// Files of versions that are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<KeptStatus>,
    /// Since when every live instance is healthy, without a break and under one version, RFC 3339; `None` while one is not. Known
    /// since this process looks, every 5 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_since: Option<String>,
    /// Whether `rollback` has a previous side to go to.
    pub can_roll_back: bool,
    /// Old sides that still serve what they had begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub draining: Vec<DrainingStatus>,
    /// Its services, in the order of the file.
    pub services: Vec<ServiceStatus>,
}

impl EnvironmentStatus {
    /// Whether its app is not there on purpose (N36).
    #[must_use]
    pub fn sleeps(&self) -> bool {
        self.sleep
            .as_ref()
            .is_some_and(|sleep| sleep.state != SleepState::Awake)
    }
}

/// The operation that holds an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Number of the operation; 0 while what has begun by itself has none.
    pub operation: u64,
    /// What it does.
    pub kind: Action,
    /// The name of the user who asked for it.
    pub user: String,
    /// Since when, RFC 3339.
    pub since: String,
    /// Which step it is in: `gate`, `warm-up`, `persist`, `verify`, `bake`; `drain`, `paused` of a pause; `start`, `before`, `stop`,
    /// `after` of a deployment; `drain`, `persist`, `stop` of falling asleep, `start` of waking.
    pub step: String,
}

impl Holder {
    /// Why another operation on the same environment is refused (N5).
    #[must_use]
    pub fn refusal(&self, environment: &str) -> String {
        let number = match self.operation {
            // It has begun by itself, and may not come to anything.
            0 => String::new(),
            operation => format!(" {operation}"),
        };
        format!(
            "{}{number} by {} holds `{environment}` since {} (step: {})",
            self.kind, self.user, self.since, self.step
        )
    }

    /// What the one who was refused can do about it.
    #[must_use]
    pub fn hint(&self, environment: &str) -> String {
        match self.kind {
            Action::Pause | Action::PauseWrites => format!("`proxyctl resume {environment}` ends it"),
            Action::Swap
            | Action::Rollback
            | Action::Reload
            | Action::Resume
            | Action::Maintenance
            | Action::Upgrade
            | Action::Deploy
            | Action::Preview
            | Action::Sleep
            | Action::Wake => {
                format!("`proxyctl status {environment}` shows how far it is")
            }
        }
    }
}

/// A deployment that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingStatus {
    /// Number of the operation.
    pub operation: u64,
    /// To the idle side, or back to the previous one.
    pub kind: Kind,
    /// The name of the user who asked for it.
    pub user: String,
    /// What is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Since when it waits, RFC 3339.
    pub since: String,
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
    /// Whether the file says how it tells its version (`health.version`).
    #[serde(default)]
    pub names_version: bool,
    /// Requests in flight on the live side.
    pub requests: u64,
    /// Streams on the live side.
    pub streams: u64,
    /// WebSockets among them.
    #[serde(default)]
    pub web_sockets: u64,
    /// Requests that wait, because the app cannot be reached or the environment is paused.
    #[serde(default)]
    pub held: u64,
    /// Since when the app cannot be reached, RFC 3339; `None` while it can, as far as any request has tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away_since: Option<String>,
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
    /// Since when it is so, as far as this process has looked, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
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
    /// What is wrong with it, or why another stands in: `certs/app.pem: key does not fit; the last good
    /// one is kept`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_by_itself_and_has_no_number_holds_without_one() {
        let holder = |operation| Holder {
            operation,
            kind: Action::Sleep,
            user: "proxyd".into(),
            since: "2026-01-01T00:00:00.000Z".into(),
            step: "drain".into(),
        };
        let rest = "by proxyd holds `dev` since 2026-01-01T00:00:00.000Z (step: drain)";
        assert_eq!(holder(0).refusal("dev"), format!("sleep {rest}"));
        assert_eq!(holder(7).refusal("dev"), format!("sleep 7 {rest}"));
    }
}
