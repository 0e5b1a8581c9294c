//! What a client sends of itself: a user name and a password (RFC 7617 §2).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smallvec::SmallVec;

/// Bytes of name, colon and password that anybody may have.
const LONGEST: usize = 384;

/// A user name and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Name, colon, password.
    text: SmallVec<[u8; 64]>,
    colon: usize,
}

impl Credentials {
    /// Reads the value of an `Authorization` field. `None` when it is of another scheme, or nobody's for certain: without a colon,
    /// with control characters, or too long.
    #[must_use]
    pub fn parse(authorization: &[u8]) -> Option<Self> {
        let (scheme, encoded) = authorization.split_at_checked(5)?;
        if !scheme.eq_ignore_ascii_case(b"basic") || encoded.first() != Some(&b' ') {
            return None;
        }
        let mut decoded = [0; LONGEST];
        let len = STANDARD.decode_slice(encoded.trim_ascii(), &mut decoded).ok()?;
        let text = &decoded[..len];
        let colon = memchr::memchr(b':', text)?;
        let is_name = str::from_utf8(&text[..colon]).is_ok_and(|name| !name.is_empty());
        (is_name && !text.iter().any(u8::is_ascii_control)).then(|| Self {
            text: text.into(),
            colon,
        })
    }

    /// The user name.
    #[must_use]
    pub fn name(&self) -> &str {
        // It was text when it was parsed.
        str::from_utf8(&self.text[..self.colon]).unwrap_or_default()
    }

    /// The password.
    #[must_use]
    pub fn password(&self) -> &[u8] {
        &self.text[self.colon + 1..]
    }

    /// Both, as they were sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

impl fmt::Debug for Credentials {
    /// Without the password, and without the name: people type the one where the other belongs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(String, String)> {
        let credentials = Credentials::parse(format!("Basic {}", STANDARD.encode(text)).as_bytes())?;
        let password = String::from_utf8(credentials.password().to_vec()).unwrap();
        Some((credentials.name().to_owned(), password))
    }

    #[test]
    fn name_and_password_are_parted_at_the_first_colon() {
        let both = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(parsed("anna:secret"), both("anna", "secret"));
        assert_eq!(parsed("anna:a:b:"), both("anna", "a:b:"));
        assert_eq!(parsed("anna:"), both("anna", ""));
        assert_eq!(parsed("jörg:schlüssel"), both("jörg", "schlüssel"));
        let lower = Credentials::parse(b"bAsIc  YW5uYTpzZWNyZXQ= ").unwrap();
        assert_eq!(lower.name(), "anna");
    }

    #[test]
    fn what_cannot_be_anybodys_is_nobodys() {
        for text in ["anna", "", ":secret", "an\nna:secret", "anna:se\0cret", "anna:\u{7f}"] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
        assert_eq!(parsed(&format!("anna:{}", "x".repeat(LONGEST))), None);
        for value in [
            "Basic",
            "Basic ",
            "Basicx YW5uYTpzZWNyZXQ=",
            "Bearer YW5uYTpzZWNyZXQ=",
            "Basic YW5uYTpzZWNyZXQ",
            "Basic not base64",
            "Basic YW5uYTpzZWNyZXQ= x",
            "",
        ] {
            assert_eq!(Credentials::parse(value.as_bytes()), None, "{value:?}");
        }
    }

    #[test]
    fn e35_credentials_show_nothing_of_themselves() {
        let credentials = Credentials::parse(b"Basic YW5uYTpzZWNyZXQ=").unwrap();
        assert_eq!(format!("{credentials:?}"), "Credentials");
    }
}
