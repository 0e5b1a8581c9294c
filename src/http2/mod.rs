//! HTTP/2 as bytes (RFC 9113, RFC 7541): frames and field blocks in, spans and events out; heads and data in, frames out. PURE: no IO,
//! no clock, no policy.
//!
//! Strict: what a frame may not say ends its stream or its connection, exactly as RFC 9113 divides them. Which answer a request gets
//! that is malformed, and how much of what is allowed is too much, is its caller's to decide.
//!
//! - `frame` heads of frames, what each kind carries, padding; `settings` what both sides say of themselves; `error` codes, and
//!   whether a stream ends or all of them; `priority` what a client says of the order (RFC 9218)
//! - `connection` the server's side of a connection, as a machine; `streams` which of them are open, `window` flow control, `request`
//!   what a field list has to have to be one
//! - `hpack` field blocks, read and written
//! - `list` a field list that was read; `field` what its names stand for, and what is wrong with them
//!
//! What heads are made of (`Span`, `Field`, `Name`) is `http1`'s, so that one exchange reads both.

pub mod connection;
pub mod error;
pub mod field;
pub mod frame;
pub mod hpack;
pub mod list;
pub mod priority;
mod request;
pub mod settings;
mod streams;
mod window;
