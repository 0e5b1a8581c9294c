//! HTTP probes → [`ProbeReport`]: what one instance says when it is asked at exactly its address (N6). Redirects are not
//! followed and are no pass (N7). What the answers amount to is `model::health`'s to decide.

use std::fmt::Write as _;
use std::future::{Future, pending};
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout};

use crate::config::{Health, Service, VersionSource};
use crate::model::api::ProbeReport;
use crate::model::slot::Address;
use hyper_util::rt::TokioIo;

/// Bytes of a body that are read.
const BODY: usize = 64 * 1024;
/// Bytes of a body that are shown.
const SHOWN: usize = 200;

/// Asks one instance for its health.
pub async fn probe(service: &Service, address: &Address) -> ProbeReport {
    let health = &service.health;
    let began = Instant::now();
    let reply = within(health.timeout, exchange(address, &health.host, &health.path)).await;
    let report = report(service, address, began);
    match reply {
        Err(reason) => ProbeReport {
            reason: Some(reason),
            ..report
        },
        Ok(reply) => {
            let reason = objection(health, reply.status, &reply.headers, &reply.body);
            ProbeReport {
                passed: reason.is_none(),
                status: Some(reply.status),
                reason,
                version: version(health, &reply.headers, &reply.body),
                body: shown(&reply.body),
                ..report
            }
        }
    }
}

/// Asks one instance for nothing but to accept a connection (N8).
pub async fn connect(service: &Service, address: &Address) -> ProbeReport {
    let began = Instant::now();
    let connected = within(service.health.timeout, async {
        open(address).await.map_err(|error| in_words(&error))
    });
    let reason = connected.await.err();
    ProbeReport {
        passed: reason.is_none(),
        reason,
        ..report(service, address, began)
    }
}

/// Asks one instance for a warm-up path. Whether it answered with a status below 400.
pub async fn warm(service: &Service, address: &Address, path: &str) -> bool {
    let patience = service.timeout.response;
    let reply = within(patience, exchange(address, &service.health.host, path)).await;
    reply.is_ok_and(|reply| reply.status < 400)
}

/// Why an answer is no pass; `None` when it is one.
#[must_use]
pub fn objection(health: &Health, status: u16, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let 301 | 302 | 303 | 307 | 308 = status {
        let to = headers
            .get(header::LOCATION)
            .map_or("nowhere".into(), |to| shown(to.as_bytes()));
        return Some(format!("redirects to {to}, which is not a pass"));
    }
    if !health.status.contains(status) {
        return Some(format!("answered {status}"));
    }
    let text = health.body.as_ref()?;
    let found = memchr::memmem::find(body, text.as_bytes()).is_some();
    (!found).then(|| format!("its body does not contain `{text}`"))
}

/// What an app calls its version, where `health.version` says.
#[must_use]
pub fn version(health: &Health, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    match health.version.as_ref()? {
        VersionSource::Header(name) => {
            let value = headers.get(name.as_str())?;
            Some(shown(value.as_bytes()))
        }
        VersionSource::Json(field) => {
            let whole: serde_json::Value = serde_json::from_slice(body).ok()?;
            match field.split('.').try_fold(&whole, |value, key| value.get(key))? {
                serde_json::Value::String(text) => Some(shown(text.as_bytes())),
                serde_json::Value::Number(number) => Some(number.to_string()),
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Array(_)
                | serde_json::Value::Object(_) => None,
            }
        }
    }
}

/// A connection to an app, by TCP or by Unix socket.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// Connects to exactly this address.
async fn open(address: &Address) -> io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port)).await?;
            stream.set_nodelay(true)?;
            Box::new(stream)
        }
        Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
    })
}

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HeaderMap,
    /// The first [`BODY`] bytes.
    body: Vec<u8>,
}

/// A GET on a connection of its own.
async fn exchange(address: &Address, host: &str, path: &str) -> Result<Reply, String> {
    let stream = open(address).await.map_err(|error| in_words(&error))?;
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "greengate-health")
        .header(header::ACCEPT, "*/*")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("cannot be asked for `{path}`: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let (head, mut rest) = response.into_parts();
        let mut body = Vec::new();
        while body.len() < BODY
            && let Some(frame) = rest.frame().await
        {
            let frame = frame.map_err(|error| broken(&error))?;
            if let Some(data) = frame.data_ref() {
                body.extend_from_slice(&data[..data.len().min(BODY - body.len())]);
            }
        }
        Ok(Reply {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    };
    // The connection only has to be driven; how it ends is what `talk` hears.
    let drive = async {
        drop(connection.await);
        pending::<Result<Reply, String>>().await
    };
    tokio::select! {
        reply = talk => reply,
        never = drive => never,
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {}", shortly(patience))))
}

fn shortly(time: Duration) -> String {
    if time.subsec_millis() == 0 {
        format!("{} s", time.as_secs())
    } else {
        format!("{} ms", time.as_millis())
    }
}

fn report(service: &Service, address: &Address, began: Instant) -> ProbeReport {
    ProbeReport {
        service: service.name.to_string(),
        address: address.clone(),
        passed: false,
        status: None,
        latency_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        reason: None,
        body: String::new(),
        version: None,
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset".into(),
        io::ErrorKind::NotFound => "no such socket".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::HostUnreachable => "host unreachable".into(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".into(),
        io::ErrorKind::TimedOut => "connecting took too long".into(),
        _ => error.to_string(),
    }
}

fn broken(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    match source {
        Some(source) => in_words(source),
        None if error.is_incomplete_message() => "closed the connection without a whole answer".into(),
        None if error.is_parse() => "does not speak HTTP/1.1".into(),
        None => error.to_string(),
    }
}

/// The first [`SHOWN`] bytes, with control characters escaped: an app's words may reach a terminal.
fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(SHOWN)];
    let whole = match std::str::from_utf8(cut) {
        // Only the last character was cut in two.
        Err(error) if error.error_len().is_none() && bytes.len() > SHOWN => &cut[..error.valid_up_to()],
        Ok(_) | Err(_) => cut,
    };
    let mut text = String::new();
    for character in String::from_utf8_lossy(whole).chars() {
        if character.is_control() {
            let _ = write!(text, "{}", character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}
