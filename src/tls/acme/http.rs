//! HTTPS to a CA: one request at a time, each with a deadline, over HTTP/1.1 on one connection that is kept.
//!
//! instant-acme has a client of its own, but that one knows no deadline, and its errors do not say when the CA wants to be
//! asked again (`Retry-After`). This one remembers it.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::tls::clock::unix_now;
use crate::tls::files;

/// What no directory, order or chain is larger than.
const MAX_BODY: usize = 1 << 20;
const AGENT: &str = concat!("greengate/", env!("CARGO_PKG_VERSION"), " (instant-acme)");

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// One TCP connection.
    pub(super) connect: Duration,
    /// A whole exchange: name, connection, TLS, request, answer.
    pub(super) exchange: Duration,
}

impl Times {
    pub(super) const USUAL: Self = Self {
        connect: Duration::from_secs(5),
        exchange: Duration::from_secs(30),
    };
}

/// Why there is no answer, or none of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What happened, without the name of who was asked.
    pub(super) what: String,
    /// Whether it looks as if this machine's clock were wrong.
    pub(super) clock: bool,
    /// The status of an answer that is of no use; `None` without an answer.
    pub(super) status: Option<StatusCode>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            clock: false,
            status: None,
        }
    }
}

/// A client for one order; what it observes belongs to that order.
#[derive(Clone)]
pub(super) struct AcmeHttp {
    inner: Arc<Inner>,
}

struct Inner {
    tls: TlsConnector,
    times: Times,
    idle: Mutex<Option<Idle>>,
    /// Seconds that the last refusal asked us to wait.
    retry_after: Mutex<Option<i64>>,
}

/// A connection between two exchanges. Nobody polls it then, so that it needs no task of its own.
struct Idle {
    origin: String,
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>,
}

impl AcmeHttp {
    /// Trusts what the system trusts, and the roots in `root`.
    ///
    /// # Errors
    /// When `root` cannot be read, or nothing at all is trusted.
    pub(super) fn new(root: Option<&Path>, times: Times) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = root {
            let own = files::certificates(path).map_err(|error| format!("the root of the CA: {error}"))?;
            for certificate in own {
                roots
                    .add(certificate)
                    .map_err(|error| format!("the root of the CA: {}: {error}", path.display()))?;
            }
        }
        if roots.is_empty() {
            return Err("this machine trusts no CA at all; hint: install `ca-certificates`".to_owned());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            inner: Arc::new(Inner {
                tls: TlsConnector::from(Arc::new(config)),
                times,
                idle: Mutex::new(None),
                retry_after: Mutex::new(None),
            }),
        })
    }

    /// Seconds that the last refusal asked us to wait; asked for once.
    pub(super) fn take_retry_after(&self) -> Option<i64> {
        lock(&self.inner.retry_after).take()
    }

    /// `GET` of something that needs no signature. Also returns its `Retry-After`, in seconds.
    ///
    /// # Errors
    /// When there is no answer, or another than 200.
    pub(super) async fn get(&self, url: &str) -> Result<(Bytes, Option<i64>), Failure> {
        let request = Request::get(url).body(Bytes::new());
        let request = request.map_err(|error| Failure::new(format!("`{url}` is no URL: {error}")))?;
        let answer = self.inner.exchange(request).await?;
        let wait = retry_after(answer.headers());
        if answer.status() != StatusCode::OK {
            return Err(refusal(answer.status(), answer.body()));
        }
        Ok((answer.into_body(), wait))
    }
}

impl HttpClient for AcmeHttp {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = match body.collect().await {
                Ok(body) => body.to_bytes(),
                Err(never) => match never {},
            };
            let signed = !body.is_empty();
            let answer = inner.exchange(Request::from_parts(parts, body)).await;
            let answer = answer.map_err(|failure| Error::Other(Box::new(failure)))?;
            let status = answer.status();
            if status.is_client_error() || status.is_server_error() {
                *lock(&inner.retry_after) = retry_after(answer.headers());
                // instant-acme takes what comes for a problem, and what was not signed for a directory.
                let problem = serde_json::from_slice::<Problem>(answer.body()).is_ok_and(|one| one.r#type.is_some());
                if !(signed && problem) {
                    return Err(Error::Other(Box::new(refusal(status, answer.body()))));
                }
            }
            Ok(BytesResponse::from(answer.map(Full::new)))
        })
    }
}

impl Inner {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let patience = self.times.exchange;
        match tokio::time::timeout(patience, self.attempts(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::new(format!("no answer within {} s", patience.as_secs_f32()))),
        }
    }

    /// A kept connection may have been closed by the other side meanwhile: then, and only then, a second time on a new one.
    /// Whatever the CA has seen of the first time, its nonce keeps it from counting twice.
    async fn attempts(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let (host, port, origin) = origin(request.uri())?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = path.parse::<Uri>().map_err(|error| Failure::new(error.to_string()))?;
        *request.uri_mut() = uri;
        let authority = HeaderValue::from_str(&origin).map_err(|error| Failure::new(error.to_string()))?;
        request.headers_mut().insert(HOST, authority);
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let kept = lock(&self.idle).take().filter(|idle| idle.origin == origin);
        if let Some(idle) = kept
            && let Ok(answer) = self.on(idle, request.clone()).await
        {
            return Ok(answer);
        }
        let idle = self.connect(&host, port, origin).await?;
        self.on(idle, request).await
    }

    async fn on(&self, mut idle: Idle, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let Idle { sender, connection, .. } = &mut idle;
        let mut over = false;
        let answer = {
            let asking = async {
                sender.ready().await.map_err(|error| broken(&error))?;
                let answer = sender.send_request(request.map(Full::new)).await;
                let (parts, body) = answer.map_err(|error| broken(&error))?.into_parts();
                let body = Limited::new(body, MAX_BODY).collect().await;
                let body = body.map_err(|error| Failure::new(format!("the answer broke off: {error}")))?;
                Ok::<_, Failure>(Response::from_parts(parts, body.to_bytes()))
            };
            let mut asking = pin!(asking);
            loop {
                tokio::select! {
                    biased;
                    answer = &mut asking => break answer?,
                    // What it has read is still there for the asking.
                    _ = &mut *connection, if !over => over = true,
                }
            }
        };
        if !over {
            *lock(&self.idle) = Some(idle);
        }
        Ok(answer)
    }

    async fn connect(&self, host: &str, port: u16, origin: String) -> Result<Idle, Failure> {
        let addresses = tokio::net::lookup_host((host, port)).await;
        let addresses = addresses
            .map_err(|error| Failure::new(format!("`{host}` cannot be resolved: {}", files::io_reason(&error))))?;
        let mut last = Failure::new(format!("`{host}` has no address"));
        let mut tcp = None;
        for address in addresses {
            match tokio::time::timeout(self.times.connect, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    tcp = Some(stream);
                    break;
                }
                Ok(Err(error)) => last = Failure::new(files::io_reason(&error)),
                Err(_) => {
                    last = Failure::new(format!(
                        "no connection to {address} within {} s",
                        self.times.connect.as_secs_f32()
                    ))
                }
            }
        }
        let tcp = tcp.ok_or(last)?;
        let _ = tcp.set_nodelay(true);
        let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::new(error.to_string()))?;
        let tls = self.tls.connect(name, tcp).await.map_err(|error| untrusted(&error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(tls))
            .await
            .map_err(|error| broken(&error))?;
        Ok(Idle {
            origin,
            sender,
            connection: Box::pin(connection),
        })
    }
}

/// Host, port, and both as they stand in a Host field.
fn origin(uri: &Uri) -> Result<(String, u16, String), Failure> {
    let host = uri.host().filter(|_| uri.scheme_str() == Some("https"));
    let host = host.ok_or_else(|| Failure::new(format!("`{uri}` is no https URL")))?;
    let origin = uri
        .authority()
        .map_or_else(|| host.to_owned(), |authority| authority.as_str().to_owned());
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((bare, uri.port_u16().unwrap_or(443), origin))
}

/// What the CA's server says when it is no problem document that belongs to a signed request.
fn refusal(status: StatusCode, body: &[u8]) -> Failure {
    let detail = serde_json::from_slice::<Problem>(body)
        .ok()
        .and_then(|problem| problem.detail);
    let what = match detail {
        Some(detail) => format!("status {}: {detail}", status.as_u16()),
        None => format!("status {}", status.as_u16()),
    };
    Failure {
        status: Some(status),
        ..Failure::new(what)
    }
}

fn broken(error: &hyper::Error) -> Failure {
    Failure::new(
        if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            "the connection was cut".to_owned()
        } else {
            format!("the connection broke: {error}")
        },
    )
}

fn untrusted(error: &io::Error) -> Failure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let clock = matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
        ))
    );
    let what = match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "its certificate is from a CA that this machine does not trust".to_owned()
        }
        Some(error) => error.to_string(),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => "the connection was cut".to_owned(),
            _ => files::io_reason(error),
        },
    };
    Failure {
        clock,
        ..Failure::new(what)
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(i64::from(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_second();
    Some((date - unix_now()).max(0))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind these locks is replaced in one piece.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable;

    fn client(times: Times) -> (tempfile::TempDir, AcmeHttp) {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let root = rcgen::CertificateParams::new(["ca.test".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        let path = folder.path().join("root.pem");
        durable::write_new(&path, root.pem().as_bytes(), 0o600).unwrap();
        let client = AcmeHttp::new(Some(&path), times).unwrap();
        (folder, client)
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let times = Times {
            connect: Duration::from_secs(1),
            exchange: Duration::from_millis(50),
        };
        let (_folder, client) = client(times);
        let url = format!("https://{}/dir", listener.local_addr().unwrap());
        assert_eq!(client.get(&url).await.unwrap_err().what, "no answer within 0.05 s");
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_named_in_plain_words() {
        let (_folder, client) = client(Times::USUAL);
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket
            .bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())
            .unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let failure = client.get(&format!("https://{address}/dir")).await.unwrap_err();
        assert_eq!(failure.what, "connection refused");
        assert_eq!(
            client.get("http://127.0.0.1/dir").await.unwrap_err().what,
            "`http://127.0.0.1/dir` is no https URL"
        );
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            retry_after(&headers)
        };
        assert_eq!(read("120"), Some(120));
        assert_eq!(read("Fri, 31 Dec 1999 23:59:59 GMT"), Some(0));
        assert!(read("Fri, 31 Dec 2100 23:59:59 GMT").unwrap() > 1_000_000_000);
        assert_eq!(read("soon"), None);
        assert_eq!(read("-5"), None);
    }
}
