//! HTTP/2 clients, over hyper's server.
//!
//! - `serve` one connection, and a future for each stream
//! - `stream` the upload of a stream, and its response as the body that hyper asks for

pub(crate) mod serve;
pub(crate) mod stream;
