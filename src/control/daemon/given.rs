//! Listening sockets that this process was given, by the process before it.

use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::Listen;

/// Sockets that listen already.
#[derive(Debug, Default)]
pub(super) struct Given(Vec<TcpListener>);

impl Given {
    pub(super) fn of(listeners: Vec<TcpListener>) -> Self {
        Self(listeners)
    }

    /// Takes the sockets of a listener, as far as they are there. Which port the system chose for `0` is the process' before it to
    /// know: any that is left at that address is meant.
    pub(super) fn take(&mut self, listen: &Listen) -> io::Result<Vec<TcpListener>> {
        let mut taken = Vec::new();
        match listen {
            Listen::At(addresses) => {
                for address in addresses {
                    taken.extend(
                        self.take_one(|there| there == *address || address.port() == 0 && there.ip() == address.ip())?,
                    );
                }
            }
            Listen::Everywhere(port) => {
                taken.extend(self.take_one(|there| there.port() == *port && there.ip().is_unspecified())?);
            }
        }
        Ok(taken)
    }

    fn take_one(&mut self, wanted: impl Fn(SocketAddr) -> bool) -> io::Result<Option<TcpListener>> {
        let place = self.0.iter().position(|one| one.local_addr().is_ok_and(&wanted));
        let Some(place) = place else { return Ok(None) };
        let listener = self.0.remove(place);
        listener.set_nonblocking(true)?;
        Ok(Some(listener))
    }
}
