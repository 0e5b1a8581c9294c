//! Certificates from a CA (RFC 8555): our accounts there, an order from its first request to the chain, and what the CA is answered
//! while it checks a host. When to ask is decided elsewhere.
//!
//! - `authority` our accounts, what is asked of a CA, and orders that outlive the process
//! - `order` one order
//! - `challenges` what CAs are answered while they check a host
//! - `http` the way to a CA
//! - `error` what it means for an operator when it fails

mod authority;
mod challenges;
mod dns;
mod error;
mod http;
mod order;

pub use authority::{Authority, Suggestion};
pub use challenges::Challenges;
pub use error::{AcmeError, Blame};
pub use order::{Begun, Watch, Way, Wish};
