//! A hostile internet: attacks with real bytes and frames, each beside a client that behaves well and must notice nothing of it,
//! within bounds of memory and time.
//!
//! - [`attack`]: the connection that it comes by; what it may cost is in `common/beside.rs`
//! - `http2_*`: streams that are reset, frames without end, heads that are none
//! - `http1_floods`: requests and chunks without end
//! - `tls`: what a handshake must not agree on

mod attack;
mod http1_floods;
mod http2_floods;
mod http2_heads;
mod http2_resets;
mod tls;
