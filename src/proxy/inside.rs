//! Requests of the daemon itself, through the front door's own routing, without a socket.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use crate::proxy::core::core::Core;
use crate::proxy::listen::connection;
use crate::proxy::message::heard::{Answer, BODY};
use crate::tasks;

/// One request through the front door's own routing.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The real hostname.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// Whether it counts as https.
    pub secure: bool,
    /// For all of it.
    pub timeout: Duration,
}

/// A connection from inside the process.
pub(crate) struct Pipe {
    io: DuplexStream,
    secure: bool,
}

/// Where such connections are made: at one worker.
pub(crate) struct Door(mpsc::UnboundedSender<Pipe>);

/// A door, and what its worker accepts from.
pub(crate) fn door() -> (Door, mpsc::UnboundedReceiver<Pipe>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Door(sender), receiver)
}

impl Door {
    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Answer, String> {
        let (ours, theirs) = tokio::io::duplex(BODY);
        let pipe = Pipe {
            io: theirs,
            secure: ask.secure,
        };
        self.0.send(pipe).map_err(|_| "the worker has stopped")?;
        let asking = async {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(ours))
                .await
                .map_err(|error| error.to_string())?;
            let request = http::Request::get(&ask.target)
                .header(http::header::HOST, &ask.host)
                .header(http::header::USER_AGENT, "greengate-verify")
                .header(http::header::CONNECTION, "close")
                .body(Empty::<Bytes>::new())
                .map_err(|error| error.to_string())?;
            let answering = async {
                let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
                let (parts, mut body) = response.into_parts();
                let mut bytes = Vec::new();
                while let Some(frame) = body.frame().await {
                    let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else {
                        continue;
                    };
                    let room = BODY - bytes.len();
                    bytes.extend_from_slice(&data[..data.len().min(room)]);
                    if bytes.len() == BODY {
                        break;
                    }
                }
                let headers = parts
                    .headers
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
                Ok(Answer {
                    status: parts.status.as_u16(),
                    headers: headers.collect(),
                    body: bytes,
                })
            };
            let mut connection = std::pin::pin!(connection);
            let mut answering = std::pin::pin!(answering);
            let mut connected = true;
            std::future::poll_fn(|cx| {
                if connected && connection.as_mut().poll(cx).is_ready() {
                    connected = false;
                }
                answering.as_mut().poll(cx)
            })
            .await
        };
        let timeout = ask.timeout;
        tokio::time::timeout(timeout, asking)
            .await
            .map_err(|_| format!("no answer within {timeout:?}"))?
    }
}

/// Serves them until the door is gone.
pub(crate) async fn accept(core: Rc<Core>, mut receiver: mpsc::UnboundedReceiver<Pipe>) {
    while let Some(Pipe { io, secure }) = receiver.recv().await {
        tasks::connection(connection::serve_inside(core.clone(), io, secure));
    }
}
