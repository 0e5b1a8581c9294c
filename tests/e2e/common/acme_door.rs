//! What stands between the daemon and Pebble: passes everything on, remembers what was asked, adds what Pebble does not have
//! (renewal information, `replaces`), and misbehaves on request.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// What was signed; null where nothing was.
    pub payload: Value,
}

/// What is done instead of passing a request on.
#[derive(Debug, Clone)]
pub enum Trick {
    /// Answers with a problem document of the CA.
    Problem(u16, &'static str, String),
    /// The same, with a `Retry-After` in seconds.
    Limited(u16, &'static str, String, u32),
    /// Answers with plain text.
    Plain(u16, &'static str),
    /// Cuts the connection without an answer.
    Cut,
    /// Passes it on, and cuts the connection instead of bringing the answer.
    Lose,
    /// Passes it on after this time.
    Slow(Duration),
    /// Never answers.
    Stall,
    /// Passes it on when there is a permit.
    Until(Arc<Semaphore>),
}

/// The renewal information that is added.
#[derive(Debug, Clone)]
pub struct Renewal {
    /// Of the window.
    pub start: String,
    /// Of the window.
    pub end: String,
    /// Seconds until it is worth asking again.
    pub retry_after: u32,
}

/// What the connections share.
#[derive(Debug, Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    /// Part of a path, and what is done with the next request for it.
    tricks: Mutex<VecDeque<(String, Trick)>>,
    /// The same, for every request.
    standing: Mutex<Vec<(String, Trick)>>,
    renewal: Mutex<Option<Renewal>>,
    profiles: Mutex<Vec<&'static str>>,
}

/// The door itself.
#[derive(Debug)]
pub struct AcmeDoor {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl AcmeDoor {
    /// Listens with `server`, and passes on to `upstream`, which `client` trusts.
    pub async fn start(server: Arc<ServerConfig>, client: Arc<ClientConfig>, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let state = shared.clone();
        let task = tokio::spawn(async move {
            loop {
                let Ok((tcp, _)) = listener.accept().await else {
                    continue;
                };
                let (acceptor, client, state) = (TlsAcceptor::from(server.clone()), client.clone(), state.clone());
                tokio::spawn(async move {
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    let service = service_fn(|request| pass(request, state.clone(), client.clone(), upstream));
                    let serving =
                        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tls), service);
                    // An error is how a connection is cut.
                    drop(serving.await);
                });
            }
        });
        Self { address, shared, task }
    }

    /// The directory's URL.
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.address)
    }

    /// What was asked so far, of paths with this in them.
    pub fn asked(&self, part: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|one| one.path.contains(part)).cloned().collect()
    }

    /// Does this with the next request of a path with `part` in it.
    pub fn next(&self, part: &str, trick: Trick) {
        self.shared.tricks.lock().unwrap().push_back((part.to_owned(), trick));
    }

    /// Does this with every request of a path with `part` in it.
    pub fn always(&self, part: &str, trick: Trick) {
        self.shared.standing.lock().unwrap().push((part.to_owned(), trick));
    }

    /// Passes everything on again.
    pub fn behave(&self) {
        self.shared.standing.lock().unwrap().clear();
        self.shared.tricks.lock().unwrap().clear();
    }

    /// Offers renewal information (RFC 9773), and takes replacements.
    pub fn suggest(&self, renewal: Option<Renewal>) {
        *self.shared.renewal.lock().unwrap() = renewal;
    }

    /// Says that there are these kinds of certificates; Pebble gives its own, whatever is asked for.
    pub fn offer(&self, profiles: &[&'static str]) {
        *self.shared.profiles.lock().unwrap() = profiles.to_vec();
    }

    /// How many orders were placed for a host.
    pub fn orders(&self, host: &str) -> usize {
        let orders = self.asked("/order-plz");
        let of = |order: &&Asked| order.payload["identifiers"][0]["value"] == host;
        orders.iter().filter(of).count()
    }
}

impl Drop for AcmeDoor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

async fn pass(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    client: Arc<ClientConfig>,
    upstream: SocketAddr,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let path = parts.uri.path().to_owned();
    let payload = signed(&body);
    shared.asked.lock().unwrap().push(Asked {
        method: parts.method.to_string(),
        path: path.clone(),
        payload: payload.clone(),
    });
    let trick = trick(&shared, &path);
    match &trick {
        Some(Trick::Problem(status, kind, detail)) => return Ok(problem(*status, kind, detail, None)),
        Some(Trick::Limited(status, kind, detail, wait)) => return Ok(problem(*status, kind, detail, Some(*wait))),
        Some(Trick::Plain(status, text)) => {
            let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
            *answer.status_mut() = StatusCode::from_u16(*status).expect("a status");
            return Ok(answer);
        }
        Some(Trick::Cut) => return Err(Cut),
        Some(Trick::Slow(time)) => tokio::time::sleep(*time).await,
        Some(Trick::Stall) => std::future::pending::<()>().await,
        Some(Trick::Until(permits)) => permits.acquire().await.expect("it stays open").forget(),
        Some(Trick::Lose) | None => {}
    }
    let renewal = shared.renewal.lock().unwrap().clone();
    if let Some(renewal) = renewal.as_ref().filter(|_| path.starts_with("/renewal/")) {
        let body = json!({
            "suggestedWindow": {"start": renewal.start, "end": renewal.end},
            "explanationURL": "https://ca.test/why",
        });
        let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
        answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(renewal.retry_after));
        return Ok(answer);
    }
    let host = parts.headers.get("host").cloned();
    let answer = forward(Request::from_parts(parts, Full::new(body)), client, upstream)
        .await
        .ok_or(Cut)?;
    if matches!(trick, Some(Trick::Lose)) {
        return Err(Cut);
    }
    let (mut head, body) = answer.into_parts();
    let profiles = shared.profiles.lock().unwrap().clone();
    let adds = renewal.is_some() || !profiles.is_empty();
    let Some(mut value) = adds.then(|| serde_json::from_slice::<Value>(&body).ok()).flatten() else {
        return Ok(Response::from_parts(head, Full::new(body)));
    };
    if path == "/dir" {
        if renewal.is_some() {
            let host = host.expect("a Host").to_str().expect("text").to_owned();
            value["renewalInfo"] = format!("https://{host}/renewal").into();
        }
        for profile in profiles {
            value["meta"]["profiles"][profile] = "in words".into();
        }
    }
    if let Some(replaces) = payload.get("replaces") {
        value["replaces"] = replaces.clone();
    }
    head.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(head, Full::new(Bytes::from(value.to_string()))))
}

fn trick(shared: &Shared, path: &str) -> Option<Trick> {
    let mut once = shared.tricks.lock().unwrap();
    if let Some(at) = once.iter().position(|(part, _)| path.contains(part.as_str())) {
        return once.remove(at).map(|(_, trick)| trick);
    }
    let standing = shared.standing.lock().unwrap();
    let found = standing.iter().find(|(part, _)| path.contains(part.as_str()));
    found.map(|(_, trick)| trick.clone())
}

/// What a JWS says.
fn signed(body: &[u8]) -> Value {
    let jws: Value = serde_json::from_slice(body).unwrap_or_default();
    let payload = jws["payload"].as_str().unwrap_or_default();
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
    serde_json::from_slice(&payload).unwrap_or_default()
}

fn problem(status: u16, kind: &str, detail: &str, retry_after: Option<u32>) -> Response<Full<Bytes>> {
    let body = json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail, "status": status});
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(
        HeaderName::from_static("replay-nonce"),
        HeaderValue::from_static("stale"),
    );
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// One request over a connection of its own.
pub async fn forward(
    request: Request<Full<Bytes>>,
    client: Arc<ClientConfig>,
    upstream: SocketAddr,
) -> Option<Response<Bytes>> {
    let tcp = TcpStream::connect(upstream).await.ok()?;
    let name = ServerName::from(upstream.ip());
    let tls = TlsConnector::from(client).connect(name, tcp).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(tls)).await.ok()?;
    let driver = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    driver.abort();
    Some(Response::from_parts(parts, body))
}
