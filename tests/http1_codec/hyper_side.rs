//! The same bytes, read by hyper's HTTP/1 server.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

/// What a service behind hyper sees of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub method: String,
    pub target: String,
    pub version: hyper::Version,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// The request that `bytes` begin with; none if hyper refuses it, or still waits when the bytes end.
pub(crate) fn read(runtime: &tokio::runtime::Runtime, bytes: &[u8]) -> Option<Seen> {
    runtime.block_on(serve(bytes))
}

async fn serve(bytes: &[u8]) -> Option<Seen> {
    let (mut client, server) = tokio::io::duplex(1 << 20);
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let seen = Rc::new(RefCell::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let seen = Rc::clone(&seen);
        async move {
            let (head, body) = request.into_parts();
            // A body that breaks off or is malformed makes the request one that hyper refuses.
            if let Ok(body) = body.collect().await {
                let pairs = |map: &hyper::HeaderMap| {
                    map.iter()
                        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                        .collect()
                };
                seen.borrow_mut().get_or_insert(Seen {
                    method: head.method.to_string(),
                    target: head.uri.to_string(),
                    version: head.version,
                    fields: pairs(&head.headers),
                    trailers: body.trailers().map(pairs).unwrap_or_default(),
                    body: body.to_bytes().to_vec(),
                });
            }
            let response = Response::builder()
                .header("connection", "close")
                .body(Empty::<Bytes>::new());
            Ok::<_, Infallible>(response.unwrap())
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .max_headers(100)
        .serve_connection(Wire(server), service)
        .await;
    // Errors are another form of "not seen".
    drop(served);
    seen.take()
}

/// hyper's traits over tokio's.
struct Wire(DuplexStream);

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut out: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 4096];
        let room = out.remaining().min(bytes.len());
        let mut buffer = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
        out.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
