//! Certificates, session tickets and the local CA: everything that a TLS handshake needs.
//!
//! [`Store`] is the only door. It turns hosts into a rustls `ServerConfig`, keeps the certificates behind it fresh, and
//! says what clients are shown. It accepts no connection. [`Authority`] asks CAs for certificates, and [`Challenges`] holds what
//! CAs are answered; when to ask is decided elsewhere.
//!
//! - `store` the door
//! - `hosts` which host is shown which certificate, and why
//! - `resolver` the table that handshakes read: name → certificate, without a lock
//! - `stand_in` what is shown for a host without a certificate of its own
//! - `supplies` what certificates are made and read with
//! - `certificate` one certificate and what it says about itself
//! - `files` PEM files, read again when they change
//! - `local_ca` the root in the state folder, and leaves for hosts without another certificate
//! - `acme` certificates from a CA: accounts, orders, challenges
//! - `shelf` certificates that were obtained, on disk
//! - `outward` the way to other servers
//! - `clock` where the time comes from
//! - `tickets` session tickets, and the rotation of their keys

mod acme;
mod certificate;
mod clock;
mod files;
mod hosts;
mod local_ca;
mod outward;
mod resolver;
mod shelf;
mod stand_in;
mod store;
mod supplies;
mod tickets;

pub use acme::{AcmeError, Authority, Begun, Blame, Challenges, Suggestion, Watch, Way, Wish};
pub use hosts::Host;
pub use local_ca::CaError;
pub use outward::{Failure, Line, Origin, Read, Trust, retry_after};
pub use shelf::{Bundle, Meta, Secret};
pub use store::{AcmeHost, Current, Store, StoreError};
