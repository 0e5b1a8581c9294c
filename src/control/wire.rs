//! A stream to an app as hyper wants it, for the few requests that the control plane makes itself.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::model::slot::Address;

/// Bytes that are read at once.
const BLOCK: usize = 8 * 1024;

/// An open connection to an app.
#[derive(Debug)]
pub struct Wire {
    stream: Stream,
    block: Box<[u8; BLOCK]>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Wire {
    /// Connects to exactly this address.
    ///
    /// # Errors
    /// The socket's or the resolver's.
    pub async fn connect(address: &Address) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp { host, port } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
        };
        Ok(Self {
            stream,
            block: Box::new([0; BLOCK]),
        })
    }
}

impl hyper::rt::Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // By way of a block of our own: to fill hyper's uninitialised memory in place would take `unsafe`.
        let Self { stream, block } = self.get_mut();
        let room = into.remaining().min(BLOCK);
        let mut read = ReadBuf::new(&mut block[..room]);
        ready!(match stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(context, &mut read),
            Stream::Unix(stream) => Pin::new(stream).poll_read(context, &mut read),
        })?;
        into.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
