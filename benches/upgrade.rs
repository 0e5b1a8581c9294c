//! What an upgrade costs: the longest time between two new connections that were answered, beside the longest without one, and what
//! both processes have in memory while the old one drains. The real `proxyd` under fresh TLS connections.
//!
//! `cargo bench --bench upgrade` prints it; nothing here decides a test.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that prints"
)]

mod door;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::door::{Door, HOST, app, resident};

const UPGRADES: usize = 10;
/// Connections that are opened at a time.
const CLIENTS: usize = 8;
/// How long the longest gap without an upgrade is looked for.
const QUIET: Duration = Duration::from_secs(5);

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let door = Door::start(app());
    let gaps = Arc::new(Gaps::default());
    let clients: Vec<_> = (0..CLIENTS).map(|_| client(&door, &gaps)).collect();
    thread::sleep(QUIET);
    println!(
        "without an upgrade: {:>6} connections, longest gap {:>6} µs",
        gaps.count(),
        gaps.longest()
    );
    for number in 1..=UPGRADES {
        let old = main_pid(&door);
        let (alone, began) = (resident(old), Instant::now());
        gaps.longest();
        door.proxyctl(&["upgrade"]);
        let took = began.elapsed();
        let both = resident(old) + resident(main_pid(&door));
        while door.proxyctl(&["status", "--json"]).contains("\"earlier\"") {
            thread::sleep(Duration::from_millis(50));
        }
        println!(
            "upgrade {number:2}: {:>4} ms, longest gap {:>6} µs, {:.1} MiB alone, {:.1} MiB both",
            took.as_millis(),
            gaps.longest(),
            alone as f64 / 1024.0,
            both as f64 / 1024.0
        );
    }
    println!("{} connections, none failed", gaps.count());
    assert!(
        clients.iter().all(|client| !client.is_finished()),
        "a client has failed"
    );
}

fn main_pid(door: &Door) -> u32 {
    let status: serde_json::Value = serde_json::from_str(&door.proxyctl(&["status", "--json"])).unwrap();
    u32::try_from(status["pid"].as_u64().unwrap()).unwrap()
}

/// The times between two answers, whoever got them.
struct Gaps {
    began: Instant,
    last: AtomicU64,
    longest: AtomicU64,
    count: AtomicU64,
}

impl Default for Gaps {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            count: AtomicU64::new(0),
        }
    }
}

impl Gaps {
    fn answered(&self) {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap();
        let before = self.last.swap(now, Ordering::Relaxed);
        if self.count.fetch_add(1, Ordering::Relaxed) > 0 {
            self.longest.fetch_max(now.saturating_sub(before), Ordering::Relaxed);
        }
    }

    /// Since it was asked for last, in microseconds.
    fn longest(&self) -> u64 {
        self.longest.swap(0, Ordering::Relaxed)
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// Opens a connection, has one answer and closes it, again and again; panics when one fails.
fn client(door: &Door, gaps: &Arc<Gaps>) -> thread::JoinHandle<()> {
    let (connector, address, gaps) = (door.connector("http/1.1"), door.address, gaps.clone());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            loop {
                let tcp = TcpStream::connect(address).await.unwrap();
                let mut tls = connector
                    .connect(ServerName::try_from(HOST).unwrap(), tcp)
                    .await
                    .unwrap();
                let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
                tls.write_all(request.as_bytes()).await.unwrap();
                let mut answer = Vec::new();
                tls.read_to_end(&mut answer).await.unwrap();
                assert!(answer.starts_with(b"HTTP/1.1 200"));
                gaps.answered();
            }
        });
    })
}
