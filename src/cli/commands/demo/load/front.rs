//! The front door as a client sees it: TLS that trusts the demo's own CA, requests, and answers that are checked.

use std::error::Error as _;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::cli::commands::demo::apps;
use crate::cli::commands::demo::tally::{Failure, RequestKind};
use crate::cli::exit::Stop;
use crate::model::slot::Slot;

/// Where it is, and how to get in.
pub(crate) struct Front {
    address: SocketAddr,
    name: ServerName<'static>,
    authority: String,
    http1: TlsConnector,
    http2: TlsConnector,
}

/// An answer, whole.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Front {
    /// The front door at this address, as this host, vouched for by these roots.
    pub(crate) fn new(address: SocketAddr, host: &str, roots: Vec<CertificateDer<'static>>) -> Result<Self, Stop> {
        let failed = |error: &dyn std::fmt::Display| Stop::failed(format!("no TLS client: {error}"));
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots);
        let store = Arc::new(store);
        let connector = |protocol: &[u8]| -> Result<TlsConnector, Stop> {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| failed(&error))?
                .with_root_certificates(Arc::clone(&store))
                .with_no_client_auth();
            config.alpn_protocols = vec![protocol.to_vec()];
            Ok(TlsConnector::from(Arc::new(config)))
        };
        Ok(Self {
            address,
            name: ServerName::try_from(host.to_owned()).map_err(|error| failed(&error))?,
            authority: format!("{host}:{}", address.port()),
            http1: connector(b"http/1.1")?,
            http2: connector(b"h2")?,
        })
    }

    /// A connection that speaks HTTP/1.1.
    pub(super) async fn connect_http1(&self) -> Result<TlsStream<TcpStream>, Failure> {
        self.connect(&self.http1).await
    }

    /// A connection that speaks HTTP/2.
    pub(super) async fn connect_http2(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = self.connect(&self.http2).await?;
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Ok(stream),
            _ => Err(Failure::new("no HTTP/2", "the front door did not agree to h2")),
        }
    }

    async fn connect(&self, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| match error.kind() {
                ErrorKind::ConnectionRefused => Failure::new("connection refused", error),
                _ => Failure::new("no connection", error),
            })?;
        // Small requests must not wait for an acknowledgement; without it they are only slower.
        let _ = stream.set_nodelay(true);
        connector
            .connect(self.name.clone(), stream)
            .await
            .map_err(|error| Failure::new("TLS handshake", error))
    }

    /// The request of one kind; a POST has this id and body.
    pub(super) fn request(
        &self,
        kind: RequestKind,
        version: Version,
        post: Option<(u64, Bytes)>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let path = match (kind, &post) {
            (_, Some(_)) => "/echo",
            (RequestKind::Slow, None) => "/slow",
            (RequestKind::Streamed, None) => "/stream",
            (RequestKind::Events, None) => "/events",
            (RequestKind::WebSocket, None) => "/socket",
            (RequestKind::Get | RequestKind::NewConnection | RequestKind::Post | RequestKind::Http2, None) => "/",
        };
        let mut request = Request::builder().version(version);
        request = if version == Version::HTTP_2 {
            request.uri(format!("https://{}{path}", self.authority))
        } else {
            request.uri(path).header(HOST, &self.authority)
        };
        let body = match post {
            Some((id, body)) => {
                request = request
                    .method(Method::POST)
                    .header(apps::ID, id)
                    .header(CONTENT_TYPE, "application/octet-stream");
                body
            }
            None => Bytes::new(),
        };
        request
            .body(Full::new(body))
            .map_err(|error| Failure::new("no request", error))
    }

    /// What a WebSocket client asks for.
    pub(super) fn socket_url(&self) -> String {
        format!("wss://{}/socket", self.authority)
    }
}

impl Answer {
    /// Reads the answer to its end.
    pub(super) async fn read(response: Response<Incoming>) -> Result<Self, Failure> {
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| no_end(&error))?;
        Ok(Self {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    /// Compares the answer with what the app must have said, and names the slot that said it.
    pub(super) fn check(&self, kind: RequestKind, post: Option<&(u64, Bytes)>) -> Result<Option<Slot>, Failure> {
        if self.status != StatusCode::OK {
            let body = String::from_utf8_lossy(&self.body);
            let body: String = body.chars().take(120).collect();
            return Err(Failure::new(format!("status {}", self.status.as_u16()), body));
        }
        let version = self
            .headers
            .get(apps::VERSION)
            .and_then(|version| version.to_str().ok());
        let Some(version) = version else {
            return Err(Failure::new("wrong answer", "it does not say which app gave it"));
        };
        let all = |make: fn(u32) -> String| (0..apps::PIECES).map(make).collect::<String>();
        let expected = match (kind, post) {
            (_, Some((id, body))) => {
                let said: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
                let id = id.to_string();
                let well =
                    said["id"] == id.as_str() && said["bytes"] == body.len() && said["sha256"] == apps::checksum(body);
                if !well {
                    return Err(Failure::new(
                        "wrong answer",
                        "the app received another body than was sent",
                    ));
                }
                return Ok(slot(version));
            }
            (RequestKind::Streamed, None) => all(apps::piece),
            (RequestKind::Events, None) => all(apps::event),
            (
                RequestKind::Get
                | RequestKind::NewConnection
                | RequestKind::Post
                | RequestKind::Slow
                | RequestKind::Http2
                | RequestKind::WebSocket,
                None,
            ) => apps::hello(version),
        };
        if self.body == expected {
            return Ok(slot(version));
        }
        let detail = format!("{} bytes instead of {}", self.body.len(), expected.len());
        Err(if expected.as_bytes().starts_with(&self.body) {
            Failure::new("truncated body", detail)
        } else {
            Failure::new("wrong answer", detail)
        })
    }
}

/// The slot that a demo app's version begins with.
fn slot(version: &str) -> Option<Slot> {
    match version.split_once('-')?.0 {
        "blue" => Some(Slot::Blue),
        "green" => Some(Slot::Green),
        _ => None,
    }
}

/// Why there is no answer's head.
pub(super) fn no_head(error: &hyper::Error) -> Failure {
    Failure::new("reset before the answer", chain(error))
}

/// Why there is no answer's end.
fn no_end(error: &hyper::Error) -> Failure {
    Failure::new("truncated body", chain(error))
}

/// An error with its causes.
fn chain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}
