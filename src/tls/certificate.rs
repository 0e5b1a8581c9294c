//! One certificate with its key, and what it says about itself: the names it covers, who issued it, when it ends.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use instant_acme::CertificateIdentifier;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Version};

use super::clock::unix_seconds;
use crate::model::renewal::Life;

/// What clients are shown, with the facts that were read out of it once.
pub(super) struct Certificate {
    key: Arc<CertifiedKey>,
    names: Vec<Name>,
    issuer: String,
    life: Life,
    /// What a CA calls it when it is asked about renewal (RFC 9773 §4.1).
    id: Option<Box<str>>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key's own `Debug` belongs to another crate; it has no business in a log.
        f.debug_struct("Certificate")
            .field("names", &self.names)
            .field("issuer", &self.issuer)
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

/// One entry of the certificate's subjectAltName. A common name without one has not counted since RFC 6125 §6.4.4.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// `app.example.com`.
    Exact(Box<str>),
    /// `*.example.com`, without the `*.`.
    Wildcard(Box<str>),
    /// An address.
    Ip(IpAddr),
}

impl Certificate {
    /// Reads the facts out of the chain's first certificate.
    ///
    /// # Errors
    /// What is wrong with it, when it is no X.509 certificate.
    pub(super) fn new(key: Arc<CertifiedKey>) -> Result<Self, String> {
        let leaf = key.cert.first().ok_or("no certificate")?;
        let (_, leaf) =
            X509Certificate::from_der(leaf).map_err(|error| format!("not an X.509 certificate: {error}"))?;
        let names = match leaf.subject_alternative_name() {
            Ok(Some(extension)) => extension.value.general_names.iter().filter_map(Name::read).collect(),
            Ok(None) => Vec::new(),
            Err(error) => return Err(format!("its subjectAltName cannot be read: {error}")),
        };
        let issuer = leaf.issuer();
        let issuer_name = issuer
            .iter_common_name()
            .chain(issuer.iter_organization())
            .find_map(|attribute| attribute.as_str().ok())
            .map_or_else(|| issuer.to_string(), str::to_owned);
        let life = Life {
            from: leaf.validity().not_before.timestamp(),
            until: leaf.validity().not_after.timestamp(),
        };
        let id = key
            .cert
            .first()
            .and_then(|leaf| CertificateIdentifier::try_from(leaf).ok());
        let id = id.map(|id| id.to_string().into());
        Ok(Self {
            names,
            issuer: issuer_name,
            life,
            id,
            key,
        })
    }

    /// What rustls signs with.
    pub(super) fn key(&self) -> &Arc<CertifiedKey> {
        &self.key
    }

    /// The chain, leaf first.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// The issuer's common name, else its organisation, else its whole name.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// From when until when it is good.
    pub(super) fn life(&self) -> Life {
        self.life
    }

    /// What a CA calls it when it is asked about renewal; `None` where it does not name its issuer's key.
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// When it ends, RFC 3339; empty for a year that no calendar has.
    pub(super) fn not_after(&self) -> String {
        jiff::Timestamp::from_second(self.life.until).map_or_else(|_| String::new(), |end| end.to_string())
    }

    /// Whether it covers a host: a name without port, or an address, IPv6 with or without brackets.
    pub(super) fn covers(&self, host: &str) -> bool {
        let host = bare(host);
        self.names.iter().any(|name| name.covers(host))
    }

    /// Why clients will not take it at this time.
    pub(super) fn untimely(&self, now: SystemTime) -> Option<&'static str> {
        let now = unix_seconds(now);
        if now > self.life.until {
            Some("has expired")
        } else if now < self.life.from {
            Some("is not valid yet")
        } else {
            None
        }
    }

    /// Whether a third of its life or less is left, or it has not begun (a clock that was wrong when it was made).
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        let now = unix_seconds(now);
        self.life.until.saturating_sub(now) <= self.life.length() / 3 || now < self.life.from
    }
}

impl Name {
    fn read(name: &GeneralName<'_>) -> Option<Self> {
        match name {
            GeneralName::DNSName(name) => Some(match name.strip_prefix("*.") {
                Some(parent) => Self::Wildcard(bare(parent).into()),
                None => Self::Exact(bare(name).into()),
            }),
            GeneralName::IPAddress(bytes) => {
                let ip = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                ip.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
                    .ok()
                    .map(Self::Ip)
            }
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::URI(_)
            | GeneralName::RegisteredID(_)
            | GeneralName::Invalid(..) => None,
        }
    }

    /// A wildcard stands for exactly one label (RFC 6125 §6.4.3).
    fn covers(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => name.eq_ignore_ascii_case(host),
            Self::Wildcard(parent) => host
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest.eq_ignore_ascii_case(parent)),
            Self::Ip(ip) => host.parse() == Ok(*ip),
        }
    }
}

/// A host without its trailing dot and without the brackets of an IPv6 address.
pub(super) fn bare(host: &str) -> &str {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(host)
}

/// Whether a certificate is of a version that has no extensions, and so cannot name its host (RFC 5280 §4.1.2.1).
pub(super) fn is_outdated(certificate: &CertificateDer<'static>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| parsed.version() != X509Version::V3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let name = Name::Wildcard("example.com".into());
        assert!(name.covers("a.example.com"));
        assert!(name.covers("A.EXAMPLE.com"));
        assert!(!name.covers("example.com"));
        assert!(!name.covers(".example.com"));
        assert!(!name.covers("a.b.example.com"));
        assert!(!name.covers("a.notexample.com"));
    }

    #[test]
    fn addresses_match_as_numbers_and_not_as_text() {
        let name = Name::Ip("2001:db8::1".parse().unwrap());
        assert!(name.covers(bare("[2001:0db8::0:1]")));
        assert!(!name.covers("2001:db8::2"));
        assert!(!Name::Exact("example.com".into()).covers("192.0.2.1"));
    }
}
