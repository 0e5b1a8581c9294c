//! What a CA is answered while it checks that a host is ours: tokens on port 80 (RFC 8555 §8.3), certificates of their own on
//! port 443 (RFC 8737), records by a command. Every answer is taken back by its guard.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use rcgen::{CertificateParams, CustomExtension, KeyPair, SanType};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::dns::{Record, Records};

/// The protocol by which a CA asks for the challenge's certificate.
const PROTOCOL: &[u8] = b"acme-tls/1";

/// Every answer that a CA may come for. Looking one up takes no lock.
#[derive(Default)]
pub struct Challenges {
    answers: ArcSwap<Answers>,
    /// How many of `answers.tls` there are, so that handshakes see in one load that there is none.
    pending: Arc<AtomicUsize>,
    records: Records,
}

#[derive(Clone, Default)]
struct Answers {
    /// By token.
    http: HashMap<Box<str>, Arc<str>>,
    /// By server name.
    tls: HashMap<Box<str>, Arc<ServerConfig>>,
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenges")
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

impl Challenges {
    /// The key authorization of a token.
    #[must_use]
    pub fn http(&self, token: &str) -> Option<String> {
        self.answers.load().http.get(token).map(|answer| answer.to_string())
    }

    /// What a client is to be shown that asks for this server name by `acme-tls/1`.
    #[must_use]
    pub fn tls(&self, name: &str) -> Option<Arc<ServerConfig>> {
        self.answers.load().tls.get(name.to_ascii_lowercase().as_str()).cloned()
    }

    /// How many answers [`Challenges::tls`] has.
    #[must_use]
    pub fn pending(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.pending)
    }

    /// Answers for a token on port 80, until the guard is dropped.
    pub(super) fn post_http(self: &Arc<Self>, token: &str, answer: &str) -> Posted {
        self.change(|answers| {
            answers.http.insert(token.into(), answer.into());
        });
        Posted(Undo::Http(Arc::clone(self), token.into()))
    }

    /// Shows a certificate with this digest on port 443, until the guard is dropped.
    ///
    /// # Errors
    /// When there can be no such certificate.
    pub(super) fn post_tls(self: &Arc<Self>, host: &str, digest: &[u8]) -> Result<Posted, String> {
        let config = Arc::new(answering(host, digest)?);
        let name = server_name(host);
        self.change(|answers| {
            answers.tls.insert(name.clone(), Arc::clone(&config));
        });
        Ok(Posted(Undo::Tls(Arc::clone(self), name)))
    }

    /// Has a command set a record, and take it away when the guard is dropped.
    ///
    /// # Errors
    /// Why it could not be run, or what it said.
    pub(super) async fn post_dns(&self, command: &str, host: &str, value: &str) -> Result<Posted, String> {
        let record = self.records.post(command, host, value).await?;
        Ok(Posted(Undo::Dns { _taken_away_by: record }))
    }

    /// Waits until no record is left of those that were set in the DNS: whoever sets the next would see it removed.
    pub async fn settled(&self) {
        self.records.settled().await;
    }

    fn change(&self, change: impl Fn(&mut Answers)) {
        self.answers.rcu(|answers| {
            let mut answers = Answers::clone(answers);
            change(&mut answers);
            answers
        });
        // After the answers: a handshake that sees the number sees them too.
        self.pending.store(self.answers.load().tls.len(), Ordering::Release);
    }
}

/// An answer that is given until this is dropped.
#[must_use]
pub(super) struct Posted(Undo);

enum Undo {
    Http(Arc<Challenges>, Box<str>),
    Tls(Arc<Challenges>, Box<str>),
    Dns { _taken_away_by: Record },
}

impl Drop for Posted {
    fn drop(&mut self) {
        match &self.0 {
            Undo::Http(challenges, token) => challenges.change(|answers| {
                answers.http.remove(token);
            }),
            Undo::Tls(challenges, name) => challenges.change(|answers| {
                answers.tls.remove(name);
            }),
            Undo::Dns { .. } => {}
        }
    }
}

/// The server name that a CA sends: addresses have none of their own, so that they go by their name in the DNS (RFC 8738 §6).
fn server_name(host: &str) -> Box<str> {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa").into()
        }
        Ok(IpAddr::V6(ip)) => {
            let mut name = String::new();
            for byte in ip.octets().into_iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", byte & 15, byte >> 4));
            }
            name.push_str("ip6.arpa");
            name.into()
        }
        Err(_) => host.to_ascii_lowercase().into(),
    }
}

/// RFC 8737 §3: a self-signed certificate with the digest, and the one protocol.
fn answering(host: &str, digest: &[u8]) -> Result<ServerConfig, String> {
    let text = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![match host.parse::<IpAddr>() {
        Ok(ip) => SanType::IpAddress(ip),
        Err(_) => SanType::DnsName(host.try_into().map_err(text)?),
    }];
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(text)?;
    let certificate = params.self_signed(&key).map_err(text)?;
    let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let text = |error: rustls::Error| error.to_string();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let secret = provider.key_provider.load_private_key(secret).map_err(text)?;
    // Not `with_single_cert`: that looks into the certificate, and refuses what is critical and unknown to it.
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate.into()], secret));
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(text)?.with_no_client_auth();
    let mut config = config.with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_given_until_its_guard_is_gone() {
        let challenges = Arc::new(Challenges::default());
        let pending = challenges.pending();
        let http = challenges.post_http("token", "token.thumb");
        assert_eq!(challenges.http("token").as_deref(), Some("token.thumb"));
        assert_eq!((challenges.http("other"), pending.load(Ordering::Acquire)), (None, 0));
        let tls = challenges.post_tls("a.example.com", &[7; 32]).unwrap();
        let other = challenges.post_tls("192.0.2.1", &[7; 32]).unwrap();
        assert_eq!(pending.load(Ordering::Acquire), 2);
        assert_eq!(challenges.tls("A.example.com").unwrap().alpn_protocols, [PROTOCOL]);
        assert!(challenges.tls("1.2.0.192.in-addr.arpa").is_some());
        assert!(challenges.tls("b.example.com").is_none());
        drop((http, tls, other));
        assert_eq!((challenges.http("token"), pending.load(Ordering::Acquire)), (None, 0));
        assert!(challenges.tls("a.example.com").is_none());
    }

    #[test]
    fn an_ipv6_address_goes_by_its_nibbles() {
        let name = server_name("2001:db8::1");
        assert!(
            name.starts_with("1.0.0.0.") && name.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"),
            "{name}"
        );
    }
}
