//! One order, from the first request to the chain (RFC 8555 §7.4): prove the host, finalize the order, fetch the certificate.
//!
//! Who decides when, and with which account, is not here; nor is what becomes of the certificate.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeHandle, ChallengeType, Error, Identifier, NewOrder,
    Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde::{Deserialize, Serialize};

use super::challenges::{Challenges, Posted};
use super::error::{AcmeError, Blame, is_bad_nonce, kind_of};
use super::http::AcmeHttp;
use crate::tls::clock::unix_now;
use crate::tls::shelf::Secret;

/// A nonce may be refused at any time (RFC 8555 §6.5). instant-acme tries three; so often is each call repeated.
const NONCES: u32 = 6;
/// How long a CA may take to look at a challenge or to sign.
const POLLING: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(150))
    .backoff(1.4)
    .timeout(Duration::from_secs(90));

/// How a host is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// HTTP-01.
    Http,
    /// TLS-ALPN-01.
    TlsAlpn,
    /// DNS-01, by this command.
    Dns(String),
}

impl Way {
    /// As the CA calls it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http => "http-01",
            Self::TlsAlpn => "tls-alpn-01",
            Self::Dns(_) => "dns-01",
        }
    }

    fn kind(&self) -> ChallengeType {
        match self {
            Self::Http => ChallengeType::Http01,
            Self::TlsAlpn => ChallengeType::TlsAlpn01,
            Self::Dns(_) => ChallengeType::Dns01,
        }
    }
}

/// An order that was finalized; with it a later process can fetch the certificate that this one did not live to see.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Begun {
    /// Where it was placed.
    pub directory: String,
    /// The order.
    pub order: String,
    /// The private key in PEM.
    pub key: Secret,
    /// The challenge that worked.
    pub challenge: String,
    /// When, in unix seconds.
    #[serde(default)]
    pub at: i64,
}

/// The certificate that is wanted.
#[derive(Debug, Clone)]
pub struct Wish {
    /// A name, a wildcard or an address.
    pub host: String,
    /// The kind of certificate.
    pub profile: Option<String>,
    /// How the host may be proved, in the order in which it is tried; at least one.
    pub ways: Vec<Way>,
    /// The certificate that it replaces (RFC 9773 §5).
    pub replaces: Option<String>,
    /// An order that an earlier process finalized.
    pub begun: Option<Begun>,
}

/// What an order asks while it goes on, and what it tells.
pub trait Watch {
    /// Whether a validation may fail now.
    fn may_validate(&self) -> bool;
    /// One did.
    fn validation_failed(&self);
    /// The order is finalized next; what is told here is enough to go on with after a crash.
    fn finalizing(&self, begun: &Begun);
}

/// What Let's Encrypt calls the only kind of certificate that it gives for addresses.
const FOR_ADDRESSES: &str = "shortlived";

/// A chain and its key.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) chain: String,
    pub(super) key: Secret,
    pub(super) challenge: String,
}

/// What an order is carried out with.
pub(super) struct Desk<'a> {
    pub(super) account: &'a Account,
    pub(super) http: &'a AcmeHttp,
    pub(super) directory: &'a str,
    pub(super) challenges: &'a Arc<Challenges>,
    pub(super) watch: &'a dyn Watch,
}

/// Tries again when the CA refuses nothing but the nonce.
macro_rules! steady {
    ($call:expr) => {{
        let mut tries = 1;
        loop {
            match $call {
                Err(error) if is_bad_nonce(&error) && tries < NONCES => tries += 1,
                other => break other,
            }
        }
    }};
}

impl Desk<'_> {
    /// Gets a certificate, by the first way that works.
    pub(super) async fn obtain(&self, wish: &Wish) -> Result<Obtained, AcmeError> {
        if let Some(begun) = wish.begun.as_ref().filter(|begun| begun.directory == self.directory)
            && let Ok(obtained) = self.resume(begun).await
        {
            return Ok(obtained);
        }
        let mut failed: Option<AcmeError> = None;
        for way in &wish.ways {
            if !self.watch.may_validate() {
                let error = AcmeError {
                    blame: Blame::Validation,
                    ..AcmeError::here("5 validations failed within an hour, which is as many as CAs bear with")
                };
                return Err(failed.unwrap_or(error));
            }
            match self.by(way, wish).await {
                Err(error) if error.blame == Blame::Validation => {
                    self.watch.validation_failed();
                    failed = Some(match failed {
                        Some(first) => AcmeError {
                            message: format!("{}; {}", first.message, error.message),
                            ..first
                        },
                        None => error,
                    });
                }
                other => return other,
            }
        }
        Err(failed.unwrap_or_else(|| AcmeError::here("there is no way to prove this host")))
    }

    /// Goes on with an order of a process that did not live to see its end. If anything is in the way, a new order will do.
    async fn resume(&self, begun: &Begun) -> Result<Obtained, AcmeError> {
        let order = steady!(self.account.order(begun.order.clone()).await);
        let mut order = order.map_err(|error| self.error(&error))?;
        let key = KeyPair::from_pem(&begun.key.0).map_err(|error| AcmeError::here(error.to_string()))?;
        let names = steady!(names(&mut order).await).map_err(|error| self.error(&error))?;
        if order.state().status == OrderStatus::Ready {
            self.finalize(&mut order, &key, names).await?;
        }
        let chain = self.fetch(&mut order).await?;
        Ok(Obtained {
            chain,
            key: begun.key.clone(),
            challenge: begun.challenge.clone(),
        })
    }

    async fn by(&self, way: &Way, wish: &Wish) -> Result<Obtained, AcmeError> {
        let mut order = self.place(wish).await?;
        self.prove(&mut order, way, wish).await?;
        let key = KeyPair::generate().map_err(|error| AcmeError::here(error.to_string()))?;
        let begun = Begun {
            directory: self.directory.to_owned(),
            order: order.url().to_owned(),
            key: Secret(key.serialize_pem()),
            challenge: way.name().to_owned(),
            at: unix_now(),
        };
        self.watch.finalizing(&begun);
        self.finalize(&mut order, &key, vec![wish.host.clone()]).await?;
        let chain = self.fetch(&mut order).await?;
        Ok(Obtained {
            chain,
            key: begun.key,
            challenge: begun.challenge,
        })
    }

    /// A new order. One that the CA does not take as a replacement is placed as one of its own (RFC 9773 §5).
    async fn place(&self, wish: &Wish) -> Result<Order, AcmeError> {
        let identifiers = [match wish.host.parse::<IpAddr>() {
            Ok(ip) => Identifier::Ip(ip),
            Err(_) => Identifier::Dns(wish.host.clone()),
        }];
        let is_address = matches!(identifiers, [Identifier::Ip(_)]);
        let for_addresses = || is_address && self.account.profiles().any(|one| one.name == FOR_ADDRESSES);
        let profile = match &wish.profile {
            None if for_addresses() => Some(FOR_ADDRESSES),
            profile => profile.as_deref(),
        };
        let mut plain = NewOrder::new(&identifiers);
        if let Some(profile) = profile {
            plain = plain.profile(profile);
        }
        if let Some((key, serial)) = wish.replaces.as_ref().and_then(|id| id.split_once('.')) {
            let id = CertificateIdentifier {
                authority_key_identifier: key.into(),
                serial: serial.into(),
            };
            let mut replacing = NewOrder::new(&identifiers).replaces(id);
            if let Some(profile) = profile {
                replacing = replacing.profile(profile);
            }
            match steady!(self.account.new_order(&replacing).await) {
                Ok(order) => return Ok(order),
                Err(Error::Api(problem)) if kind_of(&problem) == "rateLimited" => {
                    return Err(self.error(&Error::Api(problem)));
                }
                Err(error) => tracing::debug!(host = wish.host, %error, "not taken as a replacement"),
            }
        }
        steady!(self.account.new_order(&plain).await).map_err(|error| self.error(&error))
    }

    async fn prove(&self, order: &mut Order, way: &Way, wish: &Wish) -> Result<(), AcmeError> {
        // The answers are given until the CA has decided.
        let mut posted = Vec::new();
        let mut open = false;
        // The stream forgets a place after an error, so that a refused nonce means to begin again.
        steady!(load_authorizations(order).await).map_err(|error| self.error(&error))?;
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.error(&error))?;
            match authorization.status {
                AuthorizationStatus::Valid => continue,
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Invalid
                | AuthorizationStatus::Revoked
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Deactivated => {
                    return Err(AcmeError::ca(
                        "the CA gave an authorization that cannot be used any more",
                    ));
                }
            }
            open = true;
            let Some(mut challenge) = authorization.challenge(way.kind()) else {
                return Err(AcmeError {
                    blame: Blame::Validation,
                    ..AcmeError::ca(format!("the CA does not check `{}` by {}", wish.host, way.name()))
                });
            };
            posted.push(self.post(way, &wish.host, &challenge).await?);
            if let Err(error) = steady!(challenge.set_ready().await) {
                return Err(match error {
                    Error::Api(problem)
                        if kind_of(&problem) != "rateLimited" && problem.status.is_none_or(|s| s != 429) =>
                    {
                        AcmeError::challenge(&problem, &wish.host, way.name())
                    }
                    other => self.error(&other),
                });
            }
        }
        if !open && order.state().status == OrderStatus::Ready {
            return Ok(());
        }
        let ready = steady!(order.poll_ready(&POLLING).await);
        drop(posted);
        match ready {
            Ok(OrderStatus::Ready) => Ok(()),
            Ok(_) | Err(Error::Api(_)) => Err(self.why_invalid(order, way, wish, ready.err()).await),
            Err(error) => Err(self.error(&error)),
        }
    }

    async fn post(&self, way: &Way, host: &str, challenge: &ChallengeHandle<'_>) -> Result<Posted, AcmeError> {
        let answer = challenge.key_authorization();
        match way {
            Way::Http => Ok(self.challenges.post_http(&challenge.token, answer.as_str())),
            Way::TlsAlpn => self
                .challenges
                .post_tls(host, answer.digest().as_ref())
                .map_err(AcmeError::here),
            Way::Dns(command) => self
                .challenges
                .post_dns(command, host, &answer.dns_value())
                .await
                .map_err(|why| AcmeError::here(format!("the DNS command `{command}` {why}"))),
        }
    }

    /// The order says that it failed; why stands in the challenge of the authorization.
    async fn why_invalid(&self, order: &mut Order, way: &Way, wish: &Wish, error: Option<Error>) -> AcmeError {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            if steady!(authorization.refresh().await).is_err() {
                continue;
            }
            let problems = authorization.challenges.iter().filter_map(|one| one.error.as_ref());
            if let Some(problem) = problems.into_iter().next() {
                return AcmeError::challenge(problem, &wish.host, way.name());
            }
        }
        match error {
            Some(error) => self.error(&error),
            None => AcmeError {
                blame: Blame::Validation,
                ..AcmeError::ca(format!(
                    "the CA could not check `{}` by {} and does not say why",
                    wish.host,
                    way.name()
                ))
            },
        }
    }

    async fn finalize(&self, order: &mut Order, key: &KeyPair, names: Vec<String>) -> Result<(), AcmeError> {
        let here = |error: rcgen::Error| AcmeError::here(error.to_string());
        let mut params = CertificateParams::new(names).map_err(here)?;
        // The name stands in the subjectAltName alone; CAs fill in the rest.
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(key).map_err(here)?;
        steady!(order.finalize_csr(request.der()).await).map_err(|error| self.error(&error))
    }

    async fn fetch(&self, order: &mut Order) -> Result<String, AcmeError> {
        steady!(order.poll_certificate(&POLLING).await).map_err(|error| self.error(&error))
    }

    fn error(&self, error: &Error) -> AcmeError {
        AcmeError::of(error, self.directory, self.http)
    }
}

/// Fetches what the order's authorizations say; those that were fetched are not fetched again.
async fn load_authorizations(order: &mut Order) -> Result<(), Error> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        authorization?;
    }
    Ok(())
}

async fn names(order: &mut Order) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    let mut identifiers = order.identifiers();
    while let Some(identifier) = identifiers.next().await {
        names.push(identifier?.to_string());
    }
    Ok(names)
}
