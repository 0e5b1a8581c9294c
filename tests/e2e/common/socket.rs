//! WebSockets as clients have them: over a connection of their own, or on a stream of HTTP/2.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::h2::H2;
use super::incoming::Broken;
use super::load::Target;
use super::wire::Wire;

/// A WebSocket through the target.
pub type Socket = WebSocketStream<Wire>;

/// Opens a WebSocket at `path`.
pub async fn open_web_socket(target: &Target, path: &str) -> Result<Socket, Broken> {
    let request = format!("ws://{}{path}", target.host)
        .into_client_request()
        .map_err(|error| Broken::Wrong(error.to_string()))?;
    let wire = target.client().await?.incoming.wire;
    match tokio_tungstenite::client_async(request, wire).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(Broken::Wrong(format!("WebSocket handshake: {error}"))),
    }
}

/// Opens one at `path`, on a stream of this connection (RFC 8441).
pub async fn over_http2(h2: &H2, host: &str, path: &str) -> Result<Socket, Broken> {
    let stream = h2.web_socket(host, path).await?;
    Ok(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
}

/// A short session with an app that echoes, and a clean end.
pub async fn converse(mut socket: Socket, id: &str) -> Result<(), Broken> {
    for index in 0..5 {
        let message = Message::text(format!("{id} {index} {}", "x".repeat(fastrand::usize(0..2000))));
        socket
            .send(message.clone())
            .await
            .map_err(|error| Broken::Reset(format!("WebSocket: {error}")))?;
        match next(&mut socket).await? {
            echo if echo == message => {}
            other => {
                return Err(Broken::Wrong(format!(
                    "WebSocket: {other:?} instead of the echo of message {index}"
                )));
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    socket
        .close(None)
        .await
        .map_err(|error| Broken::Reset(format!("WebSocket: {error}")))?;
    match next(&mut socket).await? {
        Message::Close(_) => Ok(()),
        other => Err(Broken::Wrong(format!(
            "WebSocket: {other:?} instead of the echo of our close"
        ))),
    }
}

/// The next message of a WebSocket.
pub async fn next(socket: &mut Socket) -> Result<Message, Broken> {
    match tokio::time::timeout(Duration::from_secs(30), socket.next()).await {
        Err(_) => Err(Broken::Timeout("WebSocket: no message".into())),
        Ok(None) => Err(Broken::Truncated("WebSocket: ended without a close".into())),
        Ok(Some(Err(error))) => Err(Broken::Reset(format!("WebSocket: {error}"))),
        Ok(Some(Ok(message))) => Ok(message),
    }
}

/// What an app says that opens a WebSocket for [`WEB_SOCKET`](super::client::WEB_SOCKET).
pub const ACCEPT: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// Close, 1000, as a server says it (RFC 6455 §5.5.1).
pub const NORMAL: &[u8] = b"\x88\x02\x03\xe8";
/// Close, 1012.
pub const RESTART: &[u8] = b"\x88\x02\x03\xf4";
/// The client's word for that, masked with a key of zeros.
pub const ECHO: &[u8] = b"\x88\x82\0\0\0\0\x03\xf4";
/// Bytes of each of [`messages`].
pub const MESSAGE: usize = 100_000;

/// So many binary messages, one behind the other.
pub fn messages(count: usize) -> Vec<u8> {
    let head = [&[0x82, 127][..], &(MESSAGE as u64).to_be_bytes()].concat();
    [&head[..], &[b'm'; MESSAGE]].concat().repeat(count)
}

/// How many whole ones there are, and what stands behind them.
pub fn whole(mut bytes: &[u8]) -> (usize, &[u8]) {
    let (message, mut count) = (messages(1), 0);
    while let Some(rest) = bytes.strip_prefix(&message[..]) {
        (bytes, count) = (rest, count + 1);
    }
    (count, bytes)
}

/// A text goes there and back.
pub async fn echo(socket: &mut Socket, text: &str) {
    socket.send(Message::text(text)).await.expect("the WebSocket takes it");
    assert_eq!(next(socket).await.expect("an echo"), Message::text(text));
}
