//! The types of a checked [`Config`], with the defaults filled in. They know neither TOML nor the place of a value in
//! the file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::deploy::Deploy;
use super::notify::Destination;
use super::policy::{Parts, Policy};
use super::slots::{Public, Slots};
use crate::model::error_pages::ErrorPages;
use crate::model::files::Missing;
use crate::model::health::HealthPath;
use crate::model::log_query::LogQuery;
use crate::model::relocation::Relocation;
use crate::model::ribbon::Ribbon;
use crate::model::sleep;
use crate::model::switch::Requires;

/// The production directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// A whole, checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file it was read from.
    pub file: PathBuf,
    /// `[server]`.
    pub server: Server,
    /// Every `[env.NAME]`, in the order of the file.
    pub environments: Vec<Environment>,
    /// Every entry of `[redirect]`, in the order of the file.
    pub redirects: Vec<Redirect>,
    /// `[acme]`.
    pub acme: Acme,
    /// Every `[[notify]]`, in the order of the file.
    pub notify: Vec<Destination>,
    /// What the access log says of the queries of requests that reach no service: redirected, refused, or for unknown hosts.
    /// Nothing that `[defaults]` or any service hides.
    pub log_query: LogQuery,
    /// Pages for the errors of requests that reach no environment, as `[defaults]` says.
    pub error_pages: Option<Arc<ErrorPages>>,
}

impl Config {
    /// Every host that is served or redirected, with where its certificate comes from, in the order of the file. A host
    /// with services under several paths comes once for each.
    pub fn hosts(&self) -> impl Iterator<Item = (&Arc<str>, &Tls)> {
        let of_services = self
            .services()
            .flat_map(|service| service.hosts.iter().map(|host| (host, &service.tls)));
        of_services.chain(self.redirects.iter().map(|redirect| (&redirect.host, &redirect.tls)))
    }

    /// Every folder of error pages, in the order of the file; one may come more than once.
    pub fn error_pages(&self) -> impl Iterator<Item = &Arc<ErrorPages>> {
        let of_environments = self
            .environments
            .iter()
            .filter_map(|environment| environment.error_pages.as_ref());
        let of_services = self.services().filter_map(|service| service.error_pages.as_ref());
        self.error_pages.iter().chain(of_environments).chain(of_services)
    }

    /// The services of every environment, in the order of the file.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.environments.iter().flat_map(|environment| &environment.services)
    }
}

/// `[server]`: what the process listens on and where it keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Listeners for plain HTTP; by default, port 80 on every address of the machine.
    pub http: Listen,
    /// Listeners for TLS; by default, port 443 on every address of the machine.
    pub https: Listen,
    /// Path of the control socket, if the file names one.
    pub socket: Option<PathBuf>,
    /// Group whose members may use the control socket, beside root and the daemon's user.
    pub group: Option<String>,
    /// Folder for state, journal and certificates, if the file names one.
    pub state_dir: Option<PathBuf>,
    /// Data-plane threads; `None` is one per core.
    pub workers: Option<usize>,
    /// Networks of peers whose `X-Forwarded-*` fields are believed; those of published lists stand behind the others.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether Cloudflare's list is among them.
    pub trusts_cloudflare: bool,
    /// Whether connections from trusted peers begin with a header of the PROXY protocol (version 1 or 2).
    pub proxy_protocol: bool,
    /// Most client connections at a time; `None` derives the limit from RLIMIT_NOFILE.
    pub max_connections: Option<usize>,
    /// Most client connections at a time from one address (IPv6: from one /64).
    pub max_connections_per_client: usize,
    /// Where access-log lines go.
    pub access_log: AccessLogTarget,
    /// How they are written.
    pub access_log_format: AccessLogFormat,
    /// The port that clients reach `https` at, where another one is forwarded there.
    pub public_https: Option<u16>,
    /// Where the metrics are, if anywhere.
    pub metrics: Option<SocketAddr>,
    /// Where the dashboard is, if anywhere.
    pub dashboard: Option<SocketAddr>,
    /// The file of users who may see it; without one it is on this machine alone.
    pub dashboard_users: Option<PathBuf>,
}

/// What the listeners of one kind, plain or TLS, are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// This port on every address of the machine: `[::]` for both families, `0.0.0.0` where IPv6 is off.
    Everywhere(u16),
    /// Exactly these addresses, at least one.
    At(Vec<SocketAddr>),
}

/// Where access-log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Standard output, as the journal of systemd and `docker logs` expect it.
    Stdout,
    /// A file, which is opened again on SIGUSR1 and after it was moved.
    File(PathBuf),
}

/// `access_log_format`: how access-log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// JSON objects with all that is known.
    Json,
    /// Apache's and nginx' combined format.
    Combined,
}

/// One `[env.NAME]`: services that a swap switches together.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The name that `swap` takes.
    pub name: Arc<str>,
    /// Whether swap and rollback ask for the environment's name first.
    pub protected: bool,
    /// How `proxyctl deploy` starts and stops its sides.
    pub deploy: Deploy,
    /// When it falls asleep, and by which commands; `None` never lets it.
    pub sleep: Option<sleep::Rules>,
    /// What a swap of it depends on.
    pub requires: Requires,
    /// Pages for the errors of requests to its hosts that reach none of its services.
    pub error_pages: Option<Arc<ErrorPages>>,
    /// Its services, at least one, in the order of the file.
    pub services: Vec<Arc<Service>>,
}

/// An app: the hosts and the path prefix that it answers to, and the addresses where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The name of its environment.
    pub environment: Arc<str>,
    /// Its own name; that of the environment when the file has no `[env.NAME.service.NAME]`.
    pub name: Arc<str>,
    /// At least one host, in lower case, without port or trailing dot. In `*.example.com` the wildcard stands for
    /// exactly one label.
    pub hosts: Vec<Arc<str>>,
    /// Path prefix: `/`, or one without a slash at its end (`/api`).
    pub path: Arc<str>,
    /// Whether the prefix is taken off the path before the app sees it.
    pub strip_prefix: bool,
    /// The addresses where it runs.
    pub slots: Slots,
    /// `files.fallback`, `files.not_found`: what a slot that is a folder answers for what it does not have.
    pub missing: Missing,
    /// How it is probed, and what counts as healthy.
    pub health: Health,
    /// Paths that are requested of a candidate after it has passed the gate and before it becomes live.
    pub warmup: Vec<String>,
    /// What happens to requests while the app cannot be reached.
    pub hold: Hold,
    /// How long the old side finishes its requests after a swap.
    pub drain: Drain,
    /// Rolls a swap back by itself when the new side answers worse; `None` does not watch it.
    pub bake: Option<Bake>,
    /// How connections to the app are reused.
    pub keepalive: Keepalive,
    /// What holds for its requests, but for those to one of its parts.
    pub policy: Policy,
    /// Parts of it with rules of their own.
    pub parts: Parts,
    /// Names of fields, in lower case, by which an auth service vouches for clients of any part: an app that is told who is logged in
    /// by such a field must not hear it from the client itself.
    pub vouched: Vec<Arc<str>>,
    /// Path prefixes of static files: what the live slot answers with 404 is requested of the previous one (N23).
    pub stale_assets: Vec<Arc<str>>,
    /// For how long files below these prefixes are kept when their version is gone; `None` keeps none.
    pub stale_keep: Option<Duration>,
    /// Where the certificate comes from.
    pub tls: Tls,
    /// Value of `X-Environment` in responses, which also keeps search engines out: for environments that are not
    /// production.
    pub label: Option<Arc<str>>,
    /// What is appended to every page, with the label.
    pub label_ribbon: Option<Ribbon>,
    /// What is written to the access log of queries.
    pub log_query: LogQuery,
    /// Pages for the errors that the proxy makes in its place; `None` are those of the proxy.
    pub error_pages: Option<Arc<ErrorPages>>,
    /// Folders that are looked into before the app.
    pub public: Option<Public>,
    /// Whether its environment may sleep, so that it is counted who needs it.
    pub sleeps: bool,
}

impl Service {
    /// The policies that its requests may be under: its own, at 0, and those of its parts. [`Parts::find`] says which.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        std::iter::once(&self.policy).chain(&self.parts.policies)
    }

    /// The policy at this place among [`Service::policies`].
    #[must_use]
    pub fn policy(&self, place: u16) -> &Policy {
        let part = usize::from(place).checked_sub(1);
        part.and_then(|part| self.parts.policies.get(part))
            .unwrap_or(&self.policy)
    }

    /// The files of users that it asks, for whatever part; one may come more than once.
    pub fn user_files(&self) -> impl Iterator<Item = &PathBuf> {
        self.policies().filter_map(|policy| policy.auth.basic.as_ref())
    }

    /// The path prefix that the app does not see; empty when it sees all of a path.
    #[must_use]
    pub fn stripped(&self) -> &str {
        if self.strip_prefix { &self.path } else { "" }
    }

    /// The path under which a client finds what is `path` to the app.
    #[must_use]
    pub fn outer_path(&self, path: &str) -> String {
        format!("{}{path}", self.stripped().trim_end_matches('/'))
    }
}

/// `health.*`: how an app is probed, and what counts as healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Path of the probe. Without a word in the file that is `/health` for an app, and the page that clients come to first for a
    /// folder.
    pub path: HealthPath,
    /// Statuses that pass.
    pub status: StatusRange,
    /// The `Host` that a probe sends. By default, the service's first host that is no wildcard.
    pub host: String,
    /// A text that the response's body has to contain.
    pub body: Option<String>,
    /// Where the response names the app's version.
    pub version: Option<VersionSource>,
    /// Time between two probes of the gate.
    pub interval: Duration,
    /// Time that one probe may take.
    pub timeout: Duration,
    /// Consecutive passes that open the gate.
    pub passes: u32,
    /// Time that the whole gate may take.
    pub deadline: Duration,
}

/// `health.status`: inclusive ranges, as `2xx`, `204`, `200-299` or a list of these say them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRange(pub Vec<(u16, u16)>);

impl StatusRange {
    /// Whether a response with this status passes.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}

/// `health.version`: where the response to a probe names the app's version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionSource {
    /// `header:NAME`: the value of this response header.
    Header(String),
    /// `json:FIELD`: this field of the body. Dots descend into objects.
    Json(String),
}

/// `hold.*`: the requests that wait while the app cannot be reached (N12), or until a pause ends (N13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// How long they wait, counted from the moment the app went away. Zero holds nothing.
    pub period: Duration,
    /// Most requests that wait at a time.
    pub max_requests: usize,
    /// Most bytes of heads and bodies that they keep in memory, all together.
    pub max_bytes: u64,
}

/// `drain.*`: how long the old side goes on after a swap with what it had begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Time for requests that wait for their response head.
    pub requests: Duration,
    /// Time for responses under way, event streams and tunnels.
    pub streams: Duration,
}

/// `bake.*`: the watch over the new side after a swap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bake {
    /// How long the new side is watched.
    pub period: Duration,
    /// Share of 5xx responses (0.0 to 1.0) above which the swap is rolled back.
    pub max_error_rate: f64,
}

impl Eq for Bake {}

/// `keepalive.*`: how connections to the app are reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// How long an idle connection to the app is kept; zero keeps none.
    pub idle: Duration,
    /// Which requests may be sent on a reused connection.
    pub reuse: Reuse,
}

/// `keepalive.reuse`: which requests may be sent on a connection that the app may be closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Those with an idempotent method (RFC 9110 §9.2.2), which can be sent again (N10).
    Safe,
    /// All of them.
    Always,
}

/// `tls`: where a service's certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// A CA that speaks ACME. Until its certificate is there, one of the local CA stands in.
    Acme,
    /// The local CA.
    Internal,
    /// Files, read again when they change.
    Files {
        /// Certificate chain, PEM.
        cert: PathBuf,
        /// Private key, PEM.
        key: PathBuf,
    },
    /// Nowhere: the service is served over plain HTTP.
    Off,
}

/// One entry of `[redirect]`: answered with 308; the query is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The host that is redirected, in lower case.
    pub host: Arc<str>,
    /// Path prefix: `/`, or one without a slash at its end.
    pub path: Arc<str>,
    /// The target as the file writes it, in its canonical form: `https://example.com`, `https://example.com/x/*`.
    pub to: Arc<str>,
    /// Where a path leads.
    pub target: Relocation,
    /// Where the host's certificate comes from: as its services say, or `tls` in `[defaults]`.
    pub tls: Tls,
}

impl Redirect {
    /// Host and path, as the file names them.
    #[must_use]
    pub fn name(&self) -> String {
        match &*self.path {
            "/" => self.host.to_string(),
            path => format!("{}{path}", self.host),
        }
    }
}

/// `[acme]`: which CAs are asked for certificates, and how hosts are proved to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Addresses that the CA may write to.
    pub email: Vec<String>,
    /// URLs of the CAs' directories, at least one. The first that works is used.
    pub directories: Vec<String>,
    /// The certificate profile (`classic`, `tlsserver`, `shortlived`), if the CA offers any.
    pub profile: Option<String>,
    /// The customer account at the CA that the ACME account is bound to (RFC 8555 §7.3.4).
    pub eab: Option<Eab>,
    /// PEM file with root certificates that are trusted beside the system's, for the server of a private CA.
    pub root: Option<PathBuf>,
    /// How control over a host is proved.
    pub challenge: Challenge,
}

/// `eab = { kid, key_file }`: external account binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eab {
    /// The key identifier that the CA gave.
    pub kid: String,
    /// File with the MAC key that the CA gave, in base64url.
    pub key_file: PathBuf,
}

/// `challenge`: how control over a host is proved (RFC 8555 §8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// By HTTP-01 or TLS-ALPN-01: the one that worked last, and the other when it fails.
    Either,
    /// By HTTP-01 alone, on port 80.
    Http,
    /// By TLS-ALPN-01 alone, on port 443.
    TlsAlpn,
    /// By DNS-01, the only one for wildcards. The command changes the DNS: `COMMAND present|cleanup NAME VALUE`.
    Dns(String),
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            email: Vec::new(),
            directories: vec![LETS_ENCRYPT.to_owned()],
            profile: None,
            eab: None,
            root: None,
            challenge: Challenge::Either,
        }
    }
}
