//! Listening sockets: bound once, registered with every core (N24), and an accept loop that nothing ends (N30).

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::connection::{self, Transport};
use super::core::Core;
use super::reserve::is_exhausted;
use crate::config::Listen;
use crate::tasks;

const BACKLOG: i32 = 4096;
/// Connections that are accepted before the core looks after those that it has.
const ACCEPTS_PER_WAKE: usize = 8;
/// A core with so many connections more than the least loaded one leaves newcomers to it for a moment.
const IMBALANCE: usize = 16;
const BREATH: Duration = Duration::from_millis(1);
/// After an accept that failed for a reason that may last.
const RETRY_ACCEPT: Duration = Duration::from_millis(50);
/// Without descriptors for so long, clients that wait to be accepted are closed.
const SHED_AFTER: Duration = Duration::from_secs(1);
/// What lasts is logged this often.
const TELL_EVERY: Duration = Duration::from_secs(5);

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

/// Accepts for one core until it stops.
pub(super) async fn accept(core: Rc<Core>, listener: TcpListener, transport: Transport) {
    let own = &core.shared.connections[core.id];
    let mut trouble = Trouble::default();
    loop {
        for _ in 0..ACCEPTS_PER_WAKE {
            if is_crowded(&core) {
                tokio::time::sleep(BREATH).await;
            }
            match listener.accept().await {
                Ok((tcp, peer)) => {
                    trouble.is_over();
                    if core.shared.connections() >= core.shared.settings.max_connections {
                        // Closed unread: a client that keeps its place is worth more than one that gets none.
                        drop(tcp);
                        continue;
                    }
                    own.fetch_add(1, Ordering::Relaxed);
                    tasks::connection(connection::serve(core.clone(), tcp, peer, transport));
                }
                Err(error) => trouble.survive(&core, &listener, &error).await,
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Whether another core has far fewer connections than this one.
fn is_crowded(core: &Core) -> bool {
    let counts = &core.shared.connections;
    if counts.len() < 2 {
        return false;
    }
    let own = counts[core.id].load(Ordering::Relaxed);
    let least = counts
        .iter()
        .map(|count| count.load(Ordering::Relaxed))
        .min()
        .unwrap_or(0);
    own > least + IMBALANCE.max(least / 4)
}

/// What keeps a listener from accepting. An accept that failed ends nothing: what lasts, like too many open files or a lack of
/// buffers, is waited out.
#[derive(Debug, Default)]
struct Trouble {
    since: Option<Instant>,
    told: Option<Instant>,
}

impl Trouble {
    fn is_over(&mut self) {
        self.since = None;
    }

    async fn survive(&mut self, core: &Core, listener: &TcpListener, error: &io::Error) {
        let passing = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
        );
        if passing {
            return;
        }
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        if self.told.is_none_or(|told| now - told >= TELL_EVERY) {
            self.told = Some(now);
            let connections = core.shared.connections();
            tracing::error!(connections, "cannot accept a connection: {error}");
        }
        if is_exhausted(error) && now - since >= SHED_AFTER && core.reserve.lend() {
            shed(listener).await;
            core.reserve.refill();
        }
        tokio::time::sleep(RETRY_ACCEPT).await;
    }
}

/// With one descriptor of the reserve: takes clients that cannot be served and closes them, so that they do not wait for
/// nothing and may try elsewhere.
async fn shed(listener: &TcpListener) {
    for _ in 0..ACCEPTS_PER_WAKE {
        let waiting = poll_fn(|cx| match listener.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
            Poll::Pending => Poll::Ready(None),
        });
        if waiting.await.is_none() {
            return;
        }
    }
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
