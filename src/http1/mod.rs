//! HTTP/1.1 as bytes (RFC 9112): heads and bodies in, spans and bytes out. PURE: no IO, no policy, no allocation per field.
//!
//! Strict: what is not understood is refused, never guessed. What follows from a refusal (which status, whether to close) is
//! `proxy`'s to decide.
//!
//! - `head` request and response heads, parsed in one pass
//! - `framing` how long a body is, or why nobody can say
//! - `chunked` bodies, decoded as they arrive; `extension` what stands behind a chunk size, `trailers` what behind the last
//! - `write` heads and chunks onto the wire
//! - `field` what heads are made of; `names` the methods and fields that are known; `lines` the grammar, byte by byte

pub mod chunked;
mod extension;
mod field;
pub mod framing;
pub mod head;
mod lines;
mod names;
pub mod trailers;
pub mod write;

pub(crate) use lines::{end_of_text, end_of_token};
