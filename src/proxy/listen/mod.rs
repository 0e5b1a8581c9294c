//! A connection arrives.
//!
//! - `sockets` listening sockets, bound once
//! - `accept` the accept loop of a core
//! - `connection` one connection from accept to its end: PROXY header, handshake, protocol; `plain_http` what is no handshake,
//!   `breath` how bytes are waited for that are only looked at

pub(crate) mod accept;
mod breath;
pub(crate) mod connection;
mod plain_http;
pub(crate) mod sockets;
