//! What is shown for a host that has no certificate of its own: one that covers it and that clients trust, else a leaf of the
//! local CA.

use std::sync::Arc;
use std::time::SystemTime;

use super::certificate::{Certificate, Supplies};
use super::local_ca::{CaError, LocalCa};

/// The one that lasts longest of those that are good for a name now.
pub(super) fn lend(name: &str, certificates: &[Arc<Certificate>], now: SystemTime) -> Option<Arc<Certificate>> {
    let good = certificates
        .iter()
        .filter(|certificate| certificate.covers(name) && certificate.untimely(now).is_none());
    good.max_by_key(|certificate| certificate.life().until).cloned()
}

/// A leaf for one host. A host that cannot have one is a warning; a CA that cannot be used is an error for hosts that were
/// meant for it, and a warning for those that it would stand in for (N27).
pub(super) fn local_leaf(
    ca: &mut Option<Arc<LocalCa>>,
    name: &str,
    is_meant: bool,
    supplies: &Supplies,
    now: SystemTime,
    warnings: &mut Vec<String>,
) -> Result<Option<Arc<Certificate>>, CaError> {
    let signer = match ca {
        Some(ca) => Arc::clone(ca),
        None => match LocalCa::open(&supplies.ca, &supplies.provider, now) {
            Ok((opened, messages)) => {
                warnings.extend(messages);
                Arc::clone(ca.insert(Arc::new(opened)))
            }
            Err(error) if is_meant => return Err(error),
            Err(error) => {
                warnings.push(format!(
                    "`{name}`: handshakes are refused, nothing can stand in: {error}"
                ));
                return Ok(None);
            }
        },
    };
    match signer.leaf(name, now) {
        Ok(leaf) => Ok(Some(Arc::new(leaf))),
        Err(reason) => {
            warnings.push(format!(
                "`{name}`: handshakes are refused, no certificate can be made: {reason}"
            ));
            Ok(None)
        }
    }
}
