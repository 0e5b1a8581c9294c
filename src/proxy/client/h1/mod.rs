//! HTTP/1 clients, over our own codec.
//!
//! - `serve` heads in, responses out, keep-alive, lingering close
//! - `wire` the bytes that were read, and the request body in them
//! - `response` a response on its way out

pub(crate) mod response;
pub(crate) mod serve;
pub(crate) mod wire;
