//! Connecting to an app's address, for requests and for probes alike: what a probe could reach, a request reaches too.

use std::io;
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

/// Connects to exactly this address; a name is resolved, and its addresses are tried in turn. Sets no time limit.
///
/// # Errors
/// The socket's own.
pub async fn dial(address: &Address) -> io::Result<Stream> {
    Ok(match address {
        Address::Tcp { host, port } => {
            let tcp = match host.parse::<std::net::IpAddr>() {
                Ok(ip) => TcpStream::connect((ip, *port)).await?,
                Err(_) => TcpStream::connect((host.as_str(), *port)).await?,
            };
            tcp.set_nodelay(true)?;
            Stream::Tcp(tcp)
        }
        Address::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
    })
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
