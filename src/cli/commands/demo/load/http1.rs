//! HTTP/1.1 clients: one connection each, kept from request to request as long as the front door lets them.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use tokio::task::JoinSet;

use super::context::{BREATH, Context};
use super::front::{Answer, Front, no_head};
use crate::cli::commands::demo::tally::{Failure, RequestKind};
use crate::cli::io::HyperIo;
use crate::model::slot::Slot;

/// Asks until the demo ends.
pub(super) async fn run(context: Rc<Context>, kind: RequestKind) {
    let mut connection = None;
    while context.goes_on() {
        if kind == RequestKind::NewConnection {
            connection = None;
        }
        let well = context.count(kind, ask(&context, &mut connection, kind)).await;
        if !well {
            connection = None;
        }
        tokio::time::sleep(pause(kind)).await;
    }
}

/// Between two requests: the rate of one client.
fn pause(kind: RequestKind) -> Duration {
    match kind {
        RequestKind::Get => Duration::from_millis(20),
        RequestKind::Post => Duration::from_millis(30),
        RequestKind::NewConnection => BREATH,
        RequestKind::Slow
        | RequestKind::Streamed
        | RequestKind::Events
        | RequestKind::Http2
        | RequestKind::WebSocket => Duration::from_millis(5),
    }
}

/// One request and its checked answer.
async fn ask(
    context: &Context,
    connection: &mut Option<Connection>,
    kind: RequestKind,
) -> Result<Option<Slot>, Failure> {
    let post = (kind == RequestKind::Post).then(|| (context.next_post(), body()));
    let request = context.front.request(kind, Version::HTTP_11, post.clone())?;
    let response = send(&context.front, connection, request).await?;
    Answer::read(response).await?.check(kind, post.as_ref())
}

/// A POST's body: up to 48 KiB, never the same.
pub(super) fn body() -> Bytes {
    let mut body = vec![0; fastrand::usize(1..48 * 1024)];
    fastrand::fill(&mut body);
    body.into()
}

/// A connection, and the task that drives it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Connection {
    async fn open(front: &Front) -> Result<Self, Failure> {
        let stream = front.connect_http1().await?;
        let (sender, connection) = http1::handshake(HyperIo::new(stream))
            .await
            .map_err(|error| no_head(&error))?;
        let mut driver = JoinSet::new();
        driver.spawn_local(async move {
            // Its errors reach us through the exchange.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            _driver: driver,
        })
    }
}

/// Sends on the kept connection, or on a new one.
///
/// A connection that the front door closed while it was idle is no failure (every HTTP client knows that), as long as not
/// one byte of the request was sent. What is lost after that is one, and is never repeated.
async fn send(
    front: &Front,
    kept: &mut Option<Connection>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Failure> {
    let mut request = request;
    if let Some(connection) = kept
        && connection.sender.ready().await.is_ok()
    {
        match connection.sender.try_send_request(request).await {
            Ok(response) => return Ok(response),
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(no_head(error.error())),
            },
        }
    }
    let connection = kept.insert(Connection::open(front).await?);
    connection
        .sender
        .send_request(request)
        .await
        .map_err(|error| no_head(&error))
}
