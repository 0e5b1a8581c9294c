//! How a `Host` or `:authority` is read: as routes name it, or not at all.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Why a `Host` is refused with 400 (E12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostError {
    /// Nothing there, or nothing but a port or a dot.
    Empty,
    /// `user@host`.
    Userinfo,
    /// Several hosts in one field.
    Comma,
    /// White space or a control character.
    Space,
    /// What follows the colon is not a port.
    Port,
    /// An IPv6 literal that is none.
    Literal,
    /// A character that no host name has, an empty label, or too long a name.
    Name,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the host is empty",
            Self::Userinfo => "the host has userinfo",
            Self::Comma => "the host has a comma",
            Self::Space => "the host has white space or a control character",
            Self::Port => "the host's port is not a number up to 65535",
            Self::Literal => "the host is no valid IPv6 literal",
            Self::Name => "the host is no valid name",
        })
    }
}

impl std::error::Error for HostError {}

/// A `Host` or `:authority` as routes name it: lower case, without port and trailing dot, IPv6 in brackets and in its
/// shortest form (E17; RFC 9110 §7.2, RFC 5952). Allocates only when something has to be rewritten.
///
/// # Errors
/// What makes it no host (E12); stricter than RFC 3986, which knows names that DNS does not.
pub fn canonical_host(raw: &[u8]) -> Result<Cow<'_, str>, HostError> {
    for &byte in raw {
        match byte {
            b'@' => return Err(HostError::Userinfo),
            b',' => return Err(HostError::Comma),
            0..=b' ' | 0x7f => return Err(HostError::Space),
            _ => {}
        }
    }
    let raw = std::str::from_utf8(raw).map_err(|_| HostError::Name)?;
    if let Some(rest) = raw.strip_prefix('[') {
        let (literal, behind) = rest.split_once(']').ok_or(HostError::Literal)?;
        if !behind.is_empty() {
            check_port(behind.strip_prefix(':').ok_or(HostError::Port)?)?;
        }
        let address: Ipv6Addr = literal.parse().map_err(|_| HostError::Literal)?;
        let canonical = format!("[{address}]");
        return Ok(match raw.get(..canonical.len()) {
            Some(start) if start == canonical => Cow::Borrowed(start),
            Some(_) | None => Cow::Owned(canonical),
        });
    }
    let name = match raw.split_once(':') {
        Some((name, port)) => {
            check_port(port)?;
            name
        }
        None => raw,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.len() > 253 || !name.bytes().all(valid) || name.starts_with('.') || name.contains("..") {
        return Err(HostError::Name);
    }
    Ok(if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// Whether every machine has this host for itself: `localhost`, a name below it (RFC 6761 §6.3), a loopback address. No public CA
/// signs such names.
#[must_use]
pub fn is_local(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    address.is_ok_and(|ip| ip.is_loopback()) || host == "localhost" || host.ends_with(".localhost")
}

/// RFC 3986 §3.2.3 allows an empty port.
fn check_port(digits: &str) -> Result<(), HostError> {
    let valid =
        digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.is_empty() || digits.parse::<u16>().is_ok());
    if valid { Ok(()) } else { Err(HostError::Port) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_has_localhost_and_loopback_for_itself() {
        for own in ["localhost", "app.localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"] {
            assert!(is_local(own), "{own}");
        }
        for public in ["localhost.example.com", "mylocalhost", "192.0.2.1", "[2001:db8::1]"] {
            assert!(!is_local(public), "{public}");
        }
    }

    #[test]
    fn e17_hosts_match_in_upper_case_with_port_and_with_trailing_dot() {
        for (raw, canonical) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com", "example.com"),
            ("example.com:443", "example.com"),
            ("example.com:", "example.com"),
            ("example.com.", "example.com"),
            ("Example.Com.:8443", "example.com"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("my_host", "my_host"),
            ("[::1]", "[::1]"),
            ("[::1]:8443", "[::1]"),
            ("[0:0::1]:80", "[::1]"),
            ("[2001:DB8::A]", "[2001:db8::a]"),
        ] {
            assert_eq!(canonical_host(raw.as_bytes()).as_deref(), Ok(canonical), "{raw}");
        }
        assert!(matches!(canonical_host(b"example.com:443"), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn e12_what_is_no_host_is_refused() {
        for (raw, error) in [
            (&b""[..], HostError::Empty),
            (b".", HostError::Empty),
            (b":80", HostError::Empty),
            (b"user@example.com", HostError::Userinfo),
            (b"a.com, b.com", HostError::Comma),
            (b"a.com,b.com", HostError::Comma),
            (b" a.com", HostError::Space),
            (b"a.com\0", HostError::Space),
            (b"a.com:80a", HostError::Port),
            (b"a.com:65536", HostError::Port),
            (b"a.com:+1", HostError::Port),
            (b"a:b:c", HostError::Port),
            (b"::1", HostError::Port),
            (b"[::1", HostError::Literal),
            (b"[::g]", HostError::Literal),
            (b"[127.0.0.1]", HostError::Literal),
            (b"[::1]x", HostError::Port),
            (b"a..com", HostError::Name),
            (b".a.com", HostError::Name),
            (b"a/b", HostError::Name),
            (b"*.example.com", HostError::Name),
            (b"a%2ecom", HostError::Name),
            (b"\xff", HostError::Name),
            ("münchen.de".as_bytes(), HostError::Name),
        ] {
            assert_eq!(canonical_host(raw), Err(error), "{}", String::from_utf8_lossy(raw));
        }
        assert_eq!(canonical_host("a".repeat(254).as_bytes()), Err(HostError::Name));
    }
}
