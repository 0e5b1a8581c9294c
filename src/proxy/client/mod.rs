//! The client's side of a connection, a folder for each protocol.
//!
//! - `io` its bytes: TCP, TLS, or a pipe from inside the process
//! - `tls` TLS over TCP, which holds no buffer while it waits
//! - `taken` what of it the client's system has acknowledged
//! - `lingering` how it ends, and how much of an upload is read behind an early answer
//! - `tunnel` a WebSocket between client and app; `frames` where its frames begin and end
//! - `h1` HTTP/1, and `h2` HTTP/2, each over our own codec

pub(crate) mod frames;
pub(crate) mod h1;
pub(crate) mod h2;
pub(crate) mod io;
pub(crate) mod lingering;
mod taken;
pub(crate) mod tls;
mod tunnel;
