//! Credentials → a keyed digest, so that no password is kept. The key is this process's own, and never leaves it.

use std::fmt;
use std::io;

use aws_lc_rs::{hmac, rand};
use smallvec::SmallVec;

use crate::model::access::{Credentials, Digest};

/// What makes digests that nobody else can make.
pub(super) struct DigestKey(hmac::Key);

impl DigestKey {
    /// A random one.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(super) fn new() -> io::Result<Self> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).map_err(|_| io::Error::other("the system has no randomness to give"))?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &secret)))
    }

    /// The digest of credentials for one file of users.
    pub(super) fn digest(&self, file: u64, credentials: &Credentials) -> Digest {
        let mut text = SmallVec::<[u8; 128]>::from_slice(&file.to_be_bytes());
        text.extend_from_slice(credentials.as_bytes());
        let tag = hmac::sign(&self.0, &text);
        let mut digest = Digest::default();
        digest.copy_from_slice(tag.as_ref());
        digest
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DigestKey")
    }
}
