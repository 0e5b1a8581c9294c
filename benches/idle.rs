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

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const HOST: &str = "app.localhost";
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
            let before = door.resident();
            kept.extend(open(&door, alpn, CONNECTIONS).await);
            let after = door.resident();
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

/// Answers every request in the same way.
fn app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|n| n > 0) {
                    if stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}

struct Door {
    process: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Door {
    fn start(app: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "[server]\nhttp = \"127.0.0.1:0\"\nhttps = \"127.0.0.1:0\"\nsocket = \"{}\"\nstate_dir = \"{}\"\nmax_connections = 20000\n\
             [defaults]\ntls = \"internal\"\nlog = false\n[env.prod]\nhost = \"{HOST}\"\nupstream = \"{app}\"\n",
            at("control.sock"),
            at("state"),
        );
        std::fs::write(folder.path().join("proxy.toml"), text).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_proxyd"))
            .arg("--config")
            .arg(folder.path().join("proxy.toml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = https(&folder.path().join("state/listeners.json"));
        Self {
            process,
            folder,
            address,
        }
    }

    fn connector(&self, alpn: &str) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        for root in CertificateDer::pem_file_iter(self.folder.path().join("state/ca/root.pem")).unwrap() {
            roots.add(root.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    /// KiB.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // There is nobody left to tell.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where TLS is served, once the daemon is ready.
fn https(listeners: &Path) -> SocketAddr {
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        if let Ok(text) = std::fs::read_to_string(listeners)
            && let Ok(places) = serde_json::from_str::<serde_json::Value>(&text)
        {
            return places["https"][0].as_str().unwrap().parse().unwrap();
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("the daemon is not ready");
}
