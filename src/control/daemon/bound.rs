//! The second phase: ports and control socket are the daemon's. From here on the kernel queues connections, which are answered
//! when the daemon serves.

use std::path::Path;

use super::given::Given;
use super::handoff::Inheritance;
use super::listeners::{Addresses, Listeners};
use super::prepared::Prepared;
use super::systemd;
use crate::control::fault::Fault;
use crate::control::socket::{Access, ControlSocket};

/// A daemon that has its sockets, and does not accept yet.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) prepared: Prepared,
    pub(super) listeners: Listeners,
    pub(super) addresses: Addresses,
    pub(super) socket: ControlSocket,
    /// What systemd is to forget when this process accepts.
    pub(super) useless: Vec<String>,
}

impl Bound {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// With the address or the path that is taken or not allowed.
    pub(super) fn new(prepared: Prepared, inheritance: &mut Option<Inheritance>) -> Result<Self, Fault> {
        let config = prepared.current.load().config.clone();
        let inherited = inheritance.as_mut().map(|it| std::mem::take(&mut it.listeners));
        let mut useless = Vec::new();
        let listeners = match inherited {
            None => Listeners::bind(&config.server, Given::by_systemd(), systemd::forget)?,
            // The process before this one may have to go on with all of them.
            Some(inherited) => Listeners::bind(&config.server, Given::of(inherited), |names| useless = names.to_vec())?,
        };
        let addresses = listeners.addresses()?;
        let access = Access::new(config.server.group.as_deref())?;
        let path = &prepared.paths.socket;
        let socket = match inheritance
            .as_mut()
            .and_then(|it| Some((it.socket.take()?, &it.parcel.socket)))
        {
            None => ControlSocket::bind(path, access)?,
            Some((socket, before)) if Path::new(before) == path => ControlSocket::inherit(socket, path, access)?,
            Some((_, before)) => {
                let reason = format!("the control socket moves from `{before}` to `{}`", path.display());
                return Err(Fault::new(reason).hint("another `socket` takes a restart"));
            }
        };
        Ok(Self {
            prepared,
            listeners,
            addresses,
            socket,
            useless,
        })
    }
}
