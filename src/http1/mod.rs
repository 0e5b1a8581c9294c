//! HTTP/1.1 as bytes (RFC 9112): heads and bodies in, spans and bytes out. PURE: no IO, no policy, no allocation per field.
//!
//! Strict: what is not understood is refused, never guessed. What follows from a refusal (which status, whether to close) is
//! `proxy`'s to decide.

pub mod chunked;
pub mod framing;
pub mod head;
mod lines;
mod names;
pub mod write;
