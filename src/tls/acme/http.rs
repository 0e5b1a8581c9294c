//! HTTPS to a CA: one request at a time, each with a deadline, over HTTP/1.1 on one connection that is kept.
//!
//! instant-acme has a client of its own, but that one knows no deadline, and its errors do not say when the CA wants to be
//! asked again (`Retry-After`). This one remembers it.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient, Problem};

use crate::tls::outward::{self, Line, Origin, Read, Trust, retry_after};

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

impl From<outward::Failure> for Failure {
    fn from(outward::Failure { what, clock }: outward::Failure) -> Self {
        Self {
            clock,
            ..Self::new(what)
        }
    }
}

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
    trust: Trust,
    times: Times,
    idle: Mutex<Option<Idle>>,
    /// Seconds that the last refusal asked us to wait.
    retry_after: Mutex<Option<i64>>,
}

/// A connection between two exchanges.
struct Idle {
    origin: Origin,
    line: Line,
}

impl AcmeHttp {
    /// Trusts what the system trusts, and the roots in `root`.
    ///
    /// # Errors
    /// When `root` cannot be read, or nothing at all is trusted.
    pub(super) fn new(root: Option<&Path>, times: Times) -> Result<Self, String> {
        Ok(Self {
            inner: Arc::new(Inner {
                trust: Trust::new(root)?,
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
        let url = request.uri();
        let origin = Origin::of(url).filter(|origin| origin.secure);
        let origin = origin.ok_or_else(|| Failure::new(format!("`{url}` is no https URL")))?;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let uri = path.parse::<Uri>().map_err(|error| Failure::new(error.to_string()))?;
        *request.uri_mut() = uri;
        let authority = HeaderValue::from_str(&origin.authority).map_err(|error| Failure::new(error.to_string()))?;
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
        let line = Line::open(Some(&self.trust), &origin, self.times.connect).await?;
        self.on(Idle { origin, line }, request).await
    }

    async fn on(&self, mut idle: Idle, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let answer = idle.line.exchange(request, Read::All(MAX_BODY)).await?;
        if !idle.line.is_over() {
            *lock(&self.idle) = Some(idle);
        }
        Ok(answer)
    }
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
}
