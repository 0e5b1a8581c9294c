//! What an app costs its visitors that writes an answer in pieces and leaves Nagle's algorithm on: the time of one exchange on a kept
//! connection, directly and through the door, beside an app that writes its answer at once. In one process, over real sockets.
//!
//! `cargo bench --bench nagle` prints it; nothing here decides a test.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that prints"
)]

mod plane;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use greengate::model::slot::Slot;
use plane::Door;

const EXCHANGES: usize = 500;
const SHAPES: [(&str, &[&str]); 4] = [
    ("at once", &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"]),
    (
        "head and body",
        &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "hello"],
    ),
    (
        "line by line",
        &["HTTP/1.1 200 OK\r\n", "Content-Length: 5\r\n", "\r\n", "hello"],
    ),
    (
        "size, data and end of a chunk",
        &[
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "5\r\n",
            "hello",
            "\r\n",
            "0\r\n\r\n",
        ],
    ),
];

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!(
        "{:32}{:>12}{:>12}{:>12}{:>12}",
        "", "direct p50", "p99", "door p50", "p99"
    );
    for (shape, pieces) in SHAPES {
        let app = app(pieces);
        let direct = exchanges(app);
        let door = Door::start(&format!("upstream = \"{app}\""), Slot::Upstream);
        let through = exchanges(door.address);
        door.plane.stop();
        println!(
            "{shape:32}{:>12.1?}{:>12.1?}{:>12.1?}{:>12.1?}",
            at(&direct, 50),
            at(&direct, 99),
            at(&through, 50),
            at(&through, 99)
        );
    }
}

fn at(sorted: &[Duration], share: usize) -> Duration {
    sorted[(sorted.len() * share / 100).min(sorted.len() - 1)]
}

/// Answers every request with these pieces, one write each.
fn app(pieces: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    for piece in pieces {
                        stream.write_all(piece.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    address
}

/// How long each exchange took on one connection, sorted.
fn exchanges(to: SocketAddr) -> Vec<Duration> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times: Vec<Duration> = (0..EXCHANGES).map(|_| exchange(&mut stream)).collect();
    times.sort_unstable();
    times
}

fn exchange(stream: &mut TcpStream) -> Duration {
    let began = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n").unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(b"hello") && !answer.ends_with(b"0\r\n\r\n") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the connection was closed");
        answer.extend_from_slice(&buffer[..read]);
    }
    began.elapsed()
}
