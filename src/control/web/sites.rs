//! Which addresses are open: bound at the start, opened and closed by reloads, handed over by upgrades. Nothing is bound when a reload
//! publishes: that was done before, where it could still be refused.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use super::server::{self, Site};
use crate::config::{Listen, Server};
use crate::control::ports::{self, Opening};
use crate::proxy;
use crate::tasks::Group;

/// The dashboard's name.
pub(in crate::control) const DASHBOARD: &str = "dashboard";
/// That of the metrics.
pub(in crate::control) const METRICS: &str = "metrics";

/// By name, where each open site is.
pub(in crate::control) type Places = BTreeMap<&'static str, SocketAddr>;

type Watcher = Rc<dyn Fn(&Places)>;

/// The sites of a daemon. A clone is another handle of the same.
#[derive(Clone, Default)]
pub(in crate::control) struct Sites {
    inner: Rc<RefCell<Inner>>,
}

#[derive(Default)]
struct Inner {
    sites: BTreeMap<&'static str, Rc<dyn Site>>,
    open: BTreeMap<&'static str, Open>,
    /// Told whenever something was opened or closed.
    watcher: Option<Watcher>,
}

/// A listener, and what serves it.
struct Open {
    /// As the file has it.
    wanted: SocketAddr,
    listener: TcpListener,
    /// Serves it as long as this is there.
    _task: Group,
}

/// Which sites the file wants, and where.
pub(in crate::control) fn wanted(server: &Server) -> impl Iterator<Item = (&'static str, SocketAddr)> + use<> {
    let sites = [(DASHBOARD, server.dashboard), (METRICS, server.metrics)];
    sites.into_iter().filter_map(|(name, address)| Some((name, address?)))
}

impl Sites {
    /// What is served under a name from now on, where the file switches it on.
    pub(in crate::control) fn attach(&self, name: &'static str, site: Rc<dyn Site>) {
        self.inner.borrow_mut().sites.insert(name, site);
    }

    /// Who wants to know where sites are, now and whenever that changes.
    pub(in crate::control) fn watch(&self, watcher: impl Fn(&Places) + 'static) {
        self.inner.borrow_mut().watcher = Some(Rc::new(watcher));
        self.tell();
    }

    /// Serves these from now on, and closes others. A listener that cannot be served is closed.
    pub(in crate::control) fn serve(&self, listeners: Vec<(&'static str, SocketAddr, TcpListener)>, stay: &[&str]) {
        {
            let mut inner = self.inner.borrow_mut();
            inner.open.retain(|name, _| stay.contains(name));
            for (name, wanted, listener) in listeners {
                let Some(site) = inner.sites.get(name).cloned() else {
                    continue;
                };
                match opened(name, wanted, listener, site) {
                    Ok(open) => drop(inner.open.insert(name, open)),
                    Err(error) => tracing::error!(site = name, %error, "a listener cannot be used"),
                }
            }
        }
        self.tell();
    }

    /// A descriptor of each listener, for a next process.
    ///
    /// # Errors
    /// When there are none left.
    pub(in crate::control) fn descriptors(&self) -> std::io::Result<Vec<OwnedFd>> {
        let inner = self.inner.borrow();
        inner
            .open
            .values()
            .map(|open| open.listener.as_fd().try_clone_to_owned())
            .collect()
    }

    /// Closes all of them, and their connections: who watches joins whoever serves there next.
    pub(in crate::control) fn close(&self) {
        let mut inner = self.inner.borrow_mut();
        // The file with the addresses is another process' by now, or is going to be removed.
        inner.watcher = None;
        inner.open.clear();
        inner.sites.clear();
    }

    fn tell(&self) {
        let (watcher, places) = {
            let inner = self.inner.borrow();
            let place = |(name, open): (&&'static str, &Open)| Some((*name, open.listener.local_addr().ok()?));
            (inner.watcher.clone(), inner.open.iter().filter_map(place).collect())
        };
        if let Some(watcher) = watcher {
            watcher(&places);
        }
    }
}

fn opened(name: &'static str, wanted: SocketAddr, listener: TcpListener, site: Rc<dyn Site>) -> std::io::Result<Open> {
    let ours = listener.try_clone()?;
    ours.set_nonblocking(true)?;
    let address = ours.local_addr()?;
    let served = tokio::net::TcpListener::from_std(ours)?;
    let task = Group::new(name);
    task.spawn_local("listener", server::serve(name, served, site));
    tracing::info!(site = name, %address, "open to readers");
    Ok(Open {
        wanted,
        listener,
        _task: task,
    })
}

impl ports::Sites for Sites {
    fn prepare(&self, server: &Server) -> Result<Opening, String> {
        let (mut stay, mut bound) = (Vec::new(), Vec::new());
        for (name, address) in wanted(server) {
            let is_there = self
                .inner
                .borrow()
                .open
                .get(name)
                .is_some_and(|open| open.wanted == address);
            if is_there {
                stay.push(name);
                continue;
            }
            let mut listeners =
                proxy::bind(&Listen::At(vec![address])).map_err(|error| format!("the {name}: {error}"))?;
            bound.extend(listeners.pop().map(|listener| (name, address, listener)));
        }
        let sites = self.clone();
        Ok(Opening::new(move || sites.serve(bound, &stay)))
    }
}

impl std::fmt::Debug for Sites {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sites")
            .field("open", &self.inner.borrow().open.keys())
            .finish()
    }
}
