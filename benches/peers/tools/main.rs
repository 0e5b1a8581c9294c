//! What `benches/peers` needs and no package has: an app, the relay that is the floor, and load that wrk and h2load cannot make.
//!
//! `python3 benches/peers` builds and runs it; each command that is a load says when it begins, and prints one line of JSON at its end.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "parts of a measurement"
)]

mod app;
mod arrivals;
mod client;
mod handshakes;
mod idle;
mod latency;
mod relay;
mod websockets;

use std::future::Future;
use std::time::Duration;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["app", first, ports] => app::run(first.parse().unwrap(), ports.parse().unwrap()),
        ["relay", plain, tls, certificate, key, app, workers] => relay::run(
            plain.parse().unwrap(),
            tls.parse().unwrap(),
            relay::acceptor(certificate, key),
            app.parse().unwrap(),
            workers.parse().unwrap(),
        ),
        ["handshakes", kind, port, certificate, seconds] => alone(handshakes::run(
            *kind == "resumed",
            port.parse().unwrap(),
            certificate,
            time(seconds),
        )),
        ["arrivals", rhythm, protocol, port, certificate, rate, seconds, log @ ..] => alone(arrivals::run(
            arrivals::Rhythm::named(rhythm, rate.parse().unwrap()),
            client::Doorway::new(protocol, port.parse().unwrap(), certificate),
            time(seconds),
            log.first().copied(),
        )),
        ["idle", protocol, port, certificate, count] => alone(idle::run(
            client::Doorway::new(protocol, port.parse().unwrap(), certificate),
            count.parse().unwrap(),
        )),
        ["websockets", port, certificate, seconds] => {
            alone(websockets::run(port.parse().unwrap(), certificate, time(seconds)));
        }
        // `cargo bench` and `cargo test --benches` only want to know that it builds.
        _ => println!("a part of benches/peers: `python3 benches/peers`"),
    }
}

fn time(seconds: &str) -> Duration {
    Duration::from_secs_f64(seconds.parse().unwrap())
}

/// On a runtime of one thread, as everything here.
fn alone(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(tokio::task::LocalSet::new().run_until(work));
}
