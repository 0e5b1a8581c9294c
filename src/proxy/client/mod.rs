//! The client's side of a connection, a folder for each protocol.
//!
//! - `io` its bytes: TCP, TLS, or a pipe from inside the process
//! - `tls` TLS over TCP, which holds no buffer while it waits
//! - `taken` what of it the client's system has acknowledged
//! - `lingering` how much of an upload is read behind an early answer
//! - `h1` HTTP/1 over our own codec
//! - `h2` HTTP/2 over hyper

pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod io;
pub(crate) mod lingering;
mod taken;
pub(crate) mod tls;
