//! Whether two names of fields are one to an app.

use std::sync::Arc;

/// Whether an app may take a name for another one, which is in lower case: CGI, WSGI and their kin cannot tell `_` from `-`.
pub(crate) fn is_same_to_apps(name: &[u8], other: &[u8]) -> bool {
    let fold = |byte: &u8| if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == other.len() && name.iter().zip(other).all(|(byte, letter)| fold(byte) == *letter)
}

/// Whether an app may take a name for one of these, by which somebody else vouches for the client.
pub(crate) fn is_vouched(name: &[u8], vouched: &[Arc<str>]) -> bool {
    vouched.iter().any(|other| is_same_to_apps(name, other.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::is_same_to_apps;

    #[test]
    fn case_and_underscores_make_no_other_name() {
        for name in ["Remote-User", "remote-user", "REMOTE_USER", "Remote_user"] {
            assert!(is_same_to_apps(name.as_bytes(), b"remote-user"), "{name}");
        }
        for name in ["Remote-Users", "Remote.User", "RemoteUser", "Remote-Use", ""] {
            assert!(!is_same_to_apps(name.as_bytes(), b"remote-user"), "{name}");
        }
    }
}
