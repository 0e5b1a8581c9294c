//! The same bytes, read by hyper: requests by its HTTP/1 server, responses by its client.

#![allow(dead_code, reason = "each test binary asks for a part of it")]

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
use hyper::{HeaderMap, Method, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

/// Bytes that fit on the way to hyper, so that nobody has to wait.
const ROOM: usize = 1 << 20;

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

/// What a client over hyper sees of a final response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    pub status: u16,
    pub version: hyper::Version,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, Vec<u8>)>,
}

/// The request that `bytes` begin with; none if hyper refuses it, or still waits when the bytes end.
pub(crate) fn read(runtime: &tokio::runtime::Runtime, bytes: &[u8]) -> Option<Seen> {
    requests(runtime, bytes).into_iter().next()
}

/// Every request of a connection that brings these bytes and ends, up to the first that hyper refuses or whose end is missing.
pub(crate) fn requests(runtime: &tokio::runtime::Runtime, bytes: &[u8]) -> Vec<Seen> {
    runtime.block_on(serve(bytes))
}

/// The final response to a request with this method; none if hyper refuses it, or its end is missing.
pub(crate) fn response(runtime: &tokio::runtime::Runtime, method: &Method, bytes: &[u8]) -> Option<Answered> {
    runtime.block_on(ask(method, bytes))
}

async fn serve(bytes: &[u8]) -> Vec<Seen> {
    let (mut client, server) = tokio::io::duplex(ROOM);
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    // Nothing that is behind a request which cannot be read is another request.
    let (seen, broken) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(false)));
    let service = service_fn(|request: Request<Incoming>| {
        let (seen, broken) = (Rc::clone(&seen), Rc::clone(&broken));
        async move {
            let (head, body) = request.into_parts();
            // A body that breaks off or is malformed makes the request one that hyper refuses.
            match body.collect().await {
                Ok(body) if !*broken.borrow() => seen.borrow_mut().push(Seen {
                    method: head.method.to_string(),
                    target: head.uri.to_string(),
                    version: head.version,
                    fields: pairs(&head.headers),
                    trailers: body.trailers().map(pairs).unwrap_or_default(),
                    body: body.to_bytes().to_vec(),
                }),
                _ => *broken.borrow_mut() = true,
            }
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
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

async fn ask(method: &Method, bytes: &[u8]) -> Option<Answered> {
    let (mut app, client) = tokio::io::duplex(ROOM);
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(100)
        .allow_spaces_after_header_name_in_responses(true)
        .handshake(Wire(client))
        .await
        .ok()?;
    let request = Request::builder().method(method).uri("/").header("host", "a");
    let asked = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap());
    let answered = async {
        let (head, body) = asked.await.ok()?.into_parts();
        let body = body.collect().await.ok()?;
        Some(Answered {
            status: head.status.as_u16(),
            version: head.version,
            fields: pairs(&head.headers),
            trailers: body.trailers().map(pairs).unwrap_or_default(),
            body: body.to_bytes().to_vec(),
        })
    };
    let app = async {
        // hyper takes no answer for one that comes before it has asked.
        let mut asked = [0; 1024];
        let _ = tokio::io::AsyncReadExt::read(&mut app, &mut asked).await;
        app.write_all(bytes).await.ok()?;
        app.shutdown().await.ok()
    };
    // The connection is driven to its end, so that a body that ends with it does.
    let (answered, _, _) = tokio::join!(answered, app, connection);
    answered
}

fn pairs(map: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    map.iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
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
