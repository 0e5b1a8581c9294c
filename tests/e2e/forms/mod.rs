//! Rows of the edge whose attempt has many forms: each in all of them, over every protocol, and what is alike and good beside it.
//!
//! - `requests`: methods, expectations and bodies that are answered here
//! - `heads`: as large as they may be, and larger
//! - `names`: hosts, as they stand in a request and in a handshake
//! - `paths`: those that could be read in two ways
//! - `uploads`: those that are refused, by whatever status

mod heads;
mod names;
mod paths;
mod requests;
mod uploads;
