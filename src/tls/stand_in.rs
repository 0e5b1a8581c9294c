//! What is shown for a host that has no certificate of its own: one that covers it and that clients trust, else a leaf of the
//! local CA.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::certificate::Certificate;
use super::local_ca::CaError;
use super::supplies::Supplies;

/// What is shown in place of a host's own.
#[derive(Debug, Clone)]
pub(super) enum StandIn {
    /// One that another host has, or that was shown before.
    Lent(Arc<Certificate>),
    /// A leaf of the local CA.
    Local(Arc<Certificate>),
}

impl StandIn {
    pub(super) fn certificate(&self) -> &Arc<Certificate> {
        match self {
            Self::Lent(certificate) | Self::Local(certificate) => certificate,
        }
    }

    /// What clients trust.
    pub(super) fn lent(&self) -> Option<&Arc<Certificate>> {
        match self {
            Self::Lent(certificate) => Some(certificate),
            Self::Local(_) => None,
        }
    }

    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Whether a new leaf of the local CA is to take its place: what was lent has ended, or the leaf is to be renewed.
    pub(super) fn is_over(&self, now: SystemTime) -> bool {
        match self {
            Self::Lent(certificate) => certificate.untimely(now).is_some(),
            Self::Local(leaf) => leaf.is_due(now),
        }
    }
}

/// The one that lasts longest of those that are good for a name now.
pub(super) fn lend(name: &str, certificates: &[Arc<Certificate>], now: SystemTime) -> Option<Arc<Certificate>> {
    let good = certificates
        .iter()
        .filter(|certificate| certificate.covers(name) && certificate.untimely(now).is_none());
    good.max_by_key(|certificate| certificate.life().until).cloned()
}

/// Why the local CA does not stand in for a host.
#[derive(Debug)]
pub(super) enum NoLeaf {
    /// There is no local CA.
    Ca(CaError),
    /// The host is nothing that a certificate can name, or the clock is wrong.
    Host(String),
}

impl fmt::Display for NoLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ca(error) => write!(f, "nothing can stand in: {error}"),
            Self::Host(reason) => write!(f, "no certificate can be made: {reason}"),
        }
    }
}

/// A leaf for one host, or why there is none.
pub(super) type LocalLeaf = Result<Arc<Certificate>, NoLeaf>;

/// Has the local CA make one. May wait for a disk, as [`Supplies::local_ca`] does.
pub(super) fn local_leaf(supplies: &Supplies, name: &str, now: SystemTime, told: &mut Vec<String>) -> LocalLeaf {
    let ca = supplies.local_ca(now, told).map_err(NoLeaf::Ca)?;
    ca.leaf(name, now).map(Arc::new).map_err(NoLeaf::Host)
}
