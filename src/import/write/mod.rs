//! From a document to the text of a `proxy.toml` that passes `proxyctl check`.
//!
//! - `document` the tables, with their keys
//! - `text` how it looks
//! - `accept` what the configuration refuses becomes a comment; `closed` which opens nothing

mod accept;
mod closed;
mod document;
mod text;

pub(super) use accept::accepted;
pub(super) use document::{Block, Document, Key, Out};
