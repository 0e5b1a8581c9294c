//! `/metrics`: what it says of traffic, over all that may become of the daemon, and whether Prometheus and its tools are content
//! with it; the alert rules and the board that are packaged.

mod board;
mod bounds;
mod counting;
mod life;
mod rules;

use std::net::SocketAddr;

use crate::common::client::{Client, Response};
use crate::common::door::Door;
use crate::common::exposition::Exposition;
use crate::common::load::{Kind, Tally};
use crate::common::prometheus::Prometheus;

/// Switches it on, at a port that the system chooses.
const ON: &str = "metrics = \"127.0.0.1:0\"";

/// Where it is.
fn place(door: &Door) -> SocketAddr {
    door.site("metrics").expect("listeners.json names it")
}

/// What is answered to somebody who takes what these fields say.
async fn ask(door: &Door, fields: &str) -> Response {
    let mut client = Client::plain(place(door)).await.unwrap();
    let answer = client
        .request("GET", "localhost", "/metrics", fields, b"")
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer
}

/// What it says now.
async fn read(door: &Door) -> Exposition {
    Exposition::read(&ask(door, "").await.text())
}

/// How many requests a load has sent.
fn requests(tally: &Tally) -> f64 {
    let each = |kind: &Kind| if *kind == Kind::H2 { 2 } else { 1 };
    let all: u64 = tally.good.iter().map(|(kind, count)| each(kind) * count).sum();
    f64::from(u32::try_from(all).expect("no test sends so many"))
}

/// Counters that went back, of all series that there are.
async fn set_back(prometheus: &Prometheus, now: &Exposition) -> Vec<(String, f64)> {
    let mut all = Vec::new();
    for name in now.counting() {
        for found in prometheus.query(&format!("resets({name}[1h]) > 0")).await {
            all.push((format!("{name}{:?}", found.labels), found.value));
        }
    }
    all
}
