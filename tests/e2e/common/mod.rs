//! The end-to-end harness: boots the real binaries in a temporary folder, with apps that misbehave on request, clients that
//! forgive nothing, and a load that counts every failure by kind.
//!
//! - [`door`]: `proxyd` and `proxyctl` as processes; [`written`]: their logs; [`process`]: any child, its log, and its end; [`printed`]: a `proxyctl` that goes on
//! - [`app`]: a scriptable HTTP/1.1 app; [`ledger`]: which app saw which request
//! - [`recorder`]: a strict app that writes down what it sees
//! - [`place`]: Node and uvicorn, as users run them
//! - [`fixture`]: what most tests begin with
//! - [`client`], [`h2`]: raw HTTP/1.1 and HTTP/2 clients; [`spoken`]: one request as each of them says it; [`incoming`]: heads and bodies, read strictly; [`wire`]: TCP, TLS, Unix
//! - [`frames`]: HTTP/2 by its frames; [`tool`]: the clients that users have
//! - [`pebble`]: a real ACME server; [`acme_door`]: what stands in front of it, and misbehaves
//! - [`network`]: a network of a test's own; [`systemd`]: a systemd of its own; [`package`]: what is installed there
//! - [`control`]: the control socket as bytes
//! - [`prometheus`]: a real one; [`exposition`]: what it reads
//! - [`socket`]: WebSockets, over HTTP/1.1 and HTTP/2
//! - [`beside`]: what an attack costs, and a client that behaves beside it
//! - [`load`]: steady traffic of every kind; [`notes`]: what is written and read in a database; [`onward`]: clients that see no version
//!   after a later one
//!
//! Nothing here sleeps to let something happen: [`eventually`] asks until it has, or fails with the last answer.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "public to the tests beside it")]

pub mod acme_door;
pub mod app;
mod app_routes;
pub mod beside;
pub mod client;
pub mod control;
pub mod docker;
pub mod door;
pub mod exposition;
pub mod fixture;
pub mod frames;
pub mod h2;
pub mod incoming;
pub mod ledger;
pub mod load;
pub mod network;
pub mod notes;
pub mod onward;
pub mod operation;
pub mod package;
pub mod pebble;
pub mod place;
pub mod port;
pub mod printed;
pub mod process;
pub mod prometheus;
pub mod recorder;
mod script;
pub mod socket;
pub mod spoken;
pub mod systemd;
pub mod tool;
pub mod wire;
pub mod written;

use std::future::Future;
use std::time::Duration;

/// Whether the long counts were asked for (`tests/run --full`).
pub fn full() -> bool {
    std::env::var_os("GREENGATE_FULL").is_some_and(|value| value != "0" && !value.is_empty())
}

/// The count for this run: `reduced` in CI, `long` with `tests/run --full`.
pub fn count(reduced: usize, long: usize) -> usize {
    if full() { long } else { reduced }
}

/// Asks `check` until it is `Ok`, and panics with its last reason when `deadline` has passed. It asks soon at first and then
/// less often: a check may start a process, and other tests need the processor too.
pub async fn eventually<T, F, Fut>(deadline: Duration, mut check: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let began = tokio::time::Instant::now();
    loop {
        match check().await {
            Ok(value) => return value,
            Err(reason) if began.elapsed() >= deadline => {
                panic!("it did not happen within {deadline:?}: {reason}");
            }
            Err(_) => {
                let pause = began.elapsed() / 16;
                tokio::time::sleep(pause.clamp(Duration::from_millis(2), Duration::from_millis(250))).await;
            }
        }
    }
}

/// `Ok` when `condition` holds, else `reason`: for [`eventually`].
pub fn holds(condition: bool, reason: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(reason()) }
}

/// Seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Milliseconds.
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
