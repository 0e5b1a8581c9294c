//! Certificates, session tickets and the local CA: everything that a TLS handshake needs.
//!
//! [`Store`] is the only door. It turns hosts into a rustls `ServerConfig`, keeps the certificates behind it fresh, and
//! says what clients are shown. It accepts no connection. [`Authority`] asks CAs for certificates, and [`Challenges`] holds what
//! CAs are answered; when to ask is decided elsewhere.
//!
//! - `store` the door
//! - `hosts` which host is shown which certificate, and why
//! - `resolver` the table that handshakes read: name → certificate, without a lock
//! - `certificate` one certificate and what it says about itself
//! - `files` PEM files, read again when they change
//! - `local_ca` the root in the state folder, and leaves for hosts without another certificate
//! - `acme` our accounts at CAs; `acme_order` one order; `acme_http` the way there; `acme_error` what it means when it fails
//! - `challenges` what CAs are answered while they check a host
//! - `shelf` certificates that were obtained, on disk
//! - `tickets` session tickets, and the rotation of their keys

mod acme;
mod acme_error;
mod acme_http;
mod acme_order;
mod certificate;
mod challenges;
mod files;
mod hosts;
mod local_ca;
mod resolver;
mod shelf;
mod store;
mod tickets;

pub use acme::{Authority, Suggestion};
pub use acme_error::{AcmeError, Kind};
pub use acme_order::{Begun, Watch, Way, Wish};
pub use challenges::Challenges;
pub use hosts::Host;
pub use local_ca::CaError;
pub use shelf::{Bundle, Meta, Secret};
pub use store::{AcmeHost, Current, Store, StoreError};
