//! Serves one address: its connections, within bounds, and what each of them asks.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use http::header::{ALLOW, CONNECTION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::origin::{self, Names, READ_ONLY};
use super::patient::Patient;
use super::reply::{Payload, reply};
use crate::tasks::Group;

/// Time for a request's head, and between two requests: a browser that has loaded a page lets go of its other connections by then.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// A client that has not read for so long is given up.
const READ_TIME: Duration = Duration::from_secs(15);
/// Bytes of a request's head.
const HEAD: usize = 16 * 1024;

/// What is asked of a site.
#[derive(Debug)]
pub(in crate::control) struct Asked {
    pub(in crate::control) path: String,
    pub(in crate::control) query: String,
    pub(in crate::control) headers: HeaderMap,
    pub(in crate::control) client: IpAddr,
}

/// An answer on its way.
pub(in crate::control) type Answering = Pin<Box<dyn Future<Output = Response<Payload>>>>;

/// What is served at an address.
pub(in crate::control) trait Site {
    /// Connections that it may have at once; further ones are closed as they come.
    fn connections(&self) -> usize;

    /// By which names it is asked for.
    fn names(&self) -> Names;

    /// Answers a GET or a HEAD that no page of somebody else's has sent.
    fn answer(self: Rc<Self>, asked: Asked) -> Answering;
}

/// Serves until it is cancelled, and its connections with it.
pub(super) async fn serve(name: &'static str, listener: TcpListener, site: Rc<dyn Site>) {
    let connections = Group::new(name);
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                if connections.len() >= site.connections() {
                    tracing::debug!(site = name, %client, "a connection too many is closed");
                    continue;
                }
                connections.spawn_local("connection", connection(stream, client, site.clone()));
            }
            Err(error) => {
                // Out of descriptors, most likely: it passes.
                tracing::debug!(site = name, %error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, client: SocketAddr, site: Rc<dyn Site>) {
    // Each message is small, and is to be seen at once.
    let _ = stream.set_nodelay(true);
    let client = client.ip().to_canonical();
    let service = service_fn(|request| {
        let answer = answer(site.clone(), client, request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD);
    let stream = TokioIo::new(Patient::new(stream, READ_TIME));
    if let Err(error) = server.serve_connection(stream, service).await {
        tracing::debug!(%error, "a connection of a reader ended early");
    }
}

async fn answer(site: Rc<dyn Site>, client: IpAddr, request: Request<Incoming>) -> Response<Payload> {
    let (head, _) = request.into_parts();
    if let Err(objection) = origin::look(&head.method, &head.headers, site.names()) {
        let is_method = objection == READ_ONLY;
        let status = if is_method {
            StatusCode::METHOD_NOT_ALLOWED
        } else {
            StatusCode::FORBIDDEN
        };
        let mut response = reply(status, "text/plain; charset=utf-8", format!("{objection}\n"));
        if is_method {
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        // What else it sends is not read.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    let is_head = head.method == Method::HEAD;
    let asked = Asked {
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        client,
    };
    let mut response = site.answer(asked).await;
    if is_head && matches!(response.body(), Payload::Pieces(_)) {
        *response.body_mut() = Payload::Whole(None);
    }
    response
}
