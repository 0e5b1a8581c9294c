//! HPACK (RFC 7541): field blocks, read and written.
//!
//! - `decode` field blocks into lists; `encode` fields into blocks
//! - `dynamic` the table that a connection learns, `statics` the one that everybody knows
//! - `huffman` strings by the code of appendix B, `integer` numbers
//!
//! A table takes memory when its first field does, and no more than fields need.

mod decode;
mod dynamic;
mod encode;
mod error;
#[cfg(test)]
mod examples;
mod huffman;
mod integer;
mod statics;

pub use decode::Decoder;
pub use encode::{Encoder, Indexing};
pub use error::Error;
