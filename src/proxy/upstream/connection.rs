//! One connection to an app, as the exchanges of a core use it one after the other.

use std::io;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};

use super::dial::{Stream, dial};
use crate::model::slot::Address;
use crate::proxy::stock::buffers::Buffer;

/// A connection to one instance. Holds no buffer: an idle one costs only its socket.
#[derive(Debug)]
pub(crate) struct Upstream {
    io: Stream,
    /// Whether it has served an exchange before: then a failure may be the app's idle timeout, and nothing else (N9–N11).
    pub(crate) reused: bool,
    /// Whether its descriptor is the reserve's: then it is not kept.
    pub(crate) lent: bool,
    /// Whether the last answer had no body: an app that sends one all the same may still be sending it.
    pub(crate) bodiless: bool,
    /// Whether the app has written an answer in pieces, each of which waits for the acknowledgement of the one before (F16).
    in_pieces: bool,
    /// Whether bytes came that were not acknowledged by [`Upstream::await_rest`].
    fresh: bool,
}

impl Upstream {
    /// Connects within `timeout`.
    ///
    /// # Errors
    /// The socket's own, or `TimedOut`.
    pub(crate) async fn connect(address: &Address, timeout: Duration) -> io::Result<Self> {
        let io = tokio::time::timeout(timeout, dial(address))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        Ok(Self {
            io,
            reused: false,
            lent: false,
            bodiless: false,
            in_pieces: false,
            fresh: false,
        })
    }

    /// Whether nothing has come since the last exchange: neither an end nor bytes that nobody asked for. No system call unless
    /// the kernel has reported an event, or the last answer had no body, behind which one would be taken for the next answer.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut byte = [0];
        if self.bodiless {
            let fd = match &self.io {
                Stream::Tcp(tcp) => tcp.as_fd(),
                Stream::Unix(unix) => unix.as_fd(),
            };
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            return matches!(recv(fd, &mut byte[..], flags), Err(Errno::AGAIN));
        }
        let read = match &self.io {
            Stream::Tcp(tcp) => tcp.try_read(&mut byte),
            Stream::Unix(unix) => unix.try_read(&mut byte),
        };
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reads once behind the bytes of `buffer`; 0 is the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let read = buffer.read_with(|room| Pin::new(&mut self.io).poll_read(cx, room));
        self.fresh |= read.is_ready();
        read
    }

    /// The rest of an answer is awaited; `in_pieces` when what came was no whole piece of it. Then the app may be holding the next
    /// back until this one is acknowledged (Nagle's algorithm, RFC 896), which the kernel would do some 40 ms later (RFC 1122
    /// §4.2.3.2), and it is asked to do it at once. One that writes whole pieces costs no system call.
    pub(crate) fn await_rest(&mut self, in_pieces: bool) {
        self.in_pieces |= in_pieces;
        if self.in_pieces
            && std::mem::take(&mut self.fresh)
            && let Stream::Tcp(tcp) = &self.io
        {
            // Without it the answer is late, and nothing worse.
            let _ = SockRef::from(tcp).set_tcp_quickack(true);
        }
    }

    /// Writes once.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    /// Ends our direction; the app reads EOF.
    pub(crate) fn half_close(&self) {
        // The app may be gone already, which is what was wanted.
        let _ = match &self.io {
            Stream::Tcp(tcp) => rustix::net::shutdown(tcp, rustix::net::Shutdown::Write),
            Stream::Unix(unix) => rustix::net::shutdown(unix, rustix::net::Shutdown::Write),
        };
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn n9_an_idle_connection_that_the_app_closed_is_not_quiet() {
        let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: Address = app.local_addr().unwrap().to_string().parse().unwrap();
        let upstream = Upstream::connect(&address, Duration::from_secs(5)).await.unwrap();
        let (mut accepted, _) = app.accept().await.unwrap();
        assert!(upstream.is_quiet());
        accepted.shutdown().await.unwrap();
        drop(accepted);
        let Stream::Tcp(tcp) = &upstream.io else { panic!("TCP") };
        tcp.readable().await.unwrap();
        assert!(!upstream.is_quiet());
    }

    #[tokio::test]
    async fn a_refused_connection_says_so() {
        let app = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: Address = app.local_addr().unwrap().to_string().parse().unwrap();
        drop(app);
        let error = Upstream::connect(&address, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
