//! Certificates that take care of themselves, against a real ACME server: the real `proxyd`, Pebble with its own DNS, and a door
//! in front of Pebble that misbehaves on request.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests spawn, panic and print freely"
)]

#[path = "../common/mod.rs"]
mod common;
mod crashing;
mod importing;
mod issuing;
mod leading_here;
mod reloading;
mod renewing;
mod unhappy;
