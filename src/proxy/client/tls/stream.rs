//! A connection of TLS over TCP, as bytes of the application.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::{CommonState, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::name;
use super::session::{Came, Session};

/// A client over TLS. Boxed by who keeps it: rustls' connection is large.
pub(crate) struct TlsStream {
    tcp: TcpStream,
    session: Session,
}

impl std::fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.tcp.fmt(f)
    }
}

/// Does the handshake. The connection, and the host that the client asked for, in lower case and without the dot at its end.
///
/// # Errors
/// The connection's, or what the client did wrong: it was told.
pub(crate) async fn accept(
    tcp: TcpStream,
    config: Arc<ServerConfig>,
) -> io::Result<(Box<TlsStream>, Option<Box<str>>)> {
    let session = Session::new(config).map_err(invalid)?;
    let mut tls = Box::new(TlsStream { tcp, session });
    let mut name = None;
    poll_fn(|cx| tls.poll_shake_hands(cx, &mut name)).await?;
    Ok((tls, name))
}

impl TlsStream {
    /// The connection below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// What was agreed on in the handshake.
    pub(crate) fn agreed(&self) -> &CommonState {
        self.session.agreed()
    }

    fn poll_shake_hands(&mut self, cx: &mut Context<'_>, name: &mut Option<Box<str>>) -> Poll<io::Result<()>> {
        loop {
            let shaken = self.session.shake_hands();
            if let Some(heard) = name::heard() {
                *name = Some(heard);
            }
            let done = shaken.map_err(|error| self.told(cx, error))?;
            ready!(self.poll_send(cx))?;
            if done {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof");
                return Poll::Ready(Err(error));
            }
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Self { tcp, session } = self;
        // Before a buffer is borrowed, and what was parked is copied there.
        ready!(tcp.poll_read_ready(cx))?;
        session.receive(|room| Pin::new(tcp).poll_read(cx, room))
    }

    /// Sends all that is encrypted.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.session.out().is_empty() {
            match ready!(Pin::new(&mut self.tcp).poll_write(cx, self.session.out()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.session.sent(n),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Tells the client what it did wrong, if its system takes that at once.
    fn told(&mut self, cx: &mut Context<'_>, error: rustls::Error) -> io::Error {
        let _ = self.poll_send(cx);
        invalid(error)
    }
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl AsyncRead for TlsStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.session.read(buf).map_err(|error| this.told(cx, error))? {
                Came::Bytes | Came::End => return Poll::Ready(Ok(())),
                // An answer of rustls' own, as to a client that wants another handshake (E31), does not wait for bytes of ours.
                Came::Nothing => drop(this.poll_send(cx)),
            }
            if ready!(this.poll_receive(cx))? == 0 {
                // Without close_notify, anybody on the way could have ended it.
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

impl AsyncWrite for TlsStream {
    /// Takes what it can encrypt and the socket takes at once, and one write more.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        let mut taken = 0;
        while taken < buf.len() {
            taken += this.session.seal(&buf[taken..]).map_err(|error| this.told(cx, error))?;
            if this.poll_send(cx)?.is_pending() {
                break;
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.session.close();
        ready!(this.poll_send(cx))?;
        match ready!(Pin::new(&mut this.tcp).poll_shutdown(cx)) {
            // The client was faster.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            shut => Poll::Ready(shut),
        }
    }
}
