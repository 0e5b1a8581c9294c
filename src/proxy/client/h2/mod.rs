//! HTTP/2 clients, over hyper's server.
//!
//! - `serve` one connection, and a future for each stream; `rest` how long it may do nothing
//! - `stream` the upload of a stream, and its response as the body that hyper asks for

mod rest;
pub(crate) mod serve;
pub(crate) mod stream;
