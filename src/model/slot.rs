//! The nouns of a swap: slots, the addresses behind them, and the generations that count their changes.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a bare port is looked for first.
const LOOPBACK: &str = "127.0.0.1";

/// A place where a version of a service may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The slot that is live at the very first start.
    Blue,
    /// The other one.
    Green,
    /// The only slot of a service that names just an `upstream`; it cannot be swapped.
    Upstream,
}

impl Slot {
    /// The slot that is idle while this one is live; an `upstream` has no other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Blue => Self::Green,
            Self::Green => Self::Blue,
            Self::Upstream => Self::Upstream,
        }
    }

    /// The word that the configuration file and every message use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
            Self::Upstream => "upstream",
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where one instance of an app listens, or the folder that is served in place of one. Shown as `127.0.0.1:3000`,
/// `unix:/run/app.sock` or `files:/srv/site`.
///
/// A bare port equals its address on 127.0.0.1: what is asked is whether two are the same app.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// A port of this machine, never 0: on 127.0.0.1, or on ::1 while that refuses (F5).
    Port(u16),
    /// A TCP address; the host is an IP address (IPv6 without brackets) or a name that is resolved at connect.
    Tcp {
        /// IP address or host name.
        host: String,
        /// TCP port, never 0.
        port: u16,
    },
    /// A Unix stream socket, by absolute path.
    Unix(PathBuf),
    /// A folder of files, by absolute path. A slot that has one has nothing else.
    Folder(PathBuf),
}

impl Address {
    /// As the configuration writes it, and as it is read again: a bare port stays one.
    #[must_use]
    pub fn written(&self) -> String {
        match self {
            Self::Port(port) => port.to_string(),
            Self::Tcp { .. } | Self::Unix(_) | Self::Folder(_) => self.to_string(),
        }
    }

    /// What a bare port means while nothing listens on 127.0.0.1.
    #[must_use]
    pub fn second(&self) -> Option<Self> {
        match self {
            Self::Port(port) => Some(Self::Tcp {
                host: "::1".into(),
                port: *port,
            }),
            Self::Tcp { .. } | Self::Unix(_) | Self::Folder(_) => None,
        }
    }

    /// The folder that is served in place of an app, if it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            Self::Port(_) | Self::Tcp { .. } | Self::Unix(_) => None,
        }
    }

    fn key(&self) -> (&str, u16, Option<&Path>) {
        match self {
            Self::Port(port) => (LOOPBACK, *port, None),
            Self::Tcp { host, port } => (host, *port, None),
            Self::Unix(path) => ("", 0, Some(path)),
            // No host is named so, and none has port 0.
            Self::Folder(path) => ("files:", 0, Some(path)),
        }
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Addresses as they are written, for files and requests that are read again.
pub(crate) mod written {
    use std::collections::BTreeMap;

    use serde::{Serialize, Serializer};

    use super::Address;

    pub(crate) fn one<S: Serializer>(address: &Address, to: S) -> Result<S::Ok, S::Error> {
        address.written().serialize(to)
    }

    pub(crate) fn list<S: Serializer>(addresses: &[Address], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(addresses.iter().map(Address::written))
    }

    pub(crate) fn named<S: Serializer>(addresses: &BTreeMap<String, Address>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(addresses.iter().map(|(name, address)| (name, address.written())))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "{LOOPBACK}:{port}"),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Folder(path) => write!(f, "files:{}", path.display()),
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressError(pub String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `3000`, `host:port`, `[v6]:port`, `unix:/path` or `files:/path`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected a port (`3000`), `host:port`, `[ipv6]:port`, `unix:/path` or `files:/folder`";
        let error = |what: &str| AddressError(format!("`{text}` {what}; {expected}"));
        let port = |digits: &str| match digits.parse::<u16>() {
            Ok(port) if port != 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => Ok(port),
            _ => Err(error("has no port between 1 and 65535")),
        };
        let kinds = [("unix:", Self::Unix as fn(PathBuf) -> Self), ("files:", Self::Folder)];
        for (prefix, kind) in kinds {
            if let Some(path) = text.strip_prefix(prefix) {
                return if path.starts_with('/') {
                    Ok(kind(path.into()))
                } else {
                    Err(error("is not an absolute path"))
                };
            }
        }
        if text.contains("://") {
            return Err(error("is a URL, which an app's address cannot be"));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Port(port(text)?));
        }
        let (host, digits) = text.rsplit_once(':').ok_or_else(|| error("is not an address"))?;
        let port = port(digits)?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            Some(_) => return Err(error("has no valid IPv6 address in its brackets")),
            None if host.is_empty()
                || host
                    .bytes()
                    .any(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))) =>
            {
                return Err(error("has no valid host"));
            }
            None => host,
        };
        Ok(Self::Tcp {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

/// The number of an environment's published state; only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_are_written() {
        for (text, shown) in [
            ("3000", "127.0.0.1:3000"),
            ("localhost:3000", "localhost:3000"),
            ("[::1]:3000", "[::1]:3000"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("files:/srv/site", "files:/srv/site"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<Address>().unwrap(), address);
            assert_eq!(address.written(), text);
        }
    }

    #[test]
    fn f5_a_bare_port_is_the_same_app_as_its_address_on_loopback() {
        let [bare, first, second] =
            ["3000", "127.0.0.1:3000", "[::1]:3000"].map(|text| text.parse::<Address>().unwrap());
        assert_eq!(bare, first);
        assert_ne!(bare, second);
        assert_eq!(bare.second(), Some(second.clone()));
        assert_eq!((first.second(), second.second()), (None, None));
        assert!(std::collections::HashSet::from([bare]).contains(&first));
    }

    #[test]
    fn a_folder_is_the_same_however_its_end_is_written_and_never_a_socket() {
        let [folder, slash, socket] =
            ["files:/srv/site", "files:/srv/site/", "unix:/srv/site"].map(|text| text.parse::<Address>().unwrap());
        assert_eq!(folder, slash);
        assert_ne!(folder, socket);
        assert_eq!(folder.folder(), Some(Path::new("/srv/site")));
        assert_eq!(socket.folder(), None);
    }

    #[test]
    fn what_is_no_address_says_what_was_expected() {
        for text in [
            "",
            "0",
            "70000",
            "host",
            "host:",
            ":3000",
            "unix:run",
            "files:",
            "files:site",
            "https://a:1",
            "[::g]:1",
            "::1:80",
            "a b:1",
            "127.0.0.1:+5",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains("expected a port"), "{text}: {error}");
        }
    }
}
