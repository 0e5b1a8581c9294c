//! The second phase: ports and control socket are the daemon's. From here on the kernel queues connections, which are answered
//! when the daemon serves.

use super::listeners::{Addresses, Listeners};
use super::prepared::Prepared;
use crate::control::fault::Fault;
use crate::control::socket::{Access, ControlSocket};

/// A daemon that has its sockets, and does not accept yet.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) prepared: Prepared,
    pub(super) listeners: Listeners,
    pub(super) addresses: Addresses,
    pub(super) socket: ControlSocket,
}

impl Bound {
    /// Binds what the configuration names.
    ///
    /// # Errors
    /// With the address or the path that is taken or not allowed.
    pub(super) fn new(prepared: Prepared) -> Result<Self, Fault> {
        let config = prepared.current.load().config.clone();
        let listeners = Listeners::bind(&config.server)?;
        let addresses = listeners.addresses()?;
        let access = Access::new(config.server.group.as_deref())?;
        let socket = ControlSocket::bind(&prepared.paths.socket, access)?;
        Ok(Self {
            prepared,
            listeners,
            addresses,
            socket,
        })
    }
}
