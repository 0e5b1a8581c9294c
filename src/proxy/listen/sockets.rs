//! Listening sockets: bound once, and registered with every core (N24).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

use crate::config::Listen;

const BACKLOG: i32 = 4096;

/// Binds the sockets of one listener.
///
/// # Errors
/// The socket's own, with the address in front.
pub fn bind(listen: &Listen) -> io::Result<Vec<std::net::TcpListener>> {
    match listen {
        Listen::At(addresses) => {
            let is_everywhere = |address: &SocketAddr| {
                let has_own = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
                address.ip() == Ipv6Addr::UNSPECIFIED && !addresses.iter().any(has_own)
            };
            let bound = addresses.iter().map(|address| match is_everywhere(address) {
                true => bind_everywhere(address.port()),
                false => bind_one(*address, true),
            });
            bound.collect()
        }
        Listen::Everywhere(port) => Ok(vec![bind_everywhere(*port)?]),
    }
}

/// One socket for both families; IPv4 alone where the kernel has IPv6 switched off.
fn bind_everywhere(port: u16) -> io::Result<std::net::TcpListener> {
    match bind_one((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            bind_one((Ipv4Addr::UNSPECIFIED, port).into(), true)
        }
        both => both,
    }
}

fn bind_one(address: SocketAddr, v6_only: bool) -> io::Result<std::net::TcpListener> {
    let bind = || {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        // Only for connections of the last process in TIME_WAIT; never SO_REUSEPORT.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(v6_only)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    bind().map_err(|error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; hint: another server listens there (`ss -ltnp` shows which)",
            io::ErrorKind::PermissionDenied => "; hint: ports below 1024 need CAP_NET_BIND_SERVICE",
            _ => "",
        };
        io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{hint}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockRef;

    #[test]
    fn an_address_in_use_is_named() {
        let first = bind(&Listen::At(vec!["127.0.0.1:0".parse().unwrap()])).unwrap();
        let taken = first[0].local_addr().unwrap();
        let error = bind(&Listen::At(vec![taken])).unwrap_err();
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
        assert!(error.to_string().contains("hint:"), "{error}");
    }

    #[test]
    fn every_address_is_one_of_both_families_unless_ipv4_has_a_socket_of_its_own() {
        let (every, v4): (SocketAddr, SocketAddr) = ("[::]:0".parse().unwrap(), "0.0.0.0:0".parse().unwrap());
        let alone = bind(&Listen::At(vec![every])).unwrap();
        let port = alone[0].local_addr().unwrap().port();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let beside = bind(&Listen::At(vec![every, v4])).unwrap();
        let is_v6_alone = |listener| SockRef::from(listener).only_v6().unwrap();
        assert!(is_v6_alone(&beside[0]) && !is_v6_alone(&alone[0]));
    }
}
