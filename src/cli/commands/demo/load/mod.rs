//! Clients that never pause: every kind of request, over TLS, at a steady rate, and every answer is checked.
//!
//! - `clients` how many of each kind, and how they end
//! - `http1`, `http2` and `websocket` what one client does
//! - `context` what they share
//! - `front` the front door, requests to it, and what its answers have to be

mod clients;
mod context;
mod front;
mod http1;
mod http2;
mod websocket;

pub(super) use clients::Load;
pub(super) use front::Front;
