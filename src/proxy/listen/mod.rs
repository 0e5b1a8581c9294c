//! A connection arrives.
//!
//! - `sockets` listening sockets, bound once
//! - `accept` the accept loop of a core
//! - `connection` one connection from accept to its end: PROXY header, handshake, protocol; `plain_http` what is no handshake

pub(crate) mod accept;
pub(crate) mod connection;
mod plain_http;
pub(crate) mod sockets;
