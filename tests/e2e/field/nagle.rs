//! Apps that write an answer in pieces and leave Nagle's algorithm on: each piece waits until the one before is acknowledged, which
//! the kernel delays by 40 ms, and the door does not (F16).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use super::HOST;
use crate::common::door::{Door, QUICK, QUICK_PLAIN};

const ROUNDS: usize = 21;

/// What a kernel waits before it acknowledges is at least 40 ms; a busy machine may need some, but not for half of the rounds.
const SOON: Duration = Duration::from_millis(35);

/// An app that writes these pieces one by one as its answer to every request, on kept connections.
fn app(pieces: &'static [&'static str]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().unwrap());
                let mut out = stream;
                loop {
                    let (mut line, mut length) = (String::new(), 0);
                    while !matches!(lines.read_line(&mut line), Ok(2)) {
                        if line.is_empty() {
                            return;
                        }
                        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                            length = value.trim().parse().unwrap();
                        }
                        line.clear();
                    }
                    lines.read_exact(&mut vec![0; length]).unwrap();
                    for piece in pieces {
                        if out.write_all(piece.as_bytes()).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

fn environment(name: &str, host: &str, app: SocketAddr) -> String {
    format!("[env.{name}]\nhost = \"{host}\"\nupstream = \"{app}\"\nhealth.host = \"health\"\n")
}

/// The median of some rounds on one connection.
async fn median(door: &Door, host: &str, method: &str, body: &[u8]) -> Duration {
    let mut client = door.plain().await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let answer = client.request(method, host, "/", "", body).await.unwrap();
        times.push(began.elapsed());
        assert_eq!((answer.status, answer.text().as_str()), (200, "hello"));
    }
    times.sort();
    times[ROUNDS / 2]
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn f16_an_answer_in_pieces_is_not_held_back_by_a_late_acknowledgement() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let shapes: [(&str, &'static [&'static str]); 7] = [
        ("head and body", &[HEAD, "hello"]),
        ("head, and a body in two", &[HEAD, "he", "llo"]),
        (
            "line by line",
            &[
                "HTTP/1.1 200 OK\r\n",
                "Content-Length: 5\r\n",
                "Server: x\r\n",
                "\r\n",
                "hello",
            ],
        ),
        (
            "an interim answer first",
            &["HTTP/1.1 103 Early Hints\r\n\r\n", HEAD, "hello"],
        ),
        (
            "chunk by chunk",
            Box::leak(Box::new([chunked, "2\r\nhe\r\n", "3\r\nllo\r\n", "0\r\n\r\n"])),
        ),
        (
            "size, data and end",
            Box::leak(Box::new([chunked, "5\r\n", "hello", "\r\n", "0\r\n", "\r\n"])),
        ),
        (
            "head and first size together",
            &[
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
                "hello\r\n",
                "0\r\n\r\n",
            ],
        ),
    ];
    // An environment for each.
    let host = |n: usize| format!("app-{n}.test");
    let mut config = QUICK_PLAIN.to_owned();
    for (n, (_, pieces)) in shapes.iter().enumerate() {
        config += &environment(&format!("shape-{n}"), &host(n), app(pieces));
    }
    let door = Door::start(&config).await;
    for (n, (shape, _)) in shapes.iter().enumerate() {
        for (method, body) in [("GET", &b""[..]), ("POST", b"body")] {
            let median = median(&door, &host(n), method, body).await;
            assert!(median < SOON, "{shape}, {method}: {median:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_nor_is_one_over_http2() {
    let prod = environment("prod", HOST, app(&[HEAD, "hello"]));
    let door = Door::start(&format!("{QUICK}{prod}")).await;
    let h2 = door.h2(HOST).await.unwrap();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        assert_eq!(h2.get(HOST, "/").await.unwrap().text(), "hello");
        times.push(began.elapsed());
    }
    times.sort();
    assert!(times[ROUNDS / 2] < SOON, "{times:?}");
}
