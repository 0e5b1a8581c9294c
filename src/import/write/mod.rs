//! From a document to the text of a `proxy.toml` that passes `proxyctl check`.
//!
//! - `document` the tables, with their keys
//! - `not_yet` keys that are written as comments, because this version does not know them
//! - `text` how it looks
//! - `accept` what the configuration refuses becomes a comment

mod accept;
mod document;
mod not_yet;
mod text;

pub(super) use accept::accepted;
pub(super) use document::{Block, Document, Key, Out};
