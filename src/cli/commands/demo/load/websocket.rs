//! WebSocket clients: a message every 100 ms, and its echo. One that is asked politely to come again does so at once.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::context::Context;
use crate::cli::commands::demo::tally::{Failure, RequestKind};

/// Between two messages.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the end of a closed socket is awaited.
const GOODBYE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Talks until the demo ends.
pub(super) async fn run(context: Rc<Context>) {
    while context.goes_on() {
        let socket = match open(&context).await {
            Ok(socket) => socket,
            Err(failure) => {
                context.count(RequestKind::WebSocket, async { Err(failure) }).await;
                continue;
            }
        };
        context.tally.open.update(|open| open + 1);
        talk(&context, socket).await;
        context.tally.open.update(|open| open - 1);
    }
}

async fn open(context: &Context) -> Result<Socket, Failure> {
    let stream = context.front.connect_http1().await?;
    let (socket, _) = tokio_tungstenite::client_async(context.front.socket_url(), stream)
        .await
        .map_err(|error| Failure::new("WebSocket handshake", error))?;
    Ok(socket)
}

/// One socket's life.
async fn talk(context: &Context, mut socket: Socket) {
    let mut number = 0_u64;
    while context.goes_on() {
        number += 1;
        let mut end = ControlFlow::Continue(());
        let well = context
            .count(RequestKind::WebSocket, async {
                end = echo(&mut socket, number).await?;
                Ok(None)
            })
            .await;
        if !well {
            return;
        }
        if end.is_break() {
            context.tally.moved.update(|moved| moved + 1);
            // The library answers the Close while we wait for the end.
            let _ = tokio::time::timeout(GOODBYE, async { while let Some(Ok(_)) = socket.next().await {} }).await;
            return;
        }
        // A Close may come between two messages, and is found with the next one.
        tokio::time::sleep(PAUSE).await;
    }
    // The demo's own end: as polite as a browser, and no concern of the tally.
    let _ = tokio::time::timeout(GOODBYE, socket.close(None)).await;
}

/// Sends a message and waits for its echo; breaks when the socket was ended politely instead.
async fn echo(socket: &mut Socket, number: u64) -> Result<ControlFlow<()>, Failure> {
    let text = format!("message {number}");
    // A Close that is already here makes the sending fail; the reading then finds the Close.
    let sent = socket.send(Message::text(text.as_str())).await;
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(echo))) if echo.as_str() == text && sent.is_ok() => {
                return Ok(ControlFlow::Continue(()));
            }
            Some(Ok(Message::Text(other))) => {
                return Err(Failure::new(
                    "wrong answer",
                    format!("`{}` instead of `{text}`", other.as_str()),
                ));
            }
            Some(Ok(Message::Close(Some(CloseFrame {
                code: CloseCode::Restart,
                ..
            })))) => return Ok(ControlFlow::Break(())),
            Some(Ok(Message::Close(frame))) => {
                let why = frame.map_or("no code".into(), |frame| format!("code {}", u16::from(frame.code)));
                return Err(Failure::new("closed without 1012", why));
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_) | Message::Frame(_))) => {
                return Err(Failure::new("wrong answer", "a frame that nobody sent"));
            }
            Some(Err(error)) => return Err(Failure::new("WebSocket cut", error)),
            None => return Err(Failure::new("WebSocket cut", "it ended without a Close")),
        }
    }
}
