//! Whether certificate files are there and readable, whether key and certificate fit, and whether every host is
//! covered.
//!
//! Nothing of this keeps the daemon from starting (N27), so every diagnostic here is a [`Severity::Certificate`] or a
//! warning. Files are loaded for handshakes, and again when they change, in the room `tls`.
//!
//! [`Severity::Certificate`]: crate::config::text::report::Severity::Certificate

use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use crate::config::build::merge::Merged;
use crate::config::read::redirects::RawRedirect;
use crate::config::read::tls::RawTls;
use crate::config::text::raw::At;
use crate::config::text::report::Diagnostic;
use crate::config::text::words;
use crate::model::secrecy;

/// Checks the files of every service, and those of `[defaults]` for the redirects.
pub(crate) fn check(
    services: &[Merged],
    defaults: Option<&At<RawTls>>,
    redirects: &[RawRedirect],
    folder: &Path,
    now: SystemTime,
    problems: &mut Vec<Diagnostic>,
) {
    for service in services {
        let hosts: Vec<&At<Arc<str>>> = service.hosts().iter().collect();
        check_one(service.settings.tls.as_ref(), &hosts, folder, now, problems);
    }
    let hosts: Vec<&At<Arc<str>>> = redirects.iter().map(|redirect| &redirect.host).collect();
    check_one(defaults, &hosts, folder, now, problems);
}

fn check_one(
    tls: Option<&At<RawTls>>,
    hosts: &[&At<Arc<str>>],
    folder: &Path,
    now: SystemTime,
    problems: &mut Vec<Diagnostic>,
) {
    let Some(RawTls::Files { cert, key }) = tls.map(|tls| &tls.value) else {
        return;
    };
    let chain = read(cert, folder, problems).and_then(|pem| chain(cert, &pem, problems));
    let private = read(key, folder, problems).and_then(|pem| private_key(key, &pem, problems));
    if private.is_some() {
        check_mode(key, folder, problems);
    }
    let Some(chain) = chain else { return };
    let usable = chain
        .first()
        .is_some_and(|leaf| check_leaf(cert, leaf, hosts, now, problems));
    if let (true, Some(private)) = (usable, private) {
        check_fit(cert, key, chain, &private, problems);
    }
}

fn read(file: &At<String>, folder: &Path, problems: &mut Vec<Diagnostic>) -> Option<Vec<u8>> {
    let path = folder.join(&file.value);
    match fs::read(&path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            problems.push(
                Diagnostic::certificate(&file.span, format!("cannot read `{}`: {error}", path.display()))
                    .expected("expected a readable PEM file")
                    .hint("relative paths start at the folder of the configuration file"),
            );
            None
        }
    }
}

/// Whether others than the daemon can read a key, or write it.
fn check_mode(key: &At<String>, folder: &Path, problems: &mut Vec<Diagnostic>) {
    let path = folder.join(&key.value);
    let Ok(mode) = fs::metadata(&path).map(|metadata| metadata.mode()) else {
        return;
    };
    let complaint = secrecy::complaint(mode, "the key", &key.value, &path);
    problems.extend(complaint.map(|it| Diagnostic::open(&key.span, it)));
}

fn chain(cert: &At<String>, pem: &[u8], problems: &mut Vec<Diagnostic>) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let wrong = match chain {
        Ok(chain) if !chain.is_empty() => return Some(chain),
        Ok(_) => format!("`{}` holds no certificate", cert.value),
        Err(error) => format!("`{}` is not valid PEM: {error}", cert.value),
    };
    problems.push(
        Diagnostic::certificate(&cert.span, wrong)
            .expected("expected a certificate chain in PEM, the host's own first"),
    );
    None
}

fn private_key(key: &At<String>, pem: &[u8], problems: &mut Vec<Diagnostic>) -> Option<PrivateKeyDer<'static>> {
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(private) => Some(private),
        Err(_) => {
            // The parser's words could quote the file: say nothing that stands in a key.
            problems.push(
                Diagnostic::certificate(
                    &key.span,
                    format!("`{}` holds no private key that can be read", key.value),
                )
                .expected("expected an unencrypted private key in PEM")
                .hint("a key with a password cannot be used by a daemon that starts by itself"),
            );
            None
        }
    }
}

fn check_fit(
    cert: &At<String>,
    key: &At<String>,
    chain: Vec<CertificateDer<'static>>,
    private: &PrivateKeyDer<'static>,
    problems: &mut Vec<Diagnostic>,
) {
    let signing = match rustls::crypto::aws_lc_rs::sign::any_supported_type(private) {
        Ok(signing) => signing,
        Err(_) => {
            problems.push(
                Diagnostic::certificate(&key.span, format!("`{}` holds a key of an unknown kind", key.value))
                    .expected("expected an RSA, ECDSA or Ed25519 key"),
            );
            return;
        }
    };
    match CertifiedKey::new(chain, signing).keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => problems.push(
            Diagnostic::certificate(&key.span, "the private key does not fit the certificate")
                .expected(format!("expected the key of `{}`", cert.value))
                .related(&cert.span, "the certificate"),
        ),
        Err(error) => problems.push(Diagnostic::certificate(
            &cert.span,
            format!("the certificate `{}` cannot be used: {error}", cert.value),
        )),
    }
}

/// Whether the host's own certificate may be used at all.
fn check_leaf(
    cert: &At<String>,
    leaf: &CertificateDer<'_>,
    hosts: &[&At<Arc<str>>],
    now: SystemTime,
    problems: &mut Vec<Diagnostic>,
) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(leaf) else {
        problems.push(
            Diagnostic::certificate(&cert.span, format!("`{}` holds no X.509 certificate", cert.value))
                .expected("expected a certificate chain in PEM, the host's own first"),
        );
        return false;
    };
    if parsed.version() != X509Version::V3 {
        problems.push(
            Diagnostic::certificate(
                &cert.span,
                format!(
                    "`{}` is an X.509 v{} certificate, which no client takes",
                    cert.value,
                    parsed.version().0 + 1
                ),
            )
            .expected("expected version 3, with the host as subjectAltName")
            .hint("with openssl: `-addext subjectAltName=DNS:HOST` for `req -x509`, `-extfile` for `x509 -req`"),
        );
        return false;
    }
    let names = Names::of(&parsed);
    for host in hosts {
        if !names.cover(&host.value) {
            problems.push(uncovered(&cert.span, host, &names));
        }
    }
    let seconds = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
    let validity = parsed.validity();
    let when = if seconds > validity.not_after.timestamp() {
        format!("expired: it ended {}", validity.not_after)
    } else if seconds < validity.not_before.timestamp() {
        format!("is not valid yet: it starts {}", validity.not_before)
    } else {
        return true;
    };
    problems.push(Diagnostic::warning(
        &cert.span,
        format!("the certificate `{}` {when}", cert.value),
    ));
    true
}

fn uncovered(cert: &Range<usize>, host: &At<Arc<str>>, names: &Names) -> Diagnostic {
    let shown = match names.shown().as_slice() {
        [] => "it names no host at all".to_owned(),
        list => format!("it is for {}", words::all_of(list.iter().map(String::as_str))),
    };
    Diagnostic::certificate(
        cert,
        format!("the certificate does not cover the host `{}`", host.value),
    )
    .expected(shown)
    .related(&host.span, "the host")
}

/// The names that a certificate is for. The common name does not count: clients ignore it (RFC 9525 §2).
struct Names {
    dns: Vec<String>,
    ips: Vec<IpAddr>,
}

impl Names {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut names = Self {
            dns: Vec::new(),
            ips: Vec::new(),
        };
        // A certificate whose names cannot be read covers nothing.
        if let Ok(Some(list)) = certificate.subject_alternative_name() {
            for name in &list.value.general_names {
                if let GeneralName::DNSName(name) = name {
                    names.dns.push(name.to_ascii_lowercase());
                } else if let GeneralName::IPAddress(bytes) = name {
                    names.ips.extend(ip(bytes));
                }
            }
        }
        names
    }

    /// Whether the certificate is for `host`. A wildcard stands for exactly the first label (RFC 9525 §6.3).
    fn cover(&self, host: &str) -> bool {
        let literal = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        if let Ok(ip) = literal.parse::<IpAddr>() {
            return self.ips.contains(&ip);
        }
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.dns
            .iter()
            .any(|name| name == host || name.strip_prefix("*.").is_some_and(|suffix| Some(suffix) == parent))
    }

    fn shown(&self) -> Vec<String> {
        let ips = self.ips.iter().map(ToString::to_string);
        self.dns.iter().cloned().chain(ips).collect()
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(bytes)
        .ok()
        .map(|sixteen| IpAddr::from(Ipv6Addr::from(sixteen)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_name_covers_one_label() {
        let names = Names {
            dns: vec!["example.com".into(), "*.example.com".into()],
            ips: vec![IpAddr::from([127, 0, 0, 1])],
        };
        for (host, covered) in [
            ("example.com", true),
            ("www.example.com", true),
            ("*.example.com", true),
            ("a.b.example.com", false),
            ("*.b.example.com", false),
            ("example.org", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("[::1]", false),
        ] {
            assert_eq!(names.cover(host), covered, "{host}");
        }
    }
}
