//! Ports of one's own, for as long as a test lives.

use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;

/// A port of one's own: bound with SO_REUSEADDR but not listening, so that nobody else is given it, connects are refused, and
/// [`listen`] may still listen there.
pub fn reserve() -> (Socket, SocketAddr) {
    let socket = bound("127.0.0.1:0".parse().expect("an address"));
    let address = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket())
        .expect("a bound TCP socket");
    (socket, address)
}

/// Listens at a reserved address.
pub(super) fn listen(address: SocketAddr) -> TcpListener {
    let socket = bound(address);
    socket
        .listen(1024)
        .unwrap_or_else(|error| panic!("cannot listen on {address}: {error}"));
    socket.set_nonblocking(true).expect("a socket can be non-blocking");
    TcpListener::from_std(socket.into()).expect("tokio takes the listener")
}

fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)).expect("a TCP socket");
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
    socket
        .bind(&SockAddr::from(address))
        .unwrap_or_else(|error| panic!("cannot bind {address}: {error}"));
    socket
}
