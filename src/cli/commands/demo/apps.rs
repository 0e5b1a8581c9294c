//! A demo app: answers at once, slowly, in pieces, with events or as a WebSocket, and tells its parent about every POST.
//!
//! The parent reads stdout: a line `post ID` per POST, written when its head arrives. What was written stays readable
//! when the app is killed with -9.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use super::tasks::Tasks;
use crate::cli::exit::{Outcome, Stop};
use crate::cli::io::HyperIo;
use crate::cli::output;

/// Names the app in every answer.
pub(super) const VERSION: HeaderName = HeaderName::from_static("x-demo-version");
/// Names a POST.
pub(super) const ID: HeaderName = HeaderName::from_static("x-demo-id");

/// Pieces of a streamed body, and events of an event stream.
pub(super) const PIECES: u32 = 10;
/// Time between two of them: a second in all, well within the demo's `drain.streams`.
const PACE: Duration = Duration::from_millis(100);

/// How long the port of the last life may still be taken.
const PORT_PATIENCE: Duration = Duration::from_secs(2);

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Serves until it is killed.
pub(super) async fn serve(port: u16, version: String) -> Outcome {
    let listener = listen(port).await?;
    let (app, tasks) = (Rc::new(App { version }), Tasks::default());
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                output::err(&format!("accept: {error}"));
                tokio::time::sleep(PACE).await;
                continue;
            }
        };
        // Small answers must not wait for an acknowledgement; without it they are only slower.
        let _ = stream.set_nodelay(true);
        let (app, spawner) = (Rc::clone(&app), tasks.clone());
        tasks.spawn(async move {
            let service = service_fn(move |request| {
                let (app, spawner) = (Rc::clone(&app), spawner.clone());
                async move { Ok::<_, Infallible>(app.answer(request, &spawner).await) }
            });
            let connection = http1::Builder::new().serve_connection(HyperIo::new(stream), service);
            // A proxy that hangs up is the proxy's business.
            let _ = connection.with_upgrades().await;
        });
    }
}

async fn listen(port: u16) -> Result<TcpListener, Stop> {
    let deadline = tokio::time::Instant::now() + PORT_PATIENCE;
    loop {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(PACE).await;
            }
            Err(error) => return Err(Stop::failed(format!("cannot listen on port {port}: {error}"))),
        }
    }
}

struct App {
    version: String,
}

impl App {
    async fn answer(&self, request: Request<Incoming>, tasks: &Tasks) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let mut response = match (request.method(), path.as_str()) {
            (&Method::GET, "/health") => json(&serde_json::json!({ "status": "ok", "version": self.version })),
            (&Method::GET, "/") => text(hello(&self.version)),
            (&Method::GET, "/slow") => {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(1_000..=2_000))).await;
                text(hello(&self.version))
            }
            (&Method::GET, "/stream") => pieces("text/plain", piece),
            (&Method::GET, "/events") => pieces("text/event-stream", event),
            (&Method::GET, "/socket") => upgrade(request, tasks),
            (&Method::POST, "/echo") => echo(request).await,
            _ => status(StatusCode::NOT_FOUND),
        };
        if let Ok(version) = HeaderValue::from_str(&self.version) {
            response.headers_mut().insert(VERSION, version);
        }
        response
    }
}

/// What `GET /` answers.
pub(super) fn hello(version: &str) -> String {
    format!("hello from {version}\n")
}

/// One piece of a streamed body.
pub(super) fn piece(index: u32) -> String {
    format!("piece {index} of {PIECES}: {}\n", "-".repeat(200))
}

/// One event of an event stream.
pub(super) fn event(index: u32) -> String {
    format!("id: {index}\ndata: event {index} of {PIECES}\n\n")
}

/// A checksum, as the app and its client compare it.
pub(super) fn checksum(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

async fn echo(request: Request<Incoming>) -> Response<Body> {
    let id = request
        .headers()
        .get(ID)
        .and_then(|id| id.to_str().ok())
        .unwrap_or("none")
        .to_owned();
    output::out(&format!("post {id}"));
    match request.into_body().collect().await {
        Ok(body) => {
            let body = body.to_bytes();
            json(&serde_json::json!({ "id": id, "bytes": body.len(), "sha256": checksum(&body) }))
        }
        Err(_) => status(StatusCode::BAD_REQUEST),
    }
}

/// A body that comes piece by piece.
fn pieces(content_type: &'static str, make: fn(u32) -> String) -> Response<Body> {
    let stream = futures_util::stream::unfold(0, move |index| async move {
        if index >= PIECES {
            return None;
        }
        tokio::time::sleep(PACE).await;
        Some((Ok(Frame::data(Bytes::from(make(index)))), index + 1))
    });
    let mut response = Response::new(StreamBody::new(stream).boxed_unsync());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Answers 101 and echoes from then on.
fn upgrade(mut request: Request<Incoming>, tasks: &Tasks) -> Response<Body> {
    let Some(key) = request
        .headers()
        .get(SEC_WEBSOCKET_KEY)
        .map(|key| derive_accept_key(key.as_bytes()))
    else {
        return status(StatusCode::UPGRADE_REQUIRED);
    };
    let Ok(key) = HeaderValue::from_str(&key) else {
        return status(StatusCode::BAD_REQUEST);
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tasks.spawn(async move {
        let Ok(upgraded) = upgraded.await else { return };
        let Ok(parts) = upgraded.downcast::<HyperIo<TcpStream>>() else {
            return;
        };
        let (stream, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
        let socket = WebSocketStream::from_partially_read(stream, early, Role::Server, None).await;
        echo_messages(socket).await;
    });
    let mut response = status(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, key);
    response
}

async fn echo_messages(mut socket: WebSocketStream<TcpStream>) {
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(_) | Message::Binary(_) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            // Answered by the library, while we go on reading.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
        }
    }
}

fn text(body: String) -> Response<Body> {
    Response::new(Full::new(Bytes::from(body)).boxed_unsync())
}

fn json(value: &serde_json::Value) -> Response<Body> {
    let mut response = text(value.to_string());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = text(String::new());
    *response.status_mut() = status;
    response
}
