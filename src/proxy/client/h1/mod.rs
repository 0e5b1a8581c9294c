//! HTTP/1 clients, over our own codec.
//!
//! - `serve` heads in, responses out, keep-alive, lingering close
//! - `wire` the bytes that were read, and the request body in them
//! - `response` a response on its way out
//! - `tunnel` a WebSocket after its 101; `frames` where its frames begin and end

pub(crate) mod frames;
pub(crate) mod response;
pub(crate) mod serve;
pub(crate) mod tunnel;
pub(crate) mod wire;
