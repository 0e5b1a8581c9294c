//! Clients that want more time, room or places than they need (E22 to E29), and good ones beside them.

mod bodies;
mod connections;
mod crowds;
mod flood;
mod handshakes;
mod slow_readers;
mod slow_uploads;
mod zero_window;

use crate::common::door::Door;
use crate::common::{eventually, holds, secs};

/// Waits until the environment has nothing in flight, and the door so many connections.
async fn nothing_is_left(door: &Door, connections: u64) {
    eventually(secs(10), || async {
        let status = door.status().await;
        let services = status.environments.iter().flat_map(|one| &one.services);
        let busy: u64 = services.map(|one| one.requests + one.streams).sum();
        holds(busy == 0 && status.connections == connections, || {
            format!("{busy} in flight on {} connections", status.connections)
        })
    })
    .await;
}
