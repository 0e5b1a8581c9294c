//! What a request to a service is under, as the service's own keys and its entries of `at` say it. Each policy is finished when the
//! file was read: a request looks for its policy once, and reads it from then on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::compress::Compress;
use crate::model::header_value::Template;
use crate::model::parts::PartTable;
use crate::model::rate::Rate;
use crate::model::relocation::Relocation;
use crate::model::slot::Address;

/// The settings that a request is under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Deadlines for a request and its response.
    pub timeout: Timeouts,
    /// Most bytes that a request body may have.
    pub limit_body: u64,
    /// How many requests may be in flight, and how many a client may send.
    pub limits: Limits,
    /// Who may enter.
    pub auth: Auth,
    /// Whether requests are written to the access log.
    pub log: bool,
    /// What is changed of the fields that an app sees.
    pub request_headers: Vec<HeaderRule>,
    /// What is changed of the fields that a client sees, whoever answers.
    pub response_headers: Vec<HeaderRule>,
    /// The fields that browsers are told for safety, where the app does not say otherwise.
    pub security_headers: Option<SecurityHeaders>,
    /// What caches may do with answers, where the app does not say it.
    pub cache: Option<Cache>,
    /// How answers are encoded; `None` leaves them as they are.
    pub compress: Option<Compress>,
    /// Where clients are sent instead.
    pub redirect: Option<Redirection>,
    /// Where the app finds the path that was asked for.
    pub rewrite: Option<Relocation>,
}

impl Policy {
    /// Whether it changes fields of answers.
    #[must_use]
    pub fn changes_responses(&self) -> bool {
        !self.response_headers.is_empty() || self.security_headers.is_some() || self.cache.is_some()
    }
}

/// `redirect`: where clients are sent instead of being served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirection {
    /// A path of the same host, or a URL.
    pub to: Relocation,
    /// 301, 302, 303, 307 or 308 (RFC 9110 §15.4).
    pub status: u16,
}

/// One name of `headers.request` or `headers.response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderRule {
    /// The field's name, in lower case.
    pub name: Arc<str>,
    /// What takes the place of all fields of this name; `None` takes them away.
    pub value: Option<Template>,
}

/// `security_headers = true`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecurityHeaders {
    /// Whether browsers may be told to ask for the host over TLS alone (RFC 6797): its certificate is one that they trust.
    pub strict_transport: bool,
}

/// `cache`: the `Cache-Control` of answers (RFC 9111 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// What stands at this URL never changes (RFC 8246).
    Immutable,
    /// It may be kept for so long.
    For(Duration),
    /// It may not be kept.
    NoStore,
}

impl Cache {
    /// The field's value.
    #[must_use]
    pub fn value(self) -> String {
        match self {
            Self::Immutable => "max-age=31536000, immutable".to_owned(),
            Self::For(time) => format!("max-age={}", time.as_secs()),
            Self::NoStore => "no-store".to_owned(),
        }
    }
}

/// `at`: parts of a service with rules of their own. A path may lie in several of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// Every entry, in the order of the file.
    pub entries: Vec<Part>,
    /// A policy for each set of entries that a path may match.
    pub policies: Vec<Policy>,
    /// Where the policies stand among [`Service::policies`](super::Service::policies).
    pub table: PartTable,
}

impl Parts {
    /// The place among [`Service::policies`](super::Service::policies) of the policy for a path without its query. `None` when an app
    /// that decodes or collapses the path would see one that is under another policy (E20).
    #[must_use]
    pub fn find(&self, path: &[u8]) -> Option<u16> {
        self.table.find(path)
    }
}

/// One entry of `at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What its paths begin or end with.
    pub paths: Vec<PathPattern>,
    /// The keys that stand in it.
    pub keys: Vec<&'static str>,
    /// What holds where it matches and no other entry does.
    pub policy: Policy,
}

/// What `at.path` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPattern {
    /// `/uploads`: a prefix, which ends where a segment does.
    Prefix(Arc<str>),
    /// `*.css`: an ending, without the asterisk.
    Ending(Arc<str>),
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Prefix(prefix) => f.write_str(prefix),
            Self::Ending(ending) => write!(f, "*{ending}"),
        }
    }
}

/// Patterns as one name, as `/uploads, *.iso`.
#[must_use]
pub(crate) fn part_name<'p>(paths: impl IntoIterator<Item = &'p PathPattern>) -> String {
    let names: Vec<String> = paths.into_iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// `timeout.*`: the deadlines for a request and its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Time to connect to the app.
    pub connect: Duration,
    /// Time from the request's last byte to the response head.
    pub response: Duration,
    /// Time between two bytes of a body.
    pub idle: Duration,
    /// Time that a tunnel or an event stream may be silent.
    pub stream: Duration,
}

/// `limit.concurrent`, `limit.rate` and `limit.burst`. `None` limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Most requests in flight, from the head to the last byte of the answer, or of the tunnel.
    pub concurrent: Option<(usize, Scope)>,
    /// How often one client may ask (IPv6: one /64).
    pub rate: Option<(Rate, Scope)>,
}

/// What a limit counts, by the table that its key stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All services of an environment together: it stands in the environment's table, or in `[defaults]`.
    Environment,
    /// One service alone: it stands in the service's own table.
    Service,
    /// A part of a service, which is called by its paths: it stands in an entry of `at`.
    Part(Arc<str>),
}

/// `auth.*`: who may enter. Where both are asked for, both have to pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Auth {
    /// The file of users whose passwords are asked for; `None` asks for none.
    pub basic: Option<PathBuf>,
    /// Networks that clients have to come from; `None` is anywhere.
    pub allow: Option<Vec<ipnet::IpNet>>,
    /// Path prefixes, as clients ask for them, that are for everybody: each is `/` and more, without a slash at its end.
    pub except: Vec<Arc<str>>,
    /// The service that is asked whether a request may pass; `None` asks none. Never beside `basic`: each reads what a client says of
    /// itself in its own way.
    pub forward: Option<Arc<Forward>>,
}

/// `auth.forward`: who is asked whether a request may pass, and what is taken from the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Where the auth service listens.
    pub address: Address,
    /// Path and query of every question.
    pub target: Arc<str>,
    /// Names, in lower case, of the fields of an answer that the app gets to see.
    pub copy: Vec<Arc<str>>,
    /// Time for the whole answer.
    pub timeout: Duration,
}

impl std::fmt::Display for Forward {
    /// As the file has it: `http://127.0.0.1:4180/verify`, `unix:/run/auth.sock:/verify`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            Address::Unix(_) => write!(f, "{}:{}", self.address, self.target),
            _ => write!(f, "http://{}{}", self.address, self.target),
        }
    }
}
