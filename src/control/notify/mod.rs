//! Tells operators what they asked to be told (`[[notify]]`). What is told, in which words and when it is tried again is decided in
//! `model::notify`; here it is watched, kept and sent.
//!
//! Nothing waits for any of this: what happens is heard from a row that forgets the oldest, files are written on another thread, and
//! every destination has a task of its own.
//!
//! - `notifier` the door: what the daemon and `proxyctl` ask of it
//! - `watch` what happens, and how services and certificates stand
//! - `desk` what waits for whom, and how they do
//! - `post` the way of messages to one destination
//! - `send` one attempt
//! - `kept` what survives a restart, and which process sends

mod desk;
mod kept;
mod notifier;
mod post;
mod send;
mod watch;

pub(super) use notifier::Notifier;
pub(super) use watch::Eyes;
