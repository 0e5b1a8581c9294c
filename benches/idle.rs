//! What a TLS connection costs in memory that has had one request and waits for the next: 10,000 of them over HTTP/1.1, and over
//! HTTP/2. The real `proxyd`, in a process of its own; the clients are here.
//!
//! `cargo bench --bench idle` prints it; nothing here decides a test. Needs 11,000 descriptors (`ulimit -n`).

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that prints"
)]

mod door;

use std::net::SocketAddr;

use futures_util::future::join_all;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::door::{Door, HOST, app, resident};

const CONNECTIONS: usize = 10_000;
/// Opened before the first look, so that what is there once is not counted for every connection.
const FIRST: usize = 500;
/// Handshakes under way.
const AT_A_TIME: usize = 50;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!("{:10}{:>12}{:>14}{:>22}", "", "connections", "resident", "each");
    for alpn in ["http/1.1", "h2"] {
        let door = Door::start(app());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut kept = open(&door, alpn, FIRST).await;
            let before = resident(door.pid());
            kept.extend(open(&door, alpn, CONNECTIONS).await);
            let after = resident(door.pid());
            println!(
                "{alpn:10}{:>12}{:>10} MiB{:>18.1} KiB",
                kept.len(),
                after / 1024,
                (after - before) as f64 / CONNECTIONS as f64
            );
        });
    }
}

/// A connection that has had its request.
enum Idle {
    Http1(#[allow(dead_code, reason = "kept open")] Box<TlsStream<TcpStream>>),
    Http2(JoinHandle<()>),
}

impl Drop for Idle {
    fn drop(&mut self) {
        if let Self::Http2(connection) = self {
            connection.abort();
        }
    }
}

async fn open(door: &Door, alpn: &str, count: usize) -> Vec<Idle> {
    let connector = door.connector(alpn);
    let mut kept = Vec::with_capacity(count);
    while kept.len() < count {
        let next = (0..AT_A_TIME.min(count - kept.len())).map(|_| one(&connector, door.address));
        kept.extend(join_all(next).await);
    }
    kept
}

async fn one(connector: &TlsConnector, address: SocketAddr) -> Idle {
    let tcp = TcpStream::connect(address).await.unwrap();
    let mut tls = connector
        .connect(ServerName::try_from(HOST).unwrap(), tcp)
        .await
        .unwrap();
    if tls.get_ref().1.alpn_protocol() != Some(b"h2") {
        let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        tls.write_all(request.as_bytes()).await.unwrap();
        tls.flush().await.unwrap();
        let mut answer = [0; 4096];
        let n = tls.read(&mut answer).await.unwrap();
        assert!(
            answer[..n].starts_with(b"HTTP/1.1 200"),
            "{:?}",
            String::from_utf8_lossy(&answer[..n])
        );
        return Idle::Http1(Box::new(tls));
    }
    let (mut send, connection) = h2::client::handshake(tls).await.unwrap();
    let connection = tokio::spawn(async move { drop(connection.await) });
    let request = http::Request::get(format!("https://{HOST}/")).body(()).unwrap();
    let (answer, _) = send.send_request(request, true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    while body.data().await.is_some() {}
    // The connection ends with its last handle.
    std::mem::forget(send);
    Idle::Http2(connection)
}
