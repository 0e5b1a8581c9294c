//! What the tokens of one preview are signed with. Each preview has a key of its own, which goes when it ends.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// Bytes of a key.
const LENGTH: usize = 32;

/// A secret of 32 bytes. In the state it is base64url; no log shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key([u8; LENGTH]);

impl Key {
    /// The key that these random bytes are.
    #[must_use]
    pub fn new(random: [u8; LENGTH]) -> Self {
        Self(random)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        URL_SAFE_NO_PAD.encode(key.0)
    }
}

impl TryFrom<String> for Key {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| "a key is not base64url")?;
        bytes.try_into().map(Self).map_err(|_| "a key has not 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn a_key_reads_back_as_it_was_written_and_nothing_else_is_one() {
        let key = Key::new([7; 32]);
        let text = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<Key>(&text).unwrap(), key);
        for wrong in ["\"\"", "\"AAAA\"", "\"!\"", "3"] {
            assert!(serde_json::from_str::<Key>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn n33_no_key_is_shown_by_mistake() {
        assert_eq!(format!("{:?}", Key::new([7; 32])), "Key(…)");
    }
}
