//! The client's side of a connection as bytes: TCP, TLS over TCP, or a pipe from inside the process.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::taken::Taken;
use super::tls::stream::TlsStream;
use crate::proxy::core::core::Core;
use crate::telemetry::CoreConnections;

/// The client's side of a connection; counts its bytes.
#[derive(Debug)]
pub(crate) struct ClientIo {
    stream: Stream,
    /// Of the core that has the connection; `None` where the daemon itself asks.
    counted: Option<Counted>,
}

/// Where a client's bytes come from.
#[derive(Debug)]
enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS; boxed because rustls' connection is large and an idle task should not be.
    Tls(Box<TlsStream>),
    /// The daemon asking its own front door.
    Inside(DuplexStream),
}

/// Leads to the counters of a core.
struct Counted(Rc<Core>);

impl Counted {
    fn counters(&self) -> &CoreConnections {
        &self.0.shared.counted[self.0.id]
    }
}

impl std::fmt::Debug for Counted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.counters().fmt(f)
    }
}

impl ClientIo {
    /// Without TLS.
    pub(crate) fn plain(core: &Rc<Core>, tcp: TcpStream) -> Self {
        Self::of(core, Stream::Plain(tcp))
    }

    /// With TLS, behind its handshake.
    pub(crate) fn tls(core: &Rc<Core>, tls: Box<TlsStream>) -> Self {
        Self::of(core, Stream::Tls(tls))
    }

    /// From inside the process: nobody's traffic.
    pub(crate) fn inside(pipe: DuplexStream) -> Self {
        Self {
            stream: Stream::Inside(pipe),
            counted: None,
        }
    }

    fn of(core: &Rc<Core>, stream: Stream) -> Self {
        Self {
            stream,
            counted: Some(Counted(core.clone())),
        }
    }

    /// An error that the peer has caused, while nobody reads or writes; `None` also when it cannot be known.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        match &self.stream {
            Stream::Plain(tcp) => tcp.take_error().ok().flatten(),
            Stream::Tls(tls) => tls.tcp().take_error().ok().flatten(),
            Stream::Inside(_) => None,
        }
    }

    /// Whether the peer has ended its direction, even when bytes of it were not read yet.
    pub(crate) fn has_ended(&self) -> bool {
        let Some(tcp) = self.tcp() else { return false };
        let mut ready = std::pin::pin!(tcp.ready(Interest::READABLE));
        let now = ready.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        matches!(now, Poll::Ready(Ok(ready)) if ready.is_read_closed())
    }

    /// What the client's system has taken of what was written; `None` where nobody can say.
    pub(crate) fn taken(&self) -> Option<Taken> {
        let tcp = self.tcp()?;
        Taken::of(tcp.local_addr().ok()?, tcp.peer_addr().ok()?)
    }

    /// Throws away what a client that does not read has left in the kernel, which would keep it for minutes otherwise.
    pub(crate) fn discard_unread(&self) {
        if let Some(tcp) = self.tcp() {
            let _ = rustix::net::sockopt::set_socket_linger(tcp, Some(std::time::Duration::ZERO));
        }
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match &self.stream {
            Stream::Plain(tcp) => Some(tcp),
            Stream::Tls(tls) => Some(tls.tcp()),
            Stream::Inside(_) => None,
        }
    }

    /// Ends our direction of the TCP connection without a wait: what was written still arrives, and then the client reads EOF.
    pub(crate) fn half_close(&self) {
        let Some(tcp) = self.tcp() else { return };
        // The peer may be gone already, which is what was wanted.
        let _ = rustix::net::shutdown(tcp, rustix::net::Shutdown::Write);
    }

    /// Reads once what comes on the connection below TLS, to be thrown away: how many bytes that were, and 0 at the end.
    pub(crate) fn poll_discard(&self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let Some(tcp) = self.tcp() else {
            return Poll::Ready(Ok(0));
        };
        loop {
            ready!(tcp.poll_read_ready(cx))?;
            match tcp.try_read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    if let (Ok(bytes), Some(counted)) = (&read, &self.counted) {
                        counted.counters().received(*bytes);
                    }
                    return Poll::Ready(read);
                }
            }
        }
    }

    /// Makes the kernel answer with RST instead of a clean end, so that a cut body cannot be taken for a whole one.
    pub(crate) fn abort(&self) {
        // Over TLS a missing close_notify says the same.
        if matches!(self.stream, Stream::Plain(_)) {
            self.discard_unread();
        }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => match Pin::new(&mut **tls).poll_read(cx, buf) {
                // A client that ends without close_notify: its message framing says whether anything is missing.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
                other => other,
            },
            Stream::Inside(pipe) => Pin::new(pipe).poll_read(cx, buf),
        };
        if let (Poll::Ready(Ok(())), Some(counted)) = (&read, &this.counted) {
            counted.counters().received(buf.filled().len() - before);
        }
        read
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = match &mut this.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_write(cx, buf),
            Stream::Inside(pipe) => Pin::new(pipe).poll_write(cx, buf),
        };
        if let (Poll::Ready(Ok(sent)), Some(counted)) = (&written, &this.counted) {
            counted.counters().sent(*sent);
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_flush(cx),
            Stream::Inside(pipe) => Pin::new(pipe).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(&mut **tls).poll_shutdown(cx),
            Stream::Inside(pipe) => Pin::new(pipe).poll_shutdown(cx),
        }
    }
}
