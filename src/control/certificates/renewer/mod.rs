//! Keeps certificates coming. When a host is due is `model::renewal`'s decision, and how a certificate is obtained is `tls`'s;
//! here attempts are begun, and remembered.
//!
//! - `renewer` looks which host is due, and begins attempts
//! - `attempt` one attempt, from the first CA to the certificate on disk
//! - `suggestion` when the CA that gave a certificate wants it renewed
//! - `ledger` what is remembered of attempts over a restart

mod attempt;
mod ledger;
mod renewer;
mod suggestion;
#[cfg(test)]
mod tests;

pub(super) use renewer::{Renewals, Renewer};
