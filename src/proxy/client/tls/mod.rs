//! TLS towards clients, over rustls' connection without buffers: what it needs is borrowed from the core's stock while bytes move, so
//! that a connection that waits keeps none.
//!
//! - `stream` the connection as bytes of the application: the handshake, then reading and writing
//! - `session` what rustls makes of bytes, without a socket; `turn` what it says when it is shown some
//! - `name` the host that a client asks for

pub(crate) mod name;
mod session;
pub(crate) mod stream;
mod turn;
