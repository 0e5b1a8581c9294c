//! How long a swap takes, and what it costs those who are served meanwhile: from publish to the first answer of the new side, and
//! the 99th percentile around swaps beside the one between them, with connections that are made ahead and, in turn, without. In one
//! process, over real sockets, plain HTTP.
//!
//! `cargo bench --bench swap` prints all of it; nothing here decides a test.

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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use greengate::model::slot::Slot;
use greengate::proxy::Follower;
use plane::Door;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SWAPS: usize = 200;
const CLIENTS: usize = 8;
/// What counts as being during a swap: from publish to this long after it. A real swap, with gate and drain, takes longer.
const DURING: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_millis(150);

struct Swap {
    at: Instant,
    slot: Slot,
    ahead: bool,
}

struct Sample {
    began: Instant,
    ended: Instant,
    slot: u8,
}

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let (blue, green) = (app(b'b'), app(b'g'));
    let slots = format!("blue = {}\ngreen = {}", blue.port(), green.port());
    let door = Door::start(&slots, Slot::Blue);
    let (plane, routing, address) = (&door.plane, &door.routing, door.address);
    let mut live = door.live.clone();

    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let stop = stop.clone();
            thread::spawn(move || client(address, &stop))
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut swaps = Vec::new();
    for generation in 2..SWAPS as u64 + 2 {
        thread::sleep(PAUSE);
        let next = door.activation(live.slot.other(), generation);
        let ahead = generation.is_multiple_of(2);
        if ahead {
            let follower = Follower {
                serving: live.clone(),
                addresses: next.addresses.clone(),
            };
            waiting.block_on(plane.connect_ahead(vec![follower]));
        }
        let snapshot = routing.load().with(std::slice::from_ref(&next));
        let began = Instant::now();
        routing.publish(snapshot);
        live.close();
        plane.poke();
        swaps.push(Swap {
            at: began,
            slot: next.slot,
            ahead,
        });
        live = next;
    }
    thread::sleep(Duration::from_millis(100));
    stop.store(true, Ordering::Relaxed);
    let samples: Vec<Vec<Sample>> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    report(&samples, &swaps);
    door.plane.stop();
}

fn report(clients: &[Vec<Sample>], swaps: &[Swap]) {
    let near = |sample: &Sample, swap: &Swap| sample.ended >= swap.at && sample.began <= swap.at + DURING;
    let mut between: Vec<_> = clients
        .iter()
        .flatten()
        .filter(|sample| !swaps.iter().any(|swap| near(sample, swap)))
        .map(|sample| sample.ended - sample.began)
        .collect();
    let exchanges: usize = clients.iter().map(Vec::len).sum();
    println!("{SWAPS} swaps under {CLIENTS} clients, {exchanges} exchanges, 0 failures");
    let calm = line("exchange between swaps", &mut between);
    for ahead in [false, true] {
        let swaps: Vec<_> = swaps.iter().filter(|swap| swap.ahead == ahead).collect();
        println!("connections made ahead: {ahead}");
        let first = swaps.iter().filter_map(|swap| {
            let new = |sample: &&Sample| sample.began >= swap.at && sample.slot == swap.slot.as_str().as_bytes()[0];
            let answers = clients.iter().flatten().filter(new);
            answers.map(|sample| sample.ended - swap.at).min()
        });
        line("  publish to first new answer", &mut first.collect::<Vec<_>>());
        let (mut during, mut fresh) = (Vec::new(), Vec::new());
        for samples in clients {
            let mut slot = 0;
            for sample in samples {
                let changed = std::mem::replace(&mut slot, sample.slot) != sample.slot;
                if swaps.iter().any(|swap| near(sample, swap)) {
                    during.push(sample.ended - sample.began);
                    fresh.extend(changed.then_some(sample.ended - sample.began));
                }
            }
        }
        line("  a client's first of the new side", &mut fresh);
        let around = line("  exchange during a swap", &mut during);
        println!("  p99 during / between                {:.2}", around / calm);
    }
}

/// Prints it, and returns its 99th percentile in seconds.
fn line(what: &str, times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!("{what:<34} p50 {:>9.1?}   p99 {:>9.1?}", at(50), at(99));
    at(99).as_secs_f64()
}

/// Asks without a pause over one connection; any failure ends the measurement.
fn client(door: SocketAddr, stop: &AtomicBool) -> Vec<Sample> {
    let mut tcp = TcpStream::connect(door).unwrap();
    tcp.set_nodelay(true).unwrap();
    let mut samples = Vec::new();
    let mut buffer = [0; 1024];
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        tcp.write_all(b"GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n").unwrap();
        let mut filled = 0;
        while !buffer[..filled].windows(4).any(|four| four == b"\r\n\r\n") || buffer[filled - 1] == b'\n' {
            let n = tcp.read(&mut buffer[filled..]).unwrap();
            assert!(n > 0, "the door closed a connection");
            filled += n;
        }
        assert!(
            buffer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&buffer[..filled])
        );
        samples.push(Sample {
            began,
            ended: Instant::now(),
            slot: buffer[filled - 1],
        });
        thread::sleep(Duration::from_micros(200));
    }
    samples
}

/// An app whose answer is one letter, on one thread.
fn app(letter: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (mut tcp, _) = listener.accept().await.unwrap();
                tcp.set_nodelay(true).unwrap();
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while tcp.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                        let answer = [&b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n"[..], &[letter]].concat();
                        if tcp.write_all(&answer).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
    });
    address
}
