//! Connecting to an app's address, for requests and for probes alike: what a probe could reach, a request reaches too.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::model::slot::Address;

/// A stream of bytes to an app.
#[derive(Debug)]
pub enum Stream {
    /// Over TCP, without Nagle's delay.
    Tcp(TcpStream),
    /// Over a Unix socket.
    Unix(UnixStream),
}

/// Connects to exactly this address; a name is resolved, and its addresses are tried in turn. A bare port is one of 127.0.0.1, or of
/// ::1 while that refuses: there some development servers listen, and there only (F5). Sets no time limit.
///
/// # Errors
/// The socket's own; for a bare port that of 127.0.0.1. A folder cannot be connected to.
pub async fn dial(address: &Address) -> io::Result<Stream> {
    let tcp = match address {
        Address::Port(port) => match TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).await {
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                // Where there is no IPv6, that is no news.
                TcpStream::connect((Ipv6Addr::LOCALHOST, *port))
                    .await
                    .map_err(|_| refused)?
            }
            connected => connected?,
        },
        Address::Tcp { host, port } => match host.parse::<IpAddr>() {
            Ok(ip) => TcpStream::connect((ip, *port)).await?,
            Err(_) => TcpStream::connect((host.as_str(), *port)).await?,
        },
        Address::Unix(path) => return Ok(Stream::Unix(UnixStream::connect(path).await?)),
        Address::Folder(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    tcp.set_nodelay(true)?;
    Ok(Stream::Tcp(tcp))
}

impl Stream {
    /// Whether it leads to ::1.
    #[must_use]
    pub fn is_on_v6_loopback(&self) -> bool {
        match self {
            Self::Tcp(tcp) => tcp.peer_addr().is_ok_and(|peer| peer.ip() == Ipv6Addr::LOCALHOST),
            Self::Unix(_) => false,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_read(cx, room),
            Self::Unix(unix) => Pin::new(unix).poll_read(cx, room),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Unix(unix) => Pin::new(unix).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Unix(unix) => Pin::new(unix).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Unix(unix) => Pin::new(unix).poll_shutdown(cx),
        }
    }
}
