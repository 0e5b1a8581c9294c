//! A client of any door: TLS, and HTTP/1.1 or HTTP/2 above it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(crate) const HOST: &str = "localhost";

/// Where a door is, and how one enters.
#[derive(Clone)]
pub(crate) struct Doorway {
    port: u16,
    http2: bool,
    connector: TlsConnector,
}

impl Doorway {
    pub(crate) fn new(protocol: &str, port: u16, certificate: &str) -> Self {
        let http2 = protocol == "h2";
        let alpn = if http2 { "h2" } else { "http/1.1" };
        Self {
            port,
            http2,
            connector: connector(certificate, alpn, Resumption::disabled()),
        }
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.http2
    }

    pub(crate) async fn connect(&self) -> Connection {
        let tls = tls(&self.connector, self.port).await.unwrap();
        if self.http2 {
            let (send, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.unwrap();
            tokio::spawn(connection);
            Connection::Http2(send)
        } else {
            let (send, connection) = http1::handshake(TokioIo::new(tls)).await.unwrap();
            tokio::spawn(connection);
            Connection::Http1(send)
        }
    }
}

/// What connects over TLS and trusts the certificate of the doors.
pub(crate) fn connector(certificate: &str, alpn: &str, resumption: Resumption) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    config.resumption = resumption;
    TlsConnector::from(Arc::new(config))
}

pub(crate) async fn tls(connector: &TlsConnector, port: u16) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    tcp.set_nodelay(true)?;
    connector.connect(ServerName::try_from(HOST).unwrap(), tcp).await
}

/// A connection; of HTTP/2, a handle to one.
pub(crate) enum Connection {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Connection {
    /// Asks for the small answer; whether it came.
    pub(crate) async fn ask(&mut self) -> bool {
        let request = Request::get(match self {
            Self::Http1(_) => Uri::from_static("/"),
            Self::Http2(_) => Uri::from_static("https://localhost/"),
        });
        let answer = match self {
            Self::Http1(send) => {
                if send.ready().await.is_err() {
                    return false;
                }
                let request = request.header("host", HOST).body(Empty::new()).unwrap();
                send.send_request(request).await
            }
            Self::Http2(send) => send.send_request(request.body(Empty::new()).unwrap()).await,
        };
        let Ok(answer) = answer else { return false };
        let good = answer.status().is_success();
        good && answer.into_body().collect().await.is_ok()
    }
}
