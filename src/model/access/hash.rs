//! A password's hash, as bcrypt writes it: `$2y$`, the cost, salt and digest. Other schemes are told apart, to be refused by name.

use std::fmt;

/// Costs that are accepted: each one more takes twice as long. Above the last, a check would take many seconds.
const COSTS: std::ops::RangeInclusive<u32> = 4..=15;
/// The cost of a new hash: about 50 ms of a server's core.
const COST: u32 = 10;
/// bcrypt looks at no more bytes of a password.
const LONGEST: usize = 72;

/// A password's hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(Box<str>);

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPassword {
    /// There is nothing.
    Empty,
    /// bcrypt would ignore what stands behind 72 bytes.
    TooLong,
    /// No client may send a control character (RFC 7617 §2), and bcrypt ends at a NUL.
    ControlCharacter,
}

impl fmt::Display for NoPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the password is empty",
            Self::TooLong => "the password has more than 72 bytes, and bcrypt would ignore the rest",
            Self::ControlCharacter => "the password has a control character, which no client can send",
        })
    }
}

impl Hash {
    /// Reads a hash.
    ///
    /// # Errors
    /// What it is instead; never a part of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let scheme = match text.get(..4) {
            Some("$2a$" | "$2b$" | "$2y$") => None,
            _ if text.starts_with("$apr1$") => Some("MD5 (apr1)"),
            _ if text.starts_with("$1$") => Some("MD5"),
            _ if text.starts_with("$5$") => Some("SHA-256 crypt"),
            _ if text.starts_with("$6$") => Some("SHA-512 crypt"),
            _ if text.starts_with("{SHA}") => Some("SHA-1"),
            _ if text.starts_with("{SSHA}") => Some("salted SHA-1"),
            _ if text.starts_with("$2x$") => Some("a broken kind of bcrypt (2x)"),
            _ if text.starts_with('$') || text.starts_with('{') => Some("of an unknown scheme"),
            _ => Some("no bcrypt hash: DES crypt, or a password as it is typed"),
        };
        if let Some(scheme) = scheme {
            return Err(format!("is {scheme}, and bcrypt alone is accepted"));
        }
        let parts: bcrypt::HashParts = text.parse().map_err(|_| "is cut, or no bcrypt hash".to_owned())?;
        if !COSTS.contains(&parts.get_cost()) {
            let (least, most) = (COSTS.start(), COSTS.end());
            return Err(format!(
                "has the cost {}, and {least} to {most} are accepted",
                parts.get_cost()
            ));
        }
        Ok(Self(text.into()))
    }

    /// The hash of a new password. `salt` is to be random.
    ///
    /// # Errors
    /// When it can be no password.
    pub fn of(password: &[u8], salt: [u8; 16]) -> Result<Self, NoPassword> {
        if password.is_empty() {
            return Err(NoPassword::Empty);
        }
        if password.len() > LONGEST {
            return Err(NoPassword::TooLong);
        }
        if password.iter().any(u8::is_ascii_control) {
            return Err(NoPassword::ControlCharacter);
        }
        // The cost is one that bcrypt has, which is all that could be wrong.
        let parts = bcrypt::hash_with_salt(password, COST, salt).map_err(|_| NoPassword::TooLong)?;
        Ok(Self(parts.format_for_version(bcrypt::Version::TwoY).into()))
    }

    /// Whether it is the hash of this password. Takes its time: that is what it is for.
    #[must_use]
    pub(super) fn fits(&self, password: &[u8]) -> bool {
        bcrypt::verify(password, &self.0).unwrap_or(false)
    }

    /// As it stands in a file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `U*U`, from the tests of crypt_blowfish, which htpasswd and crypt(3) use.
    const FOREIGN: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[test]
    fn hashes_of_others_are_understood() {
        let hash = Hash::parse(FOREIGN).unwrap();
        assert!(hash.fits(b"U*U") && !hash.fits(b"U*U*"));
    }

    #[test]
    fn a_new_hash_fits_its_password_and_no_other() {
        let hash = Hash::of(b"correct horse", [7; 16]).unwrap();
        assert!(hash.as_str().starts_with("$2y$10$"), "{}", hash.as_str());
        let again = Hash::parse(hash.as_str()).unwrap();
        assert!(again.fits(b"correct horse") && !again.fits(b"correct horse ") && !again.fits(b""));
    }

    #[test]
    fn the_three_names_of_bcrypt_are_one_scheme() {
        let hash = bcrypt::hash_with_salt("secret", 4, [1; 16]).unwrap();
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            let text = hash.format_for_version(version);
            assert!(Hash::parse(&text).unwrap().fits(b"secret"), "{text}");
        }
    }

    #[test]
    fn other_schemes_are_refused_by_name_and_never_shown() {
        for (text, what) in [
            ("$apr1$rOioh4Wh$bVD3DRwksETubcpEH90ww0", "MD5 (apr1)"),
            ("$1$abc$def", "is MD5,"),
            ("{SHA}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8", "SHA-1"),
            ("$6$salt$hash", "SHA-512"),
            ("$argon2id$v=19$m=1", "unknown scheme"),
            ("rqXexS6ZhobKA", "DES crypt"),
            ("hunter2", "as it is typed"),
            ("", "as it is typed"),
            (&FOREIGN[..40], "is cut"),
            (&FOREIGN.replace("$05$", "$31$"), "has the cost 31"),
            (&FOREIGN.replace("$05$", "$03$"), "has the cost 3"),
        ] {
            let why = Hash::parse(text).unwrap_err();
            assert!(why.contains(what) && (text.is_empty() || !why.contains(text)), "{why}");
        }
    }

    #[test]
    fn what_bcrypt_would_not_see_is_no_password() {
        let of = |password: &[u8]| Hash::of(password, [0; 16]).map(|_| ());
        assert_eq!(of(b""), Err(NoPassword::Empty));
        assert_eq!(of(&[b'x'; 73]), Err(NoPassword::TooLong));
        assert_eq!(of(b"se\0cret"), Err(NoPassword::ControlCharacter));
        assert_eq!(of("pässword".as_bytes()), Ok(()));
    }
}
