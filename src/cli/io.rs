//! Lets hyper read and write what tokio opened.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes taken from the socket at once. They are copied once more into hyper's buffer, which spares us `unsafe`; a
/// client can afford it.
const CHUNK: usize = 16 * 1024;

/// A tokio stream as hyper sees it.
#[derive(Debug)]
pub(crate) struct HyperIo<T> {
    inner: T,
    buffer: Box<[u8]>,
}

impl<T> HyperIo<T> {
    /// Wraps a stream.
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            buffer: vec![0; CHUNK].into_boxed_slice(),
        }
    }

    /// The stream again; nothing stays behind, because every read goes to hyper at once.
    pub(crate) fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead + Unpin> hyper::rt::Read for HyperIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Self { inner, buffer } = self.get_mut();
        let room = buffer.len().min(cursor.remaining());
        let mut buffer = ReadBuf::new(&mut buffer[..room]);
        ready!(Pin::new(inner).poll_read(cx, &mut buffer))?;
        cursor.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> hyper::rt::Write for HyperIo<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, slices)
    }
}
