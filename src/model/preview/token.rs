//! A token: `ggp_` and 64 letters of base64url, in which stand the number of the preview, its end, and an HMAC-SHA256 over both and
//! over what the preview shows. What is signed is not all written, so that a token says nothing of the environment that it is for.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::key::Key;
use crate::model::slot::{Generation, Slot};

/// How every token begins; scanners for secrets can look for it.
pub(super) const MARK: &[u8] = b"ggp_";
/// Letters behind the mark.
const LETTERS: usize = 64;
/// Bytes of a number, and of an end.
const NUMBER: usize = 8;
/// Bytes of the signature.
const SIGNATURE: usize = 32;
/// What is signed here is signed nowhere else.
const PURPOSE: &[u8] = b"greengate preview 1\0";

/// What a token is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms<'a> {
    pub(super) environment: &'a str,
    pub(super) slot: Slot,
    pub(super) generation: Generation,
    /// The preview's number.
    pub(super) number: u64,
    /// Its end, in seconds since 1970.
    pub(super) until: u64,
}

impl Terms<'_> {
    /// What is signed; the environment's name stands last, so that no two terms are the same bytes.
    fn signed(&self) -> Vec<u8> {
        let mut bytes = PURPOSE.to_vec();
        for number in [self.number, self.until, self.generation.0] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(self.slot.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(self.environment.as_bytes());
        bytes
    }
}

/// The token for these terms.
pub(super) fn issue(key: &Key, terms: &Terms<'_>) -> String {
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.bytes()), &terms.signed());
    let mut bytes = Vec::with_capacity(2 * NUMBER + SIGNATURE);
    bytes.extend_from_slice(&terms.number.to_be_bytes());
    bytes.extend_from_slice(&terms.until.to_be_bytes());
    bytes.extend_from_slice(signature.as_ref());
    let mark = String::from_utf8_lossy(MARK);
    format!("{mark}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// A token as somebody has sent it: of the right form, and otherwise not looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    /// The number of the preview that it names.
    pub(super) number: u64,
    /// When it ends, as it says.
    pub(super) until: u64,
    signature: [u8; SIGNATURE],
}

impl Token {
    /// Reads what was sent; `None` when it has another form.
    pub(super) fn parse(sent: &[u8]) -> Option<Self> {
        let letters = sent.strip_prefix(MARK)?;
        let mut bytes = [0; 2 * NUMBER + SIGNATURE];
        if letters.len() != LETTERS || URL_SAFE_NO_PAD.decode_slice(letters, &mut bytes).ok()? != bytes.len() {
            return None;
        }
        let (number, rest) = bytes.split_first_chunk::<NUMBER>()?;
        let (until, signature) = rest.split_first_chunk::<NUMBER>()?;
        Some(Self {
            number: u64::from_be_bytes(*number),
            until: u64::from_be_bytes(*until),
            signature: signature.try_into().ok()?,
        })
    }

    /// Whether this key has signed it for these terms, in a time that does not depend on where it differs.
    pub(super) fn is_signed(&self, key: &Key, terms: &Terms<'_>) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
        hmac::verify(&key, &terms.signed(), &self.signature).is_ok()
    }
}

/// Letters of base64url.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
