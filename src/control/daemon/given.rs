//! Listening sockets that this process did not bind: the process before it has handed them over, or systemd has, from a socket unit or
//! from the store in which they were left (N24). Clients that connect meanwhile wait in the kernel.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::io::FdFlags;
use socket2::{SockRef, Socket};

use super::systemd;
use crate::config::Listen;

/// Sockets that listen already.
#[derive(Debug, Default)]
pub(super) struct Given {
    listeners: Vec<One>,
    /// What systemd keeps in vain, by the names under which it does.
    useless: Vec<String>,
}

#[derive(Debug)]
struct One {
    /// What systemd calls it in its store.
    name: Option<String>,
    listener: TcpListener,
}

impl Given {
    /// From the process before this one.
    pub(super) fn of(listeners: Vec<TcpListener>) -> Self {
        let named = |listener| One {
            // That process has left it with systemd, if there is one.
            name: Some(systemd::name(&listener)),
            listener,
        };
        Self {
            listeners: listeners.into_iter().map(named).collect(),
            useless: Vec::new(),
        }
    }

    /// From systemd. To be asked for once: the sockets are taken.
    pub(super) fn by_systemd() -> Self {
        let given = sd_listen_fds::get().unwrap_or_else(|error| {
            tracing::warn!(%error, "what systemd hands over cannot be understood");
            Vec::new()
        });
        let (mut listeners, mut useless) = (Vec::new(), Vec::new());
        for (name, descriptor) in given {
            match listening(descriptor.into_std()) {
                Ok(listener) => listeners.push(One { name, listener }),
                Err(error) => {
                    tracing::warn!(name, %error, "systemd hands over something that is no listening socket");
                    useless.extend(name);
                }
            }
        }
        Self { listeners, useless }
    }

    /// Takes the sockets of a listener, as far as they are there, and says what is missing. Which port the system chose for `0` is for
    /// the process before this one to know: the first that is left at that address is meant.
    pub(super) fn take(&mut self, listen: &Listen) -> (Vec<TcpListener>, Option<Listen>) {
        match listen {
            Listen::At(addresses) => {
                let (mut taken, mut missing) = (Vec::new(), Vec::new());
                for wanted in addresses {
                    let any_port = |there: SocketAddr| wanted.port() == 0 && there.ip() == wanted.ip();
                    match self.take_one(|there| there == *wanted || any_port(there)) {
                        Some(listener) => taken.push(listener),
                        None => missing.push(*wanted),
                    }
                }
                (taken, (!missing.is_empty()).then_some(Listen::At(missing)))
            }
            Listen::Everywhere(port) => {
                let everywhere = |there: SocketAddr| there.port() == *port && there.ip().is_unspecified();
                let v6 = self.take_one(|there| everywhere(there) && there.is_ipv6());
                let takes_both = |one: &TcpListener| SockRef::from(one).only_v6().is_ok_and(|only| !only);
                if v6.as_ref().is_some_and(takes_both) {
                    return (v6.into_iter().collect(), None);
                }
                let v4 = self.take_one(|there| everywhere(there) && there.is_ipv4());
                let missing = match (&v6, &v4) {
                    (None, None) => Some(listen.clone()),
                    (Some(_), None) => Some(Listen::At(vec![(Ipv4Addr::UNSPECIFIED, *port).into()])),
                    // A machine without IPv6 has no other.
                    (_, Some(_)) => None,
                };
                (v6.into_iter().chain(v4).collect(), missing)
            }
        }
    }

    fn take_one(&mut self, wanted: impl Fn(SocketAddr) -> bool) -> Option<TcpListener> {
        let of_this = |one: &One| one.listener.local_addr().is_ok_and(&wanted);
        let place = self.listeners.iter().position(of_this)?;
        let one = self.listeners.remove(place);
        let address = one.listener.local_addr().ok();
        // From a socket unit and from the store: the same socket twice.
        self.listeners
            .retain(|other| other.listener.local_addr().ok() != address);
        Some(one.listener)
    }

    /// Closes what the configuration does not name. Returns what systemd is to forget.
    pub(super) fn close(self) -> Vec<String> {
        let mut names = self.useless;
        for One { name, listener } in self.listeners {
            if let Ok(address) = listener.local_addr() {
                tracing::info!(%address, "nothing is listened for any more at an address that was handed over");
            }
            names.extend(name);
        }
        names
    }
}

/// A socket that listens; no child of this process gets it.
fn listening(descriptor: OwnedFd) -> io::Result<TcpListener> {
    rustix::io::fcntl_setfd(descriptor.as_fd(), FdFlags::CLOEXEC)?;
    let socket = Socket::from(descriptor);
    if !socket.is_listener()? || socket.local_addr()?.as_socket().is_none() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[test]
    fn n24_each_listener_takes_what_is_at_its_address_and_says_what_is_missing() {
        let ((one, first), (two, _)) = (at("127.0.0.1:0"), at("127.0.0.2:0"));
        let again = one.try_clone().unwrap();
        let mut given = Given::of(vec![one, again, two]);
        let elsewhere = "127.0.0.3:0".parse().unwrap();
        let (taken, missing) = given.take(&Listen::At(vec![elsewhere, first]));
        assert_eq!((taken.len(), taken[0].local_addr().unwrap()), (1, first));
        assert_eq!(missing, Some(Listen::At(vec![elsewhere])));
        let (taken, missing) = given.take(&Listen::At(vec![first]));
        assert!(taken.is_empty(), "the second descriptor of the same socket");
        assert_eq!(missing, Some(Listen::At(vec![first])));
        let (taken, missing) = given.take(&Listen::At(vec!["127.0.0.2:0".parse().unwrap()]));
        assert_eq!((taken.len(), missing), (1, None), "whichever port it has");
    }

    #[test]
    fn n24_a_socket_for_both_families_is_the_one_for_everywhere() {
        let (listener, address) = at("[::]:0");
        let mut given = Given::of(vec![at("127.0.0.1:0").0, listener]);
        let (taken, missing) = given.take(&Listen::Everywhere(1));
        assert_eq!((taken.len(), missing), (0, Some(Listen::Everywhere(1))));
        let (taken, missing) = given.take(&Listen::Everywhere(address.port()));
        assert_eq!((taken.len(), missing), (1, None));
    }

    #[test]
    fn n24_everywhere_is_one_socket_for_each_family_where_none_is_for_both() {
        let only_v6 = || {
            let each = ["[::]:0", "0.0.0.0:0"].map(|address| address.parse().unwrap());
            crate::proxy::bind(&Listen::At(each.into())).unwrap().remove(0)
        };
        // The system gives a port of one family; in the other it may be taken.
        let both = std::iter::repeat_with(only_v6).take(100).find_map(|v6| {
            let port = v6.local_addr().unwrap().port();
            let v4 = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).ok()?;
            Some((v4, v6, port))
        });
        let (v4, v6, port) = both.unwrap();
        let mut given = Given::of(vec![v4, v6]);
        let (taken, missing) = given.take(&Listen::Everywhere(port));
        assert_eq!((taken.len(), missing), (2, None));

        let v6 = only_v6();
        let port = v6.local_addr().unwrap().port();
        let (taken, missing) = Given::of(vec![v6]).take(&Listen::Everywhere(port));
        let v4 = Listen::At(vec![(Ipv4Addr::UNSPECIFIED, port).into()]);
        assert_eq!((taken.len(), missing), (1, Some(v4)), "IPv4 would find nobody");
    }

    #[test]
    fn what_does_not_listen_is_not_taken_for_something_that_does() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(listening(ours.into()).is_err());
        let (listener, _) = at("127.0.0.1:0");
        assert!(listening(listener.into()).is_ok());
    }
}
