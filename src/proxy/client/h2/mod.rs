//! HTTP/2 clients, over hyper's server.
//!
//! - `serve` one connection, and a future for each stream; `rest` how long it may do nothing
//! - `counted` what a client sends beside its requests, and when that is too much; `frames` where its frames begin
//! - `stream` the upload of a stream, and its response as the body that hyper asks for

mod counted;
mod frames;
mod rest;
pub(crate) mod serve;
pub(crate) mod stream;
