//! A checked [`Config`]: what the rest of the house works with. Nothing here can be read from a file, and nothing can be wrong.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::slot::{Address, Slot};

/// Let's Encrypt.
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
    /// `[redirect]`: host → where to.
    pub redirects: Vec<Redirect>,
    /// `[acme]`.
    pub acme: Acme,
}

impl Config {
    /// Every host that is served or redirected, with where its certificate comes from, in the order of the file. A host with services
    /// under several paths comes once for each.
    pub fn hosts(&self) -> impl Iterator<Item = (&Arc<str>, &Tls)> {
        let services = self.environments.iter().flat_map(|environment| &environment.services);
        let of_services = services.flat_map(|service| service.hosts.iter().map(|host| (host, &service.tls)));
        of_services.chain(self.redirects.iter().map(|redirect| (&redirect.host, &redirect.tls)))
    }
}

/// `[server]`: what the process listens on and where it keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Plain HTTP; `None` stands for the default, port 80 on both families, which fall back to IPv4 where IPv6 is off.
    pub http: Listen,
    /// TLS; the same with port 443.
    pub https: Listen,
    /// Control socket, if the file names one.
    pub socket: Option<PathBuf>,
    /// Group that may use the control socket beside root and the daemon's user.
    pub group: Option<String>,
    /// State, journal and certificates, if the file names a folder.
    pub state_dir: Option<PathBuf>,
    /// Data-plane threads; `None` is one per core.
    pub workers: Option<usize>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Whether trusted peers send a PROXY header (v1 or v2) first.
    pub proxy_protocol: bool,
    /// Client connections in all; `None` derives it from RLIMIT_NOFILE.
    pub max_connections: Option<usize>,
    /// Client connections per address (IPv6: per /64).
    pub max_connections_per_client: usize,
    /// Where access-log lines go.
    pub access_log: AccessLogTarget,
}

/// Addresses of one kind of listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// The default port on every address of the machine: `[::]` for both families, IPv4 alone where IPv6 is off.
    Everywhere(u16),
    /// Exactly these.
    At(Vec<SocketAddr>),
}

/// Where access-log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLogTarget {
    /// Standard output, as the journal of systemd and `docker logs` expect it.
    Stdout,
    /// A file, which is opened again on SIGUSR1 and when it was moved.
    File(PathBuf),
}

/// One `[env.NAME]`: what `swap` names; all its services switch together.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `NAME`.
    pub name: Arc<str>,
    /// Whether swap and rollback ask for the environment's name.
    pub protected: bool,
    /// Its services, at least one, in the order of the file.
    pub services: Vec<Arc<Service>>,
}

/// Hostnames, an optional path prefix, and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The environment's name.
    pub environment: Arc<str>,
    /// The service's name; in the short form it is the environment's.
    pub name: Arc<str>,
    /// Lower case, without port or trailing dot; `*.example.com` is a wildcard for exactly one label. At least one.
    pub hosts: Vec<Arc<str>>,
    /// Path prefix, `/` or `/api` (never with a slash at the end).
    pub path: Arc<str>,
    /// Whether the app sees the path without the prefix.
    pub strip_prefix: bool,
    /// Where it runs.
    pub slots: Slots,
    /// What counts as healthy.
    pub health: Health,
    /// Paths that a candidate is asked for between gate and switch.
    pub warmup: Vec<String>,
    /// What happens to requests while the app cannot be reached.
    pub hold: Hold,
    /// How long the old side is kept.
    pub drain: Drain,
    /// The time after a swap in which a bad new side is rolled back by itself.
    pub bake: Option<Bake>,
    /// How connections to the app are reused.
    pub keepalive: Keepalive,
    /// Deadlines of an exchange.
    pub timeout: Timeouts,
    /// Bytes that a request body may have.
    pub limit_body: u64,
    /// Path prefixes whose files the previous slot is asked for when the live one has them no more (N23).
    pub stale_assets: Vec<Arc<str>>,
    /// Where the certificate comes from.
    pub tls: Tls,
    /// Marks the responses of an environment that is not production.
    pub label: Option<Arc<str>>,
    /// Whether requests are written to the access log.
    pub log: bool,
}

/// The addresses behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slots {
    /// `blue` and `green`.
    Pair {
        /// Instances of blue, at least one.
        blue: Vec<Address>,
        /// Instances of green, at least one.
        green: Vec<Address>,
    },
    /// `upstream`: one slot, which cannot be swapped.
    Single(Vec<Address>),
}

impl Slots {
    /// The addresses of one slot; `None` when the service has no such slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&[Address]> {
        match (self, slot) {
            (Self::Pair { blue, .. }, Slot::Blue) => Some(blue),
            (Self::Pair { green, .. }, Slot::Green) => Some(green),
            (Self::Single(only), Slot::Upstream) => Some(only),
            _ => None,
        }
    }

    /// Whether the service has two sides.
    #[must_use]
    pub fn can_swap(&self) -> bool {
        matches!(self, Self::Pair { .. })
    }
}

/// `health.*`: what counts as healthy, and how the gate asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `/health`.
    pub path: String,
    /// Which answers pass.
    pub status: StatusRange,
    /// The `Host` that a probe sends; the service's first host unless named.
    pub host: String,
    /// A text that the body has to contain.
    pub body: Option<String>,
    /// Where the candidate names its version.
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

/// `health.status`: `2xx`, `204`, `200-299` or a list of these, as inclusive ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRange(pub Vec<(u16, u16)>);

impl StatusRange {
    /// Whether an answer with this status passes.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}

/// `health.version`: where the candidate says which version it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionSource {
    /// `header:NAME`.
    Header(String),
    /// `json:FIELD`; dots descend into objects.
    Json(String),
}

/// `hold.*`: how long and how many requests wait for an app that cannot be reached (N12), or for the end of a pause (N13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Counted from the moment the app went away; zero holds nothing.
    pub period: Duration,
    /// Requests that may wait.
    pub max_requests: usize,
    /// Bytes of heads and bodies that they may keep in memory, all together.
    pub max_bytes: u64,
}

/// `drain.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// For requests that wait for their response head.
    pub requests: Duration,
    /// For streams: responses under way, event streams, tunnels.
    pub streams: Duration,
}

/// `bake.*`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bake {
    /// How long the new side is watched.
    pub period: Duration,
    /// Share of 5xx answers (0.0 to 1.0) above which it is worse.
    pub max_error_rate: f64,
}

impl Eq for Bake {}

/// `keepalive.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// How long an idle connection to the app is kept; zero keeps none.
    pub idle: Duration,
    /// Which requests may ride a reused one.
    pub reuse: Reuse,
}

/// `keepalive.reuse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Idempotent methods only (N10).
    Safe,
    /// Every method.
    Always,
}

/// `timeout.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// To connect to the app.
    pub connect: Duration,
    /// From the request's last byte to the response head.
    pub response: Duration,
    /// Between two bytes of a body.
    pub idle: Duration,
    /// A tunnel or an event stream without a byte.
    pub stream: Duration,
}

/// `tls`: where a service's certificates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// ACME. Until an ACME certificate is there, the local CA's stands in.
    Acme,
    /// The local CA.
    Internal,
    /// Files, re-read when they change.
    Files {
        /// Certificate chain, PEM.
        cert: PathBuf,
        /// Private key, PEM.
        key: PathBuf,
    },
    /// None: served on the plain port.
    Off,
}

/// One entry of `[redirect]`: 308, keeps path and query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The host that is redirected, lower case.
    pub host: Arc<str>,
    /// Scheme and authority of the target (`https://example.com`), without a path.
    pub to: Arc<str>,
    /// As `[defaults].tls` says.
    pub tls: Tls,
}

/// `[acme]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Where the CA writes to; several are possible.
    pub email: Vec<String>,
    /// The CAs' directories: the first that works is used. At least one.
    pub directories: Vec<String>,
    /// The kind of certificate (`classic`, `tlsserver`, `shortlived`), where the CA has kinds.
    pub profile: Option<String>,
    /// The account of the CA's customer that our account belongs to (RFC 8555 §7.3.4).
    pub eab: Option<Eab>,
    /// PEM file with the roots of a private CA's own server; they are trusted beside the system's.
    pub root: Option<PathBuf>,
    /// How hosts are proved.
    pub challenge: Challenge,
}

/// `eab = { kid, key_file }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eab {
    /// What the CA calls its customer.
    pub kid: String,
    /// File with the key that the CA gave, in base64url.
    pub key_file: PathBuf,
}

/// `challenge`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// By HTTP-01 or TLS-ALPN-01, whichever worked last, and by the other when that fails.
    Either,
    /// On port 80 alone.
    Http,
    /// On port 443 alone.
    TlsAlpn,
    /// By a command that changes the DNS: `COMMAND present|cleanup NAME VALUE`. The only way for wildcards.
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
