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
        Listen::At(addresses) => addresses.iter().map(|address| bind_one(*address, true)).collect(),
        Listen::Everywhere(port) => {
            // One socket for both families; IPv4 alone where the kernel has IPv6 switched off.
            let both = bind_one((Ipv6Addr::UNSPECIFIED, *port).into(), false);
            let listener = match both {
                Err(error) if !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
                    bind_one((Ipv4Addr::UNSPECIFIED, *port).into(), true)?
                }
                both => both?,
            };
            Ok(vec![listener])
        }
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

    #[test]
    fn an_address_in_use_is_named() {
        let first = bind(&Listen::At(vec!["127.0.0.1:0".parse().unwrap()])).unwrap();
        let taken = first[0].local_addr().unwrap();
        let error = bind(&Listen::At(vec![taken])).unwrap_err();
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
        assert!(error.to_string().contains("hint:"), "{error}");
    }
}
