//! What an app answers without a script. The real apps under `tests/apps` know the same paths, so that one load fits all.
//!
//! | path | answer |
//! |---|---|
//! | `/health` | the health script |
//! | `/echo` | the request's body |
//! | `/slow?ms=N` | `/hello`, N ms later |
//! | `/stream?chunks=N&size=M&ms=K` | N chunks of M bytes, K ms apart; chunk i is all `a` + i mod 26 |
//! | `/sse?n=N&ms=K&each=E` | N events (0: for ever), E at a time and K ms apart, written in two pieces with an end inside of an event |
//! | `/ws` | echoes WebSocket messages |
//! | `/tunnel` | 101, then echoes raw bytes |
//! | `/head` | the request's head as the app saw it |
//! | `/status/N` | that status |
//! | any other | name, version and target |

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::app::{Inner, Seen};
use super::incoming::{Broken, Ends, Incoming};
use super::script::{Health, Step};

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// FIN.
    Close,
    /// RST.
    Reset,
}

/// Whether a target is the health check's.
pub(super) fn is_health(target: &str) -> bool {
    matches!(path_of(target), "/health" | "/healthz")
}

/// Answers one request; `Some` when the connection ends with it.
pub(super) async fn answer(incoming: &mut Incoming, inner: &Arc<Inner>, seen: &Seen) -> Result<Option<End>, Broken> {
    let path = path_of(&seen.target);
    let (forces_https, came_by) = (
        inner.script.lock().unwrap().forces_https,
        seen.head.fields.get("x-forwarded-proto"),
    );
    if forces_https && came_by != Some("https") {
        let to = format!(
            "https://{}{}",
            seen.head.fields.get("host").unwrap_or_default(),
            seen.target
        );
        let bytes = whole(inner, &seen.method, 301, None, &format!("Location: {to}\r\n"), b"");
        incoming.send(&bytes).await?;
        return Ok(None);
    }
    let scripted = inner.script.lock().unwrap().routes.get(path).cloned();
    if let Some(steps) = scripted {
        return run(incoming, inner, seen, steps).await;
    }
    if is_health(path) {
        let health = next_health(inner);
        tokio::time::sleep(health.after).await;
        let version = health.version.as_deref();
        let bytes = whole(
            inner,
            &seen.method,
            health.status,
            version,
            &health.fields,
            health.body.as_bytes(),
        );
        incoming.send(&bytes).await?;
        return Ok(None);
    }
    match path {
        "/ws" => return web_socket(incoming, inner, seen).await,
        "/tunnel" => return tunnel(incoming, inner).await,
        _ => {}
    }
    let read = incoming.body(request_ends(seen)).await;
    inner.bodies.lock().unwrap().push((seen.target.clone(), read.is_ok()));
    let (body, trailers) = read?;
    let (name, version) = inner.identity.lock().unwrap().clone();
    let hello = || format!("{name} {version} {}", seen.target).into_bytes();
    match path {
        "/echo" => plain(incoming, inner, seen, 200, &body).await?,
        "/slow" => {
            tokio::time::sleep(number(&seen.target, "ms", 20)).await;
            plain(incoming, inner, seen, 200, &hello()).await?;
        }
        "/stream" => stream(incoming, inner, seen).await?,
        "/sse" => events(incoming, inner, seen).await?,
        "/head" => {
            let mut text = seen.head.raw.clone();
            for (name, value) in &trailers.0 {
                text.push_str(&format!("trailer {name}: {value}\r\n"));
            }
            plain(incoming, inner, seen, 200, text.as_bytes()).await?;
        }
        _ if path.starts_with("/status/") => {
            let status = path["/status/".len()..].parse().unwrap_or(500);
            plain(incoming, inner, seen, status, &hello()).await?;
        }
        _ => plain(incoming, inner, seen, 200, &hello()).await?,
    }
    Ok(None)
}

async fn run(
    incoming: &mut Incoming,
    inner: &Arc<Inner>,
    seen: &Seen,
    steps: Vec<Step>,
) -> Result<Option<End>, Broken> {
    let mut unread = true;
    for step in steps {
        match step {
            Step::Send(bytes) => incoming.send(&bytes).await?,
            Step::ReadBody => {
                incoming.body(request_ends(seen)).await?;
                unread = false;
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Until(name) => {
                let mut released = inner.released.subscribe();
                drop(released.wait_for(|names| names.contains(name)).await);
            }
            Step::CloseIfReused if seen.before == 0 => {}
            Step::CloseUpTo(last) if seen.connection > last => {}
            Step::Close | Step::CloseIfReused | Step::CloseUpTo(_) => return Ok(Some(End::Close)),
            Step::Reset => return Ok(Some(End::Reset)),
            Step::Hang => std::future::pending().await,
            Step::UntilGone => {
                while incoming.fill().await.is_ok_and(|read| read > 0) {}
                inner.given_up.lock().unwrap().push(seen.target.clone());
                return Ok(Some(End::Close));
            }
        }
    }
    if unread {
        incoming.body(request_ends(seen)).await?;
    }
    Ok(None)
}

fn next_health(inner: &Inner) -> Health {
    let mut script = inner.script.lock().unwrap();
    let Some(first) = script.health.front().cloned() else {
        return Health::status(200).body("ok");
    };
    if script.cycle {
        script.health.rotate_left(1);
    } else if script.health.len() > 1 {
        script.health.pop_front();
    }
    first
}

async fn plain(incoming: &mut Incoming, inner: &Inner, seen: &Seen, status: u16, body: &[u8]) -> Result<(), Broken> {
    incoming.send(&whole(inner, &seen.method, status, None, "", body)).await
}

/// A whole answer with Content-Length, in one write.
fn whole(inner: &Inner, method: &str, status: u16, version: Option<&str>, fields: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = start(inner, status, version);
    bytes.push_str(fields);
    bytes.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    let mut bytes = bytes.into_bytes();
    if method != "HEAD" {
        bytes.extend_from_slice(body);
    }
    bytes
}

fn start(inner: &Inner, status: u16, version: Option<&str>) -> String {
    let (name, own) = inner.identity.lock().unwrap().clone();
    let more = inner.script.lock().unwrap().fields.clone();
    let version = version.unwrap_or(&own);
    format!("HTTP/1.1 {status} Scripted\r\nX-App: {name}\r\nX-Version: {version}\r\n{more}")
}

async fn stream(incoming: &mut Incoming, inner: &Inner, seen: &Seen) -> Result<(), Broken> {
    let chunks = number(&seen.target, "chunks", 10).as_millis();
    let size = usize::try_from(number(&seen.target, "size", 1024).as_millis()).unwrap_or(1024);
    let pause = number(&seen.target, "ms", 1);
    let head = format!("{}Transfer-Encoding: chunked\r\n\r\n", start(inner, 200, None));
    incoming.send(head.as_bytes()).await?;
    for index in 0..chunks {
        incoming.send(&chunk(&[letter(index)].repeat(size))).await?;
        tokio::time::sleep(pause).await;
    }
    incoming.send(b"0\r\n\r\n").await
}

/// The byte that fills chunk `index` of `/stream`.
pub(super) fn letter(index: u128) -> u8 {
    b'a' + u8::try_from(index % 26).unwrap_or_default()
}

async fn events(incoming: &mut Incoming, inner: &Inner, seen: &Seen) -> Result<(), Broken> {
    let count = number(&seen.target, "n", 0).as_millis();
    let pause = number(&seen.target, "ms", 20);
    let each = number(&seen.target, "each", 1).as_millis();
    let (name, _) = inner.identity.lock().unwrap().clone();
    let fields = "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    incoming
        .send(format!("{}{fields}", start(inner, 200, None)).as_bytes())
        .await?;
    let mut index = 0;
    while count == 0 || index < count {
        // In two pieces: an end between them would be an end inside of an event.
        incoming.send(&chunk(format!("id: {index}\n").as_bytes())).await?;
        tokio::time::sleep(pause / 2).await;
        let mut rest = format!("data: {name} {index}\n\n");
        for more in index + 1..index + each {
            rest += &format!("id: {more}\ndata: {name} {more}\n\n");
        }
        incoming.send(&chunk(rest.as_bytes())).await?;
        tokio::time::sleep(pause / 2).await;
        index += each;
    }
    incoming.send(b"0\r\n\r\n").await
}

/// One chunk of chunked coding.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{:x}\r\n", data.len()).into_bytes();
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

async fn web_socket(incoming: &mut Incoming, inner: &Inner, seen: &Seen) -> Result<Option<End>, Broken> {
    let Some(key) = seen.head.fields.get("sec-websocket-key") else {
        plain(incoming, inner, seen, 400, b"no Sec-WebSocket-Key reached the app").await?;
        return Ok(None);
    };
    let fields = format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    incoming
        .send(format!("{}{fields}", start(inner, 101, None)).as_bytes())
        .await?;
    let early = incoming.buffer.split().to_vec();
    let mut socket = WebSocketStream::from_partially_read(&mut incoming.wire, early, Role::Server, None).await;
    loop {
        match socket.next().await {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                if socket.send(message).await.is_err() {
                    return Ok(Some(End::Close));
                }
            }
            Some(Ok(Message::Close(frame))) => {
                inner.closes.lock().unwrap().push(frame.map(|frame| frame.code.into()));
                // Reading on lets the library send the echo.
                while socket.next().await.is_some_and(|message| message.is_ok()) {}
                return Ok(Some(End::Close));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Ok(Some(End::Close)),
        }
    }
}

async fn tunnel(incoming: &mut Incoming, inner: &Inner) -> Result<Option<End>, Broken> {
    let head = format!("{}Upgrade: raw\r\nConnection: Upgrade\r\n\r\n", start(inner, 101, None));
    incoming.send(head.as_bytes()).await?;
    loop {
        if incoming.buffer.is_empty() && incoming.fill().await? == 0 {
            drop(incoming.wire.shutdown().await);
            return Ok(Some(End::Close));
        }
        let bytes = incoming.buffer.split();
        incoming.send(&bytes).await?;
    }
}

/// The framing of a request.
pub(super) fn request_ends(seen: &Seen) -> Ends {
    if seen.head.fields.has_token("transfer-encoding", "chunked") {
        return Ends::Chunked;
    }
    match seen
        .head
        .fields
        .get("content-length")
        .and_then(|length| length.parse().ok())
    {
        Some(length) => Ends::Length(length),
        None => Ends::Empty,
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

/// A number of the query, as milliseconds.
fn number(target: &str, name: &str, default: u64) -> Duration {
    let query = target.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let value = query
        .split('&')
        .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    Duration::from_millis(value.and_then(|digits| digits.parse().ok()).unwrap_or(default))
}
