//! The app behind every door: a small answer, 1 MiB or 100 MiB by path, uploads that are read and forgotten, and WebSockets that
//! send back what they get. HTTP/1.1 with lengths, because that is what all doors send to an app.

use std::net::Ipv4Addr;

use futures_util::StreamExt as _;
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The body of every small answer; no head ends like it.
pub(crate) const SMALL: &[u8] = &[b'a'; 128];
/// What is written at once of a large answer.
const PIECE: usize = 1 << 18;
const MOST_OF_A_HEAD: usize = 16 << 10;

/// Serves on so many ports from the first on, until it is ended.
pub(crate) fn run(first: u16, ports: u16) {
    super::alone(async move {
        let mut last = None;
        for port in first..first + ports {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            last = Some(tokio::task::spawn_local(accept(listener)));
        }
        last.unwrap().await.unwrap();
    });
}

async fn accept(listener: TcpListener) {
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        tcp.set_nodelay(true).unwrap();
        tokio::task::spawn_local(async move { serve(tcp).await.unwrap_or_default() });
    }
}

/// One connection, until it ends or breaks.
async fn serve(mut tcp: TcpStream) -> std::io::Result<()> {
    let mut buffer = Vec::with_capacity(PIECE);
    let small = head(SMALL.len());
    let small = [small.as_bytes(), SMALL].concat();
    loop {
        let end = loop {
            if let Some(place) = memmem::find(&buffer, b"\r\n\r\n") {
                break place + 4;
            }
            if buffer.len() > MOST_OF_A_HEAD || tcp.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let request = String::from_utf8_lossy(&buffer[..end]).into_owned();
        if let Some(key) = field(&request, "sec-websocket-key") {
            return echo(tcp, key, buffer.split_off(end)).await;
        }
        assert!(field(&request, "transfer-encoding").is_none(), "{request}");
        let length = field(&request, "content-length").map_or(0, |length| length.parse().unwrap());
        forget(&mut tcp, &mut buffer, end + length).await?;
        match request.split(' ').nth(1).unwrap_or_default() {
            "/1m" => large(&mut tcp, 1 << 20).await?,
            "/100m" => large(&mut tcp, 100 << 20).await?,
            _ => tcp.write_all(&small).await?,
        }
    }
}

fn head(length: usize) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// The value of a field.
fn field<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    let mut fields = request.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// Reads until so many bytes have been there, and keeps what comes behind them.
async fn forget(tcp: &mut TcpStream, buffer: &mut Vec<u8>, mut bytes: usize) -> std::io::Result<()> {
    loop {
        let here = bytes.min(buffer.len());
        buffer.drain(..here);
        bytes -= here;
        if bytes == 0 {
            return Ok(());
        }
        if tcp.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

async fn large(tcp: &mut TcpStream, mut bytes: usize) -> std::io::Result<()> {
    static PIECES: [u8; PIECE] = [b'a'; PIECE];
    tcp.write_all(head(bytes).as_bytes()).await?;
    while bytes > 0 {
        let piece = bytes.min(PIECE);
        tcp.write_all(&PIECES[..piece]).await?;
        bytes -= piece;
    }
    Ok(())
}

/// A WebSocket that sends back what it gets.
async fn echo(mut tcp: TcpStream, key: &str, begun: Vec<u8>) -> std::io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await?;
    let (sink, stream) = WebSocketStream::from_partially_read(tcp, begun, Role::Server, None)
        .await
        .split();
    let messages = stream.filter(|message| {
        let text = message
            .as_ref()
            .is_ok_and(|message| message.is_text() || message.is_binary());
        std::future::ready(text)
    });
    // A client that goes away is no failure of the app.
    let _ = messages.forward(sink).await;
    Ok(())
}
