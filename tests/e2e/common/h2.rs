//! An HTTP/2 client: hyper's, over our wires, with answers in the same shape as those of the raw client.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper::rt::{Executor, Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::client::{Response, tls};
use super::incoming::{Broken, Fields};
use super::wire::Wire;

const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at what the proxy offers.
const LOOK: Duration = Duration::from_millis(2);

/// One connection; clones share it.
#[derive(Debug, Clone)]
pub struct H2 {
    sender: http2::SendRequest<Full<Bytes>>,
    /// What its settings have said of RFC 8441, once they have come.
    offers_web_sockets: Arc<AtomicBool>,
    patience: Duration,
}

impl H2 {
    /// Connects over TLS; fails unless the proxy chooses `h2` by ALPN.
    pub async fn tls(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Result<Self, Broken> {
        let wire = tls(address, name, config).await?;
        if let Wire::Tls(stream) = &wire
            && stream.get_ref().1.alpn_protocol() != Some(b"h2")
        {
            return Err(Broken::Tls("ALPN did not choose h2".into()));
        }
        let (sender, connection) = http2::Builder::new(Spawner)
            .max_header_list_size(1 << 20)
            .handshake(Io(wire))
            .await
            .map_err(|error| Broken::Connect(error.to_string()))?;
        let offers_web_sockets = Arc::<AtomicBool>::default();
        let offered = offers_web_sockets.clone();
        tokio::spawn(async move {
            let mut connection = std::pin::pin!(connection);
            // Its settings come to it behind its back.
            while tokio::time::timeout(LOOK, connection.as_mut()).await.is_err() {
                if connection.is_extended_connect_protocol_enabled() {
                    offered.store(true, Ordering::SeqCst);
                    drop(connection.await);
                    break;
                }
            }
        });
        Ok(Self {
            sender,
            offers_web_sockets,
            patience: PATIENCE,
        })
    }

    /// The same connection, for requests that may take so long.
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// `GET https://HOST/TARGET`.
    pub async fn get(&self, host: &str, target: &str) -> Result<Response, Broken> {
        self.send(Request::get(format!("https://{host}{target}")), Bytes::new())
            .await
    }

    /// `POST` with a body.
    pub async fn post(&self, host: &str, target: &str, body: &[u8]) -> Result<Response, Broken> {
        self.send(
            Request::post(format!("https://{host}{target}")),
            Bytes::copy_from_slice(body),
        )
        .await
    }

    /// A WebSocket on a stream (RFC 8441), once the proxy has offered that: the stream's bytes, both ways.
    pub async fn web_socket(&self, host: &str, target: &str) -> Result<Wire, Broken> {
        super::eventually(super::secs(10), || async {
            let is_known = self.offers_web_sockets.load(Ordering::SeqCst) || !self.is_open();
            super::holds(is_known, || "no WebSockets are offered".into())
        })
        .await;
        let request = Request::connect(format!("https://{host}{target}"))
            .extension(Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
            .body(Full::default())
            .map_err(|error| Broken::Wrong(error.to_string()))?;
        let opened = async {
            let answer = self.begin(request).await?;
            if answer.status() != 200 {
                return Err(Broken::Wrong(format!("WebSocket: status {}", answer.status())));
            }
            let stream = hyper::upgrade::on(answer).await;
            let stream = stream.map_err(|error| Broken::Reset(error.to_string()))?;
            Ok(Wire::Stream(Box::new(TokioIo::new(stream))))
        };
        match tokio::time::timeout(self.patience, opened).await {
            Err(_) => Err(Broken::Timeout("a WebSocket on a stream".into())),
            Ok(opened) => opened,
        }
    }

    /// Whether the proxy still takes requests on this connection.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request, and takes the whole answer.
    pub async fn send(&self, request: http::request::Builder, body: Bytes) -> Result<Response, Broken> {
        let request = request
            .body(Full::new(body))
            .map_err(|error| Broken::Wrong(error.to_string()))?;
        match tokio::time::timeout(self.patience, self.exchange(request)).await {
            Err(_) => Err(Broken::Timeout(format!("no whole answer within {:?}", self.patience))),
            Ok(answer) => answer,
        }
    }

    /// Sends a request, and waits for the head of its answer.
    async fn begin(&self, request: Request<Full<Bytes>>) -> Result<http::Response<Incoming>, Broken> {
        let mut sender = self.sender.clone();
        sender.ready().await.map_err(|_| Broken::Unsent)?;
        let answer = sender.try_send_request(request).await;
        answer.map_err(|error| match error.message() {
            Some(_) => Broken::Unsent,
            None => broken(error.error()),
        })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response, Broken> {
        let (parts, mut body) = self.begin(request).await?.into_parts();
        let mut response = Response {
            status: parts.status.as_u16(),
            fields: fields(&parts.headers),
            ..Response::default()
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Broken::Truncated(format!("after {} bytes: {}", response.body.len(), broken(&error)))
            })?;
            match frame.into_data() {
                Ok(data) => response.body.extend_from_slice(&data),
                Err(frame) => response.trailers = fields(&frame.into_trailers().unwrap_or_default()),
            }
        }
        Ok(response)
    }
}

fn broken(error: &hyper::Error) -> Broken {
    Broken::Reset(format!("{error}: {:?}", std::error::Error::source(error)))
}

fn fields(map: &http::HeaderMap) -> Fields {
    let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    Fields(map.iter().map(field).collect())
}

#[derive(Debug, Clone, Copy)]
struct Spawner;

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Spawner {
    fn execute(&self, future: F) {
        tokio::spawn(future);
    }
}

/// tokio's traits as hyper's, with one copy more, and without `unsafe`.
#[derive(Debug)]
struct Io(Wire);

impl Read for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0_u8; 16 * 1024];
        let room = buf.remaining().min(scratch.len());
        let mut read = ReadBuf::new(&mut scratch[..room]);
        match Pin::new(&mut self.0).poll_read(cx, &mut read) {
            Poll::Ready(Ok(())) => {
                buf.put_slice(read.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl Write for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
