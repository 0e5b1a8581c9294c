//! Ports of one's own, for as long as a test lives.

use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::TcpListener;

/// A port of one's own: bound with SO_REUSEADDR but not listening, so that nobody else is given it, connects are refused, and
/// [`listen`] may still listen there.
pub fn reserve() -> (Socket, SocketAddr) {
    let socket = try_bound("127.0.0.1:0".parse().expect("an address")).expect("a port of one's own");
    let address = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket())
        .expect("a bound TCP socket");
    (socket, address)
}

/// Listens at a reserved address. A listener that was closed a moment ago may still stand in a child that is between fork and
/// exec, and keep the address for as long.
pub async fn listen(address: SocketAddr) -> TcpListener {
    super::eventually(super::secs(10), || async {
        let socket = try_bound(address).map_err(|error| format!("cannot bind {address}: {error}"))?;
        socket
            .listen(1024)
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
        Ok(TcpListener::from_std(socket.into()).expect("tokio takes the listener"))
    })
    .await
}

fn try_bound(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}
