//! What certificates are made and read with: the provider of cryptography, the folder of those that were obtained, and the local CA.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

use super::local_ca::{self, CaError, LocalCa};
use super::shelf;

#[derive(Debug)]
pub(super) struct Supplies {
    pub(super) provider: Arc<CryptoProvider>,
    /// The folder of certificates that were obtained.
    pub(super) shelf: PathBuf,
    /// The local CA's folder.
    pub(super) ca: PathBuf,
    opened: OnceLock<LocalCa>,
}

impl Supplies {
    /// Those of a state folder. Nothing is read there yet.
    pub(super) fn new(state_dir: &Path) -> Self {
        Self {
            provider: Arc::new(aws_lc_rs::default_provider()),
            shelf: shelf::folder(state_dir),
            ca: local_ca::folder(state_dir),
            opened: OnceLock::new(),
        }
    }

    /// The local CA, which is opened when the first host needs it, and made where there is none: that may wait for a disk. What an operator
    /// should be told goes into `told`.
    ///
    /// # Errors
    /// When there can be none.
    pub(super) fn local_ca(&self, now: SystemTime, told: &mut Vec<String>) -> Result<&LocalCa, CaError> {
        if let Some(ca) = self.opened.get() {
            return Ok(ca);
        }
        let (ca, messages) = LocalCa::open(&self.ca, &self.provider, now)?;
        told.extend(messages);
        Ok(self.opened.get_or_init(|| ca))
    }
}
