//! The front door's listening sockets, and the file that says where they are.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::given::Given;
use crate::config::{Listen, Server};
use crate::control::fault::Fault;
use crate::control::web::{self, Places};
use crate::durable;
use crate::proxy;

/// In the state folder; says which addresses are listened on. Scripts and tests learn from it which ports the system chose.
const NAME: &str = "listeners.json";

/// systemd takes a moment to let go of a socket that it is to forget.
const FORGETTING: Duration = Duration::from_secs(3);

/// Sockets that are bound and wait for the workers.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) http: Vec<TcpListener>,
    pub(super) https: Vec<TcpListener>,
    /// For operators: what is there, where the file wants it, and the socket.
    pub(super) sites: Vec<(&'static str, SocketAddr, TcpListener)>,
}

impl Listeners {
    /// Has what `[server]` names: takes what was given, and binds what is missing. Whatever else was given is closed before, because a
    /// wider address cannot be bound beside it; `forget` hears what systemd calls that.
    ///
    /// # Errors
    /// With the address, and what to do about it where that is known.
    pub(super) fn bind(server: &Server, mut given: Given, forget: impl FnOnce(&[String])) -> Result<Self, Fault> {
        let (http, https) = (given.take(&server.http), given.take(&server.https));
        let sites = web::wanted(server).map(|(name, address)| (name, address, given.take(&Listen::At(vec![address]))));
        let sites: Vec<_> = sites.collect();
        let useless = given.close();
        forget(&useless);
        let patience = if useless.is_empty() { Duration::ZERO } else { FORGETTING };
        let site = |(name, address, taken)| {
            let named = |fault: Fault| Fault::new(format!("the {name}: {}", fault.reason));
            let listeners = whole(taken, patience).map_err(named)?;
            Ok(listeners.into_iter().map(move |listener| (name, address, listener)))
        };
        let sites = sites.into_iter().map(site).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self {
            http: whole(http, patience)?,
            https: whole(https, patience)?,
            sites: sites.into_iter().flatten().collect(),
        })
    }

    /// A descriptor of each, for a next process; those for TLS last.
    ///
    /// # Errors
    /// When there are none left.
    pub(super) fn descriptors(&self) -> Result<Vec<OwnedFd>, Fault> {
        let all = self.http.iter().chain(&self.https);
        let descriptors = all
            .map(|one| one.as_fd().try_clone_to_owned())
            .collect::<io::Result<_>>();
        descriptors.map_err(|error| Fault::new(format!("a listening socket cannot be kept: {error}")))
    }

    /// Where they are.
    ///
    /// # Errors
    /// From the operating system.
    pub(super) fn addresses(&self) -> Result<Addresses, Fault> {
        let of = |listeners: &[TcpListener]| listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>();
        let failed = |error| Fault::new(format!("a listening socket has no address: {error}"));
        Ok(Addresses {
            http: of(&self.http).map_err(failed)?,
            https: of(&self.https).map_err(failed)?,
            sites: Places::new(),
        })
    }
}

/// What was taken, and what is missing.
fn whole(
    (mut taken, missing): (Vec<TcpListener>, Option<Listen>),
    patience: Duration,
) -> Result<Vec<TcpListener>, Fault> {
    let Some(missing) = missing else { return Ok(taken) };
    let until = Instant::now() + patience;
    loop {
        match proxy::bind(&missing) {
            Ok(bound) => {
                taken.extend(bound);
                return Ok(taken);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < until => {
                std::thread::sleep(FORGETTING / 100);
            }
            // The hint is part of the text.
            Err(error) => return Err(Fault::new(error.to_string())),
        }
    }
}

/// Which addresses are listened on.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Addresses {
    pub(super) http: Vec<SocketAddr>,
    pub(super) https: Vec<SocketAddr>,
    /// Where the dashboard is, and whatever else operators look at.
    #[serde(flatten)]
    pub(super) sites: Places,
}

impl Addresses {
    /// Removes the file: the ports in it are not ours, or no longer.
    pub(super) fn forget(state_dir: &Path) {
        // Mostly there is none; what cannot be removed is replaced later.
        let _ = std::fs::remove_file(state_dir.join(NAME));
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// From the disk.
    pub(super) fn write(&self, state_dir: &Path) -> io::Result<()> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        durable::replace(state_dir, NAME, &text).map(drop)
    }

    /// The port of the first TLS listener, unless it is the one that URLs need not name.
    pub(super) fn https_port(&self) -> Option<u16> {
        self.https.first().map(SocketAddr::port).filter(|&port| port != 443)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_which_ports_the_system_chose() {
        let folder = tempfile::tempdir().unwrap();
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let listeners = Listeners {
            http: vec![listener(), listener()],
            https: vec![listener()],
            sites: Vec::new(),
        };
        let mut addresses = listeners.addresses().unwrap();
        addresses.sites.insert("dashboard", "127.0.0.1:9146".parse().unwrap());
        addresses.write(folder.path()).unwrap();
        let read = || std::fs::read_to_string(folder.path().join(NAME));
        let value: serde_json::Value = serde_json::from_str(&read().unwrap()).unwrap();
        assert_eq!(value["http"][1], listeners.http[1].local_addr().unwrap().to_string());
        assert_eq!(value["https"].as_array().unwrap().len(), 1);
        assert_eq!(value["dashboard"], "127.0.0.1:9146");
        assert_eq!(
            addresses.https_port(),
            Some(listeners.https[0].local_addr().unwrap().port())
        );
        Addresses::forget(folder.path());
        assert!(read().is_err());
    }

    #[test]
    fn urls_need_not_name_the_default_port() {
        let https = |address: &str| Addresses {
            http: Vec::new(),
            https: vec![address.parse().unwrap()],
            sites: Places::new(),
        };
        assert_eq!(https("[::]:443").https_port(), None);
        assert_eq!(https("[::]:8443").https_port(), Some(8443));
    }
}
