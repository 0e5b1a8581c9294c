//! Rows of the edge whose attempt has many forms: each in all of them, over every protocol, and what is alike and good beside it.
//!
//! - `requests`: methods, expectations and bodies that are answered here
//! - `names`: hosts, as they stand in a request and in a handshake

mod names;
mod requests;
