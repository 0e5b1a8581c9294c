//! `[server]`: listeners, paths and limits of the process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::keys::Unknown;
use super::listening::{self, listeners};
use super::networks::trusted;
use super::{plain, watching};
use crate::config::checked::{AccessLogFormat, AccessLogTarget, Listen, Server};
use crate::config::text::raw::{At, Entry, Kind, Value};
use crate::config::text::report::Diagnostic;

/// Every key of `[server]`.
pub(crate) const SERVER_KEYS: &[&str] = &[
    "http",
    "https",
    "socket",
    "group",
    "state_dir",
    "workers",
    "trusted_proxies",
    "proxy_protocol",
    "max_connections",
    "max_connections_per_client",
    "access_log",
    "access_log_format",
    "public_https",
    "metrics",
    "dashboard",
    "dashboard_users",
];

/// Default of `max_connections_per_client`.
const MAX_CONNECTIONS_PER_CLIENT: usize = 512;

/// `[server]`, and where its listeners stand.
#[derive(Debug)]
pub(crate) struct RawServer {
    pub(crate) server: Server,
    /// The listeners that the file names.
    pub(crate) listeners: Vec<At<SocketAddr>>,
    /// Its files of users.
    pub(crate) users: Vec<At<PathBuf>>,
}

impl Default for RawServer {
    fn default() -> Self {
        Self {
            server: Server {
                http: Listen::Everywhere(80),
                https: Listen::Everywhere(443),
                socket: None,
                group: None,
                state_dir: None,
                workers: None,
                trusted_proxies: Vec::new(),
                trusts_cloudflare: false,
                proxy_protocol: false,
                max_connections: None,
                max_connections_per_client: MAX_CONNECTIONS_PER_CLIENT,
                access_log: AccessLogTarget::Stdout,
                access_log_format: AccessLogFormat::Json,
                public_https: None,
                metrics: None,
                dashboard: None,
                dashboard_users: None,
            },
            listeners: Vec::new(),
            users: Vec::new(),
        }
    }
}

/// Reads the table, and returns the keys that it does not know. Paths are relative to `folder`, the one of the file.
pub(crate) fn read<'t>(
    value: &'t Value,
    folder: &Path,
    problems: &mut Vec<Diagnostic>,
) -> (RawServer, Vec<Unknown<'t>>) {
    let mut raw = RawServer::default();
    let mut unknown = Vec::new();
    let Kind::Table(table) = &value.kind else {
        problems.push(plain::mismatch("server", value, "a table", "`[server]`"));
        return (raw, unknown);
    };
    for entry in &table.entries {
        raw.read_entry(entry, folder, &mut unknown, problems);
    }
    raw.refuse_defaults_twice(problems);
    watching::check(&raw.server, table, problems);
    (raw, unknown)
}

impl RawServer {
    fn read_entry<'t>(
        &mut self,
        entry: &'t Entry,
        folder: &Path,
        unknown: &mut Vec<Unknown<'t>>,
        problems: &mut Vec<Diagnostic>,
    ) {
        let (key, value) = (entry.key.value.as_str(), &entry.value);
        let path = |problems: &mut Vec<Diagnostic>| plain::text(key, value, problems).map(|path| folder.join(path));
        let server = &mut self.server;
        match key {
            "http" | "https" => {
                if let Some(addresses) = listeners(key, value, &self.listeners, problems) {
                    let listen = Listen::At(addresses.iter().map(|address| address.value).collect());
                    self.listeners.extend(addresses);
                    match key {
                        "http" => server.http = listen,
                        _ => server.https = listen,
                    }
                }
            }
            "socket" => server.socket = path(problems),
            "group" => server.group = plain::text(key, value, problems),
            "state_dir" => server.state_dir = path(problems),
            "public_https" => {
                let port = plain::integer(key, value, 1..=65535, problems);
                server.public_https = port.and_then(|port| u16::try_from(port).ok());
            }
            "workers" => server.workers = count(key, value, 256, problems),
            "trusted_proxies" => {
                // An empty list is the default.
                let is_empty = matches!(&value.kind, Kind::List(list) if list.is_empty());
                if let Some(trusted) = (!is_empty).then(|| trusted(key, value, problems)).flatten() {
                    server.trusted_proxies = trusted.networks;
                    server.trusts_cloudflare = trusted.cloudflare;
                }
            }
            "proxy_protocol" => server.proxy_protocol = plain::boolean(key, value, problems).unwrap_or_default(),
            "max_connections" => server.max_connections = count(key, value, i64::MAX, problems),
            "max_connections_per_client" => {
                if let Some(count) = count(key, value, i64::MAX, problems) {
                    server.max_connections_per_client = count;
                }
            }
            "access_log" => {
                if let Some(target) = plain::text(key, value, problems) {
                    server.access_log = match target.as_str() {
                        "stdout" => AccessLogTarget::Stdout,
                        file => AccessLogTarget::File(folder.join(file)),
                    };
                }
            }
            "access_log_format" => {
                if let Some(format) = format(key, value, problems) {
                    server.access_log_format = format;
                }
            }
            "metrics" => server.metrics = listening::one(key, value, &mut self.listeners, problems),
            "dashboard" => server.dashboard = listening::one(key, value, &mut self.listeners, problems),
            "dashboard_users" => {
                server.dashboard_users = path(problems);
                self.users
                    .extend(server.dashboard_users.iter().map(|path| value.at(path.clone())));
            }
            _ => unknown.push(Unknown {
                prefix: String::new(),
                key: &entry.key,
            }),
        }
    }

    /// Refuses a named listener on the default port of the other kind, which is already bound on every address.
    fn refuse_defaults_twice(&self, problems: &mut Vec<Diagnostic>) {
        for (key, listen) in [("http", &self.server.http), ("https", &self.server.https)] {
            let Listen::Everywhere(default) = listen else { continue };
            for written in self.listeners.iter().filter(|written| written.value.port() == *default) {
                problems.push(
                    Diagnostic::error(&written.span, format!("port {default} is what `{key}` listens on"))
                        .expected("expected another port")
                        .hint(format!(
                            "name the addresses of `{key}` too; its default is `\"[::]:{default}\"`"
                        )),
                );
            }
        }
    }

    /// Every address that the proxy listens on, the defaults included.
    pub(crate) fn listening(&self) -> Vec<SocketAddr> {
        [&self.server.http, &self.server.https]
            .into_iter()
            .flat_map(|listen| match listen {
                Listen::Everywhere(port) => vec![SocketAddr::from(([0_u16; 8], *port))],
                Listen::At(addresses) => addresses.clone(),
            })
            .collect()
    }

    /// The control socket, if the file names one.
    pub(crate) fn socket(&self) -> Option<&PathBuf> {
        self.server.socket.as_ref()
    }
}

/// Reads a count between 1 and `most`.
fn count(key: &str, value: &Value, most: i64, problems: &mut Vec<Diagnostic>) -> Option<usize> {
    plain::integer(key, value, 1..=most, problems).and_then(|count| usize::try_from(count).ok())
}

fn format(key: &str, value: &Value, problems: &mut Vec<Diagnostic>) -> Option<AccessLogFormat> {
    match plain::text(key, value, problems)?.as_str() {
        "json" => Some(AccessLogFormat::Json),
        "combined" => Some(AccessLogFormat::Combined),
        other => {
            problems.push(
                Diagnostic::error(&value.span, format!("`{key}` cannot be `{other}`"))
                    .expected("expected `\"json\"` or `\"combined\"`"),
            );
            None
        }
    }
}
